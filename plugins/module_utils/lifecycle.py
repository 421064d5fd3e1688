# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""next_steps(): what can be done now to bring one workspace from what is seen to what is asked for.

Pure and level-triggered: it knows no cloud and remembers nothing. A resize is stop, wait, modify, start because each
look finds the next gap; a crash, a lost response or a second run is just another look. Check mode prints the first
answer.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import times
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput, LaunchFailed, Refused
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Labels, Observed, Spec, when

#: Not running, by either of the two ways: each satisfies the other, since a parked machine is never started
#: only to be parked differently (and a failed hibernation is a plain stop).
PARKED = ("stopped", "suspended")


@dataclasses.dataclass(frozen=True)
class Setting:
    """How one of a provider's settings can be changed on an existing machine.

    ``change`` is ``live``, ``stopped`` (the machine must be stopped for it) or ``never`` (only a new machine has it).
    """

    change: str
    differs: t.Callable[[t.Any, t.Any], bool] = lambda declared, seen: bool(declared != seen)


@dataclasses.dataclass(frozen=True)
class Step:
    """One thing to do: create, tag, modify, start, stop, suspend, cancel, delete or wait."""

    verb: str
    why: str = ""
    labels: Labels = dataclasses.field(default_factory=dict)  #: create, tag: the contract's labels to write
    tags: Labels = dataclasses.field(default_factory=dict)  #: create, tag: the user's tags to write
    remove_labels: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    settings: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)  #: modify


WAIT = Step("wait")
Settings = t.Mapping[str, Setting]


def the_one(spec: Spec, observed: t.Sequence[Observed]) -> Observed | None:
    """The resource that this workspace is, None where there is none. Raises Refused for two, or for somebody else's."""
    holding = [o for o in observed if o.state != "deleting" or o.holds_name]
    if len(holding) > 1:
        raise Refused(
            f"{spec.name}: {' and '.join(sorted(_called(o) for o in holding))} are both the workspace {spec.name!r}; "
            "nothing was done. Delete one of them, or take its tags away, and run again"
        )
    if not holding:
        return next(iter(observed), None) if spec.state == "absent" else None
    if not holding[0].ours:
        raise Refused(
            f"{spec.name}: {holding[0].id} has this name and is not a workspace of ours; choose another name, "
            "nothing was done"
        )
    return holding[0]


def _called(machine: Observed) -> str:
    zone = machine.info.get("zone")
    return f"{machine.id} in {zone}" if zone else machine.id


def next_steps(spec: Spec, observed: t.Sequence[Observed], now: dt.datetime, settings: Settings) -> list[Step]:
    """What can be done now; an empty list when the workspace is at rest.

    Raises Refused where it must not go on, LaunchFailed where the machine died before it ran.
    """
    machine = the_one(spec, observed)
    if machine is not None and machine.state == "absent":
        if spec.state != "absent":
            raise LaunchFailed(f"{spec.name}: {machine.id} died before it ran: {machine.reason}")
        machine = None
    if spec.state == "absent":
        return [] if machine is None else _towards_absent(machine)
    if machine is None:
        return [_create(spec, now)]
    if machine.state in ("pending", "stopping", "deleting"):
        return [*_tag(spec, machine, _due_times(spec, machine, now)), WAIT]
    if spec.state == "running":
        return _towards_running(spec, machine, now, settings)
    return _towards_parked(spec, machine, now, settings)


def fixed_drift(spec: Spec, machine: Observed, settings: Settings) -> dict[str, tuple[t.Any, t.Any]]:
    """Declared settings that the machine does not have and that only a new machine would: name -> (declared, seen)."""
    return _drift(spec, machine, settings, ("never",))


def _create(spec: Spec, now: dt.datetime) -> Step:
    if spec.state != "running":
        raise Refused(
            f"{spec.name}: there is no workspace of this name to bring to state {spec.state!r}; "
            "create it with state: running first"
        )
    labels = {name: value for name, value in {**spec.labels, **_lease(spec, now)}.items() if value}
    return Step("create", "it does not exist", labels=labels, tags=dict(spec.tags or {}))


def _towards_absent(machine: Observed) -> list[Step]:
    if machine.state == "deleting":
        return [WAIT]
    if machine.request:
        return [Step("cancel", f"{machine.request} would launch it again")]
    return [Step("delete", "it is to be absent")]


def _towards_running(spec: Spec, machine: Observed, now: dt.datetime, settings: Settings) -> list[Step]:
    offline = _drift(spec, machine, settings, ("stopped",))
    if machine.state == "running":
        steps = _tag(spec, machine, _due_times(spec, machine, now))
        if not offline:
            return steps + _modify(_drift(spec, machine, settings, ("live",)))
        if not machine.can_stop:
            raise Refused(
                f"{spec.name}: {', '.join(sorted(offline))} can only be changed while it is stopped, and "
                f"{machine.id} cannot be stopped; delete it and create it again"
            )
        return [*steps, Step("stop", f"to change {', '.join(sorted(offline))}")]
    if offline and machine.state == "stopped":
        return _modify(_drift(spec, machine, settings, ("live", "stopped")))
    # The lease is written before the machine runs, or the reaper would find it running with the old one.
    return [*_tag(spec, machine, {"expires-at": "", **_lease(spec, now)}), Step("start", f"it is {machine.state}")]


def _towards_parked(spec: Spec, machine: Observed, now: dt.datetime, settings: Settings) -> list[Step]:
    if machine.state != "running":
        changes = ("live", "stopped") if machine.state == "stopped" else ("live",)
        return _tag(spec, machine, _due_times(spec, machine, now)) + _modify(_drift(spec, machine, settings, changes))
    verb = "suspend" if spec.state == "suspended" else "stop"
    if not (machine.can_suspend if verb == "suspend" else machine.can_stop):
        raise Refused(
            f"{spec.name}: {machine.id} cannot be {spec.state}"
            + (f": {machine.reason}" if machine.reason else "")
            + ("; hibernation is chosen when a machine is created" if verb == "suspend" and not machine.reason else "")
            + ("" if verb == "suspend" else "; delete it instead")
        )
    expiry = {} if spec.retention is None else {"expires-at": _text(times.after(now, spec.retention))}
    return [*_tag(spec, machine, expiry), Step(verb, "it is running")]


def _drift(
    spec: Spec, machine: Observed, settings: Settings, changes: tuple[str, ...]
) -> dict[str, tuple[t.Any, t.Any]]:
    return {
        name: (declared, machine.settings.get(name))
        for name, declared in spec.settings.items()
        if settings[name].change in changes and settings[name].differs(declared, machine.settings.get(name))
    }


def _modify(drift: t.Mapping[str, tuple[t.Any, t.Any]]) -> list[Step]:
    if not drift:
        return []
    why = ", ".join(f"{name} is {seen!r}, not {declared!r}" for name, (declared, seen) in sorted(drift.items()))
    return [Step("modify", why, settings={name: declared for name, (declared, _seen) in drift.items()})]


def _tag(spec: Spec, machine: Observed, times_due: Labels) -> list[Step]:
    """A step that writes what differs of the labels and tags; none where nothing does. An empty label is removed."""
    wanted = {**spec.labels, **times_due}
    labels = {k: v for k, v in wanted.items() if v and machine.labels.get(k) != v}
    remove_labels = tuple(sorted(k for k, v in wanted.items() if not v and k in machine.labels))
    declared = spec.tags or {}
    tags = {k: v for k, v in declared.items() if machine.tags.get(k) != v}
    extra = sorted(set(machine.tags) - set(declared)) if spec.purge_tags and spec.tags is not None else []
    if not (labels or remove_labels or tags or extra):
        return []
    why = "tags differ: " + ", ".join([*sorted(labels), *remove_labels, *sorted(tags), *extra])
    return [Step("tag", why, labels=labels, tags=tags, remove_labels=remove_labels, remove_tags=tuple(extra))]


def _lease(spec: Spec, now: dt.datetime) -> dict[str, str]:
    """The lease that a create or a real start begins; empty text where there is to be none."""
    return {"lease-until": _text(spec.lease_until or times.after(now, spec.lease))}


def _due_times(spec: Spec, machine: Observed, now: dt.datetime) -> dict[str, str]:
    """The times of a machine that is not being started or stopped: only what is missing, or said explicitly.

    A relative lease is not renewed by a run that changes nothing.
    """
    if machine.state in PARKED:
        if spec.retention is not None and not _readable(machine, "expires-at"):
            return {"expires-at": _text(times.after(now, spec.retention))}
        return {}
    if spec.lease_until is not None or spec.lease is None or not _readable(machine, "lease-until"):
        return _lease(spec, now)
    return {}


def _readable(machine: Observed, key: str) -> bool:
    try:
        return when(machine.labels, key) is not None
    except InvalidInput:
        return False


def _text(moment: dt.datetime | None) -> str:
    return "" if moment is None else times.format_time(moment)

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compute Engine as the core sees it: observe and apply."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import CloudError, NoCapacity, Throttled
from ansible_collections.devcontainer.cloud.plugins.module_utils.lifecycle import Setting, Step
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers import gce_view
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.base import Provider
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_api import Api, Json
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_errors import MISSING
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_launch import (
    Launcher,
    flag,
    scheduling,
    shielded,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_operations import Operations, merge
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import MANAGED_BY, Observed, Spec

#: Names in one filter: it travels in the URL.
FILTER_NAMES = 50
_LIVE, _STOPPED, _NEVER = Setting("live"), Setting("stopped"), Setting("never")


def _other_key(declared: str, seen: str) -> bool:
    """What is seen may name the key's version too."""
    return declared != seen.partition("/cryptoKeyVersions/")[0]


class GceProvider(Provider):
    """One project and region."""

    #: Most of a thread's time is waiting for an operation.
    concurrency = 24
    settings: t.ClassVar[t.Mapping[str, Setting]] = {
        "machine_type": _STOPPED,
        "vm_service_account": _STOPPED,
        "vm_scopes": _STOPPED,
        "shielded": _STOPPED,
        "max_run_duration": _STOPPED,
        "network_tags": _LIVE,
        "os_login": _LIVE,
        "project_ssh_keys": _LIVE,
        # A disk only grows; one that somebody made larger is left so.
        "disk_size": Setting("live", lambda declared, seen: seen is not None and declared > seen),
        "kms_key": Setting("never", _other_key),
        "confidential": _NEVER,
        "spot": _NEVER,
    }

    def __init__(self, api: Api, region: str, operations: Operations, wait: bool = True) -> None:
        self._api = api
        self._region = region
        self._operations = operations
        self._launcher = Launcher(operations)
        self._wait = wait
        #: Zones of the region that the last look could not see, and why.
        self.blind: dict[str, str] = {}

    def observe(self, specs: t.Sequence[Spec]) -> t.Mapping[str, t.Sequence[Observed] | CloudError]:
        return self.find([spec.name for spec in specs])

    def find(self, names: t.Sequence[str] | None) -> dict[str, list[Observed] | CloudError]:
        """What there is of the named workspaces; of all workspaces, by name, for None.

        In the place of one that was not found stands an error where a zone could not be looked at: it may be there.
        """
        self.blind = {}
        found: dict[str, list[Observed]] = {name: [] for name in names or ()}
        for instance in self._look(names):
            machine = gce_view.observed(instance)
            workspace = machine.labels["workspace"] if machine.ours else ""
            if workspace in found or (names is None and workspace):
                found.setdefault(workspace, []).append(machine)
            if instance["name"] in found and instance["name"] != workspace and names is not None:
                # Whoever it is has the name: no machine of ours can have it too.
                found[instance["name"]].append(dataclasses.replace(machine, ours=False))
        if names is None:
            return dict(sorted(found.items()))
        return {name: machines or self._unseen(name) for name, machines in found.items()}

    def _unseen(self, name: str) -> list[Observed] | CloudError:
        if not self.blind:
            return []
        where = ", ".join(f"{zone or 'it is not said which'}: {why}" for zone, why in sorted(self.blind.items()))
        return Throttled(
            f"{name}: it may be in a zone that cannot be looked at now ({where}); nothing was done, try again later",
            "UNREACHABLE",
        )

    def _look(self, names: t.Sequence[str] | None) -> t.Iterator[Json]:
        """The region's instances that are these workspaces by label, or have their names: a name is taken either way.

        The whole project is listed, since no list spans just the zones of a region.
        """
        label = f"labels.{codec.GCE_PREFIX}"
        if names is None:
            expressions = [f'{label}managed-by = "{codec.slug(MANAGED_BY)}"']
        else:
            slices = [names[start : start + FILTER_NAMES] for start in range(0, len(names), FILTER_NAMES)]
            expressions = [
                " OR ".join(f'({label}workspace = "{name}") OR (name = "{name}")' for name in some) for some in slices
            ]
        for expression in expressions:
            zones, blind = self._api.instances(expression)
            self.blind.update({scope: why for scope, why in blind.items() if self._concerns(scope)})
            for zone, instances in zones.items():
                if self._ours(zone):
                    yield from instances

    def _ours(self, zone: str) -> bool:
        return zone.rpartition("-")[0] == self._region

    def _concerns(self, scope: str) -> bool:
        """Whether what cannot be looked at is one of the region's zones, or all of it."""
        return self._ours(scope) or scope in (self._region, "")

    def apply(self, step: Step, spec: Spec, machine: Observed | None) -> None:
        if step.verb == "create":
            self._launcher.launch(spec, step)
            return
        if machine is None:
            raise CloudError(f"{spec.name}: {step.verb} of a machine that was not seen")
        try:
            getattr(self, f"_{step.verb}")(step, spec, machine)
        except NoCapacity as error:
            zone = machine.info["zone"]
            raise NoCapacity(
                f"{error}. Its disk binds it to {zone}; try again later, or give another machine_type", error.code
            ) from error

    def _call(self, machine: Observed, what: str, call: str, body: Json, verb: str = "POST") -> None:
        """A change of the instance, carried out on return."""
        name, zone = machine.info["name"], machine.info["zone"]
        self._operations.run(f"{name}: {what}", zone, f"instances/{name}/{call}", body, verb)

    def _power(self, machine: Observed, call: str) -> None:
        """A change of state; accepted on return where the task does not wait, and carried out otherwise."""
        name, zone = machine.info["name"], machine.info["zone"]
        what, path, verb = f"{name}: {call} it in {zone}", f"instances/{name}/{call}", "POST"
        if call == "delete":
            path, verb = f"instances/{name}", "DELETE"
        if self._wait:
            self._operations.run(what, zone, path, verb=verb)
        else:
            self._operations.begin(what, zone, path, verb)

    def _start(self, step: Step, spec: Spec, machine: Observed) -> None:
        self._power(machine, "resume" if machine.state == "suspended" else "start")

    def _stop(self, step: Step, spec: Spec, machine: Observed) -> None:
        self._power(machine, "stop")

    def _suspend(self, step: Step, spec: Spec, machine: Observed) -> None:
        self._power(machine, "suspend")

    def _delete(self, step: Step, spec: Spec, machine: Observed) -> None:
        try:
            self._power(machine, "delete")
        except CloudError as error:
            if error.code != MISSING:
                raise

    def _tag(self, step: Step, spec: Spec, machine: Observed) -> None:
        labels, metadata = codec.to_gce(step.labels)
        gone_labels, gone_metadata = codec.to_gce(dict.fromkeys(step.remove_labels, ""))
        # The labels come last: they are what is compared, so a run that dies in between is finished by the next one.
        self._merge_metadata(machine, metadata, gone_metadata)
        self._merge_labels(machine, {**step.tags, **labels}, [*step.remove_tags, *gone_labels])

    def _merge_metadata(self, machine: Observed, write: t.Mapping[str, str], remove: t.Iterable[str] = ()) -> None:
        def merged(instance: Json) -> tuple[Json, Json]:
            seen = gce_view.metadata_of(instance)
            items = [{"key": key, "value": value} for key, value in _merge(seen, write, remove).items()]
            return (
                {"items": [{"key": key, "value": value} for key, value in seen.items()]},
                {"items": items, **_print_of(instance.get("metadata", {}))},
            )

        self._merge(machine, "write its metadata", "setMetadata", merged)

    def _merge_labels(self, machine: Observed, write: t.Mapping[str, str], remove: t.Iterable[str]) -> None:
        def merged(instance: Json) -> tuple[Json, Json]:
            seen = instance.get("labels", {})
            body = {"labels": _merge(seen, write, remove), "labelFingerprint": instance.get("labelFingerprint", "")}
            return {"labels": seen}, body

        self._merge(machine, "write its labels", "setLabels", merged)

    def _set_tags(self, machine: Observed, tags: t.Sequence[str]) -> None:
        def merged(instance: Json) -> tuple[Json, Json]:
            seen = instance.get("tags", {})
            return {"items": seen.get("items", [])}, {"items": list(tags), **_print_of(seen)}

        self._merge(machine, "write its network tags", "setTags", merged)

    def _merge(self, machine: Observed, what: str, call: str, merged: t.Callable[[Json], tuple[Json, Json]]) -> None:
        """Change what has a fingerprint: read, merge, write; where another write came between, again from the start.

        ``merged`` gives (what is there, what to write); nothing is written where both say the same.
        """
        name, zone = machine.info["name"], machine.info["zone"]
        merge(
            f"{name}: {what}",
            lambda: merged(self._api.instance(zone, name)),
            lambda body: self._call(machine, what, call, body),
        )

    def _modify(self, step: Step, spec: Spec, machine: Observed) -> None:
        wanted = step.settings
        if "machine_type" in wanted:
            path = f"zones/{machine.info['zone']}/machineTypes/{wanted['machine_type']}"
            self._call(machine, "change its type", "setMachineType", {"machineType": path})
        if "vm_service_account" in wanted or "vm_scopes" in wanted:
            account = {**machine.settings, **spec.settings}
            body = {"email": account["vm_service_account"], "scopes": list(account["vm_scopes"])}
            self._call(machine, "change its service account", "setServiceAccount", body)
        if "shielded" in wanted:
            self._call(
                machine,
                "change its Shielded VM options",
                "updateShieldedInstanceConfig",
                shielded(wanted["shielded"]),
                "PATCH",
            )
        if "max_run_duration" in wanted:
            body = scheduling({**machine.settings, **wanted})
            self._call(machine, "change its scheduling", "setScheduling", body)
        if "network_tags" in wanted:
            self._set_tags(machine, wanted["network_tags"])
        flags = {}
        if "os_login" in wanted:
            flags[gce_view.OS_LOGIN] = flag(wanted["os_login"])
        if "project_ssh_keys" in wanted:
            flags[gce_view.NO_PROJECT_KEYS] = flag(not wanted["project_ssh_keys"])
        if flags:
            self._merge_metadata(machine, flags)
        if "disk_size" in wanted:
            self._grow(machine, wanted["disk_size"])

    def _grow(self, machine: Observed, size: int) -> None:
        disk, zone = machine.info["boot_disk"], machine.info["zone"]
        self._operations.run(f"{disk}: grow the disk", zone, f"disks/{disk}/resize", {"sizeGb": str(size)})


def _merge(seen: t.Mapping[str, str], write: t.Mapping[str, str], remove: t.Iterable[str]) -> dict[str, str]:
    gone = set(remove)
    return {key: value for key, value in {**seen, **write}.items() if key not in gone}


def _print_of(part: Json) -> Json:
    return {"fingerprint": part["fingerprint"]} if "fingerprint" in part else {}

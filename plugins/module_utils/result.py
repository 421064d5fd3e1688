# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""An outcome as a module returns it: plain data, no secret, the same for every provider."""

from __future__ import annotations

import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.fleet import Outcome
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, Spec

Json = dict[str, t.Any]


def workspace_result(name: str, provider: str, region: str, machine: Observed | None) -> Json:
    """One workspace as it is seen: what the module and its _info twin both return."""
    if machine is None:
        return {"name": name, "provider": provider, "region": region, "state": "absent", "id": ""}
    labels, info = machine.labels, machine.info
    return {
        "name": name,
        "provider": provider,
        "region": region,
        "state": machine.state,
        "id": machine.id,
        "zone": info.get("zone", ""),
        "private_address": info.get("private_address", ""),
        "public_address": info.get("public_address", ""),
        "address": info.get("public_address") or info.get("private_address", ""),
        "user": labels.get("user", ""),
        "owner": labels.get("owner", ""),
        "team": labels.get("team", ""),
        "host_key": labels.get("host-key", ""),
        "lease_until": labels.get("lease-until", ""),
        "expires_at": labels.get("expires-at", ""),
        "idle_limit": labels.get("idle-limit", ""),
        "repo": labels.get("repo", ""),
        "ref": labels.get("ref", ""),
        "config": labels.get("config", ""),
        "image": info.get("image", ""),
        "instance_type": info.get("instance_type", ""),
        "launched_at": info.get("launched_at", ""),
        "tags": dict(machine.tags),
    }


def outcome_result(outcome: Outcome, provider: str, region: str) -> Json:
    """What became of one workspace."""
    return {
        **workspace_result(outcome.spec.name, provider, region, outcome.after),
        "changed": outcome.changed,
        "steps": [{"step": step.verb, "why": step.why} for step in outcome.steps if step.verb != "wait"],
        "seconds": {phase: round(seconds, 2) for phase, seconds in sorted(outcome.seconds.items())},
        "error": str(outcome.error) if outcome.error else "",
    }


def warnings(outcome: Outcome) -> list[str]:
    """What was declared and cannot be had without a new machine."""
    return [
        f"{outcome.spec.name}: {name} is {seen!r} and was declared {declared!r}; only a new machine has it "
        "(delete the workspace and create it again)"
        for name, (declared, seen) in sorted(outcome.drift.items())
    ]


def diff(outcomes: t.Sequence[Outcome], check_mode: bool) -> list[Json]:
    """Spec beside observed, one entry per workspace that changes."""
    found = []
    for outcome in outcomes:
        if outcome.changed:
            after = expected(outcome) if check_mode else _shown(outcome.after, outcome.spec)
            found.append(
                {
                    "before_header": f"{outcome.spec.name} (observed)",
                    "after_header": f"{outcome.spec.name} ({'expected' if check_mode else 'now'})",
                    "before": _shown(outcome.before, outcome.spec),
                    "after": after,
                }
            )
    return found


def expected(outcome: Outcome) -> Json:
    """What the workspace would look like once it is at rest: what is seen, and over it what is declared."""
    spec = outcome.spec
    if spec.state == "absent":
        return {"state": "absent"}
    shown = _shown(outcome.before, spec)
    labels = dict(shown.get("labels", {}))
    tags = dict(shown.get("tags", {}))
    for step in outcome.steps:
        labels.update(step.labels)
        tags.update(step.tags)
        labels = {key: value for key, value in labels.items() if key not in step.remove_labels}
        tags = {key: value for key, value in tags.items() if key not in step.remove_tags}
    settings = {**shown.get("settings", {}), **_changeable(outcome)}
    return {"state": spec.state, "labels": labels, "tags": tags, "settings": settings}


def _changeable(outcome: Outcome) -> Json:
    return {name: value for name, value in outcome.spec.settings.items() if name not in outcome.drift}


def _shown(machine: Observed | None, spec: Spec) -> Json:
    if machine is None:
        return {"state": "absent"}
    return {
        "state": machine.state,
        "labels": dict(machine.labels),
        "tags": dict(machine.tags),
        "settings": {name: machine.settings.get(name) for name in spec.settings},
    }

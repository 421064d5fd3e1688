"""A small Compute Engine behind a session: instances in zones, operations that end at the second look, and faults."""

from __future__ import annotations

import dataclasses
import itertools
import re
import typing as t

OPERATION = re.compile(r"zones/([^/]+)/operations/([^/]+)/wait")
INSTANCE = re.compile(r"zones/([^/]+)/instances/([^/]+)(?:/(\w+))?")


@dataclasses.dataclass
class Answer:
    """What requests gives back."""

    status_code: int
    content: t.Any

    def json(self) -> t.Any:
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


def refusal(status: int, reason: str, message: str = "no") -> Answer:
    """An error as the API says it."""
    return Answer(status, {"error": {"code": status, "message": message, "errors": [{"reason": reason}]}})


@dataclasses.dataclass
class Call:
    """A call that was made."""

    verb: str
    path: str
    parameters: dict[str, t.Any]
    body: t.Any
    timeout: float


class Session:
    """``next`` are answers or exceptions to give first, in turn, whatever is asked; None lets a call through."""

    def __init__(self, *first: t.Any, early: int = 1) -> None:
        self.calls: list[Call] = []
        self.first = list(first)
        self.instances: dict[tuple[str, str], dict[str, t.Any]] = {}
        self.early = early  #: how many waits come back before the operation is done
        self.failing: dict[str, dict[str, str]] = {}  #: path's end -> the error that the operation ends with, once
        self.warnings: dict[str, dict[str, t.Any]] = {}
        self.operations: dict[str, dict[str, t.Any]] = {}
        self.numbers = itertools.count(1)
        self.before_write: t.Callable[[], None] = lambda: None

    def request(self, verb: str, url: str, params: t.Any = None, json: t.Any = None, timeout: float = 0) -> Answer:
        """One call."""
        path = url.split("/projects/p/")[1]
        self.calls.append(Call(verb, path, dict(params or {}), json, timeout))
        given = next(iter(self.first), None)
        del self.first[:1]
        if isinstance(given, Exception):
            raise given
        if given is not None:
            return given
        if path == "aggregated/instances":
            return self._list()
        waited = OPERATION.fullmatch(path)
        if waited:
            return self._wait(waited[2])
        if verb == "GET":
            zone, name, _call = INSTANCE.fullmatch(path).groups()
            found = self.instances.get((zone, name))
            return Answer(200, found) if found else refusal(404, "notFound")
        self.before_write()
        return self._change(path, json)

    def paths(self, *but: str) -> list[str]:
        """The changing calls that were made, without the waits."""
        return [c.path for c in self.calls if c.verb != "GET" and not c.path.endswith(("/wait", *but))]

    def _list(self) -> Answer:
        items: dict[str, t.Any] = {
            "zones/europe-west3-z": {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "nothing"}}
        }
        for (zone, _name), instance in self.instances.items():
            items.setdefault(f"zones/{zone}", {}).setdefault("instances", []).append(instance)
        for zone, warning in self.warnings.items():
            items[f"zones/{zone}"] = {"warning": warning}
        return Answer(200, {"items": items})

    def _wait(self, name: str) -> Answer:
        operation = self.operations[name]
        operation["left"] -= 1
        if operation["left"] < 0:
            operation["status"] = "DONE"
        return Answer(200, {key: value for key, value in operation.items() if key != "left"})

    def _change(self, path: str, body: t.Any) -> Answer:
        operation: dict[str, t.Any] = {"name": f"operation-{next(self.numbers)}", "status": "RUNNING"}
        error = next((self.failing.pop(end) for end in list(self.failing) if path.endswith(end)), None)
        if error:
            operation["error"] = {"errors": [error]}
        self.operations[operation["name"]] = {**operation, "left": self.early}
        target = INSTANCE.fullmatch(path)
        if target and not error:
            stale = self._apply(self.instances.get((target[1], target[2]), {}), target[3], body)
            if stale:
                return stale
        return Answer(200, operation)

    def _apply(self, instance: dict[str, t.Any], call: str | None, body: t.Any) -> Answer | None:
        if call == "setLabels":
            if body["labelFingerprint"] != instance["labelFingerprint"]:
                return refusal(412, "conditionNotMet")
            instance["labels"] = body["labels"]
            instance["labelFingerprint"] += "+"
        if call in ("setMetadata", "setTags"):
            part = instance[{"setMetadata": "metadata", "setTags": "tags"}[call]]
            if body["fingerprint"] != part["fingerprint"]:
                return refusal(412, "conditionNotMet")
            part.update(items=body["items"], fingerprint=part["fingerprint"] + "+")
        return None

"""Faults on request, so that a test can see what real clouds do on bad days; and how often each method was called."""

from __future__ import annotations

import collections
import typing as t

from . import errors

_KEYS = {
    *("method", "code", "reason", "message", "times", "zone", "project", "instance"),
    *("in_operation", "lost", "delay", "unreachable"),
}
#: reason -> (HTTP status, domain, message)
_PRESETS: dict[str, tuple[int, str, str]] = {
    "rateLimitExceeded": (
        403,
        "usageLimits",
        "Quota exceeded for quota group 'default' and limit 'Queries per minute'.",
    ),
    "quotaExceeded": (403, "usageLimits", "Quota 'CPUS' exceeded.  Limit: 8.0 in region europe-west3."),
    "forbidden": (403, "global", "Required 'compute.{method}' permission for 'projects/{project}'"),
    "conditionNotMet": (412, "global", "Supplied fingerprint does not match current fingerprint."),
    "notFound": (404, "global", "The resource 'projects/{project}' was not found"),
    "backendError": (503, "global", "The service is currently unavailable."),
    "internalError": (500, "global", "Internal error. Please try again or contact Google Support."),
}
#: operation error -> (httpErrorStatusCode, message)
_OPERATION: dict[str, tuple[int, str]] = {
    "ZONE_RESOURCE_POOL_EXHAUSTED": (
        503,
        "The zone 'projects/{project}/zones/{zone}' does not have enough resources available to fulfill the request.  "
        "Try a different zone, or try again later.",
    ),
    "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS": (
        503,
        "The zone 'projects/{project}/zones/{zone}' does not have enough resources available to fulfill the request, "
        "'(resource type:compute)'.",
    ),
    "QUOTA_EXCEEDED": (403, "Quota 'CPUS' exceeded.  Limit: 8.0 in region europe-west3."),
    "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED": (403, "Quota exceeded for concurrent operations."),
    "RESOURCE_OPERATION_RATE_EXCEEDED": (403, "Operation rate exceeded for resource. Too frequent operations."),
    "INTERNAL_ERROR": (500, "Internal error. Please try again or contact Google Support."),
}


class Faults:
    """What shall go wrong, in the order of asking. Guarded by the store's lock."""

    def __init__(self) -> None:
        self._faults: list[dict[str, t.Any]] = []
        self.calls: collections.Counter[str] = collections.Counter()
        #: Output-only fields that requests carried: the service ignores them, a good client does not send them.
        self.ignored: collections.Counter[str] = collections.Counter()

    def add(self, fault: dict[str, t.Any]) -> None:
        """``times`` None: until it is deleted. Raises ApiError on what it does not know."""
        unknown = set(fault) - _KEYS
        if unknown or "method" not in fault:
            raise errors.ApiError(400, "invalid", f"A fault has a method and of {sorted(_KEYS)}: {sorted(unknown)}")
        self._faults.append({"times": 1, **fault})

    def clear(self) -> None:
        """Nothing goes wrong from here on."""
        self._faults.clear()

    def all(self) -> list[dict[str, t.Any]]:
        """What is still to come."""
        return list(self._faults)

    def take(self, method: str, parameters: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
        """The first fault that fits a call; it has one time less then."""
        for fault in self._faults:
            fits = all(fault.get(key) in (None, parameters.get(key)) for key in ("project", "zone", "instance"))
            if fault["method"] in (method, "*") and fits and not fault.get("unreachable"):
                self._use(fault)
                return fault
        return None

    def unreachable(self, method: str, project: str) -> set[str]:
        """The zones that a list cannot reach now."""
        found = set()
        for fault in list(self._faults):
            fits = fault.get("project") in (None, project)
            if fault["method"] == method and fits and fault.get("unreachable"):
                found.add(fault["zone"])
                self._use(fault)
        return found

    def _use(self, fault: dict[str, t.Any]) -> None:
        if fault["times"] is not None:
            fault["times"] -= 1
            if fault["times"] <= 0:
                self._faults.remove(fault)


def as_error(fault: t.Mapping[str, t.Any], method: str, parameters: t.Mapping[str, t.Any]) -> errors.ApiError:
    """The answer that a fault asks for."""
    reason = fault.get("reason", "backendError")
    code, domain, message = _PRESETS.get(reason, (503, "global", "The service is currently unavailable."))
    message = message.format(method=method, project=parameters.get("project", ""))
    return errors.ApiError(fault.get("code", code), reason, fault.get("message", message), domain=domain)


def in_operation(fault: t.Mapping[str, t.Any], parameters: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What an operation needs to end with the fault: code, message, http."""
    code = fault.get("code", "INTERNAL_ERROR")
    http, message = _OPERATION.get(code, (400, "The operation failed."))
    message = message.format(project=parameters.get("project", ""), zone=parameters.get("zone", ""))
    return {"code": code, "message": fault.get("message", message), "http": http}

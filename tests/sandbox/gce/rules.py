"""What the service says no to although the document allows it."""

from __future__ import annotations

import re
import typing as t

from . import errors, words
from .catalog import DISK_TYPES, MACHINE_TYPES, MachineType
from .store import Record

if t.TYPE_CHECKING:
    from .world import World

_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_METADATA_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TAG = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_KMS = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+(?P<version>/cryptoKeyVersions/\d+)?")
_SCOPE = re.compile(r"https://www\.googleapis\.com/auth/[a-z0-9._-]+|https://mail\.google\.com/")
LARGEST_VALUE = 256 * 1024
LARGEST_METADATA = 512 * 1024


def labels(field: str, value: t.Mapping[str, str]) -> None:
    """Syntax and number. Raises ApiError."""
    if len(value) > 64:
        raise errors.invalid(field, len(value), "The number of labels exceeds the maximum of 64.")
    for key, text in value.items():
        if not _LABEL_KEY.fullmatch(key):
            raise errors.invalid(field, key, f"Label key '{key}' violates format constraints.")
        if not _LABEL_VALUE.fullmatch(text):
            raise errors.invalid(field, text, f"Label value '{text}' violates format constraints.")


def metadata(field: str, value: Record) -> None:
    """Keys, their number and the sizes. Raises ApiError."""
    total, seen = 0, set()
    for number, item in enumerate(value.get("items", ())):
        key, text = item.get("key", ""), item.get("value", "")
        here = f"{field}.items[{number}]"
        if not _METADATA_KEY.fullmatch(key):
            raise errors.invalid(f"{here}.key", key, "Must be a match of regex '[a-zA-Z0-9-_]{1,128}'")
        if key in seen:
            raise errors.invalid(f"{here}.key", key, "Metadata has duplicate keys.")
        seen.add(key)
        size = len(text.encode())
        if size > LARGEST_VALUE:
            raise errors.invalid(f"{here}.value", f"{text[:20]}...", f"Value is too large: {size} of 262144 bytes.")
        total += size + len(key)
    if total > LARGEST_METADATA:
        raise errors.invalid(field, total, "The total size of metadata exceeds 524288 bytes.")


def tags(field: str, value: Record) -> None:
    """RFC 1035 names, 64 at most. Raises ApiError."""
    items = value.get("items", [])
    if len(items) > 64:
        raise errors.invalid(f"{field}.items", len(items), "The number of tags exceeds the maximum of 64.")
    for number, tag in enumerate(items):
        if not _TAG.fullmatch(tag):
            why = f"Must be a match of regex '{_TAG.pattern}'"
            raise errors.invalid(f"{field}.items[{number}]", tag, why)


def machine_type(field: str, url: str, project: str, zone: str) -> MachineType:
    """The machine type of a URL in the same zone. Raises ApiError."""
    if not url:
        raise errors.required(field)
    found = words.parse_link(field, url, r"zones/(?P<zone>[^/]+)/machineTypes/(?P<name>[^/]+)", project)
    if found["zone"] != zone:
        raise errors.invalid(field, url, f"The machine type must be in zone '{zone}'.")
    machine = MACHINE_TYPES.get(found["name"])
    if machine is None:
        why = f"Machine type with name '{found['name']}' does not exist in zone '{zone}'."
        raise errors.invalid(field, url, why)
    return machine


def disk_type(field: str, url: str, project: str, zone: str) -> str:
    """The disk type's name; pd-standard when none is given. Raises ApiError."""
    if not url:
        return "pd-standard"
    found = words.parse_link(field, url, r"zones/(?P<zone>[^/]+)/diskTypes/(?P<name>[^/]+)", project)
    if found["zone"] != zone or found["name"] not in DISK_TYPES:
        raise errors.invalid(field, url, f"The disk type does not exist in zone '{zone}'.")
    return found["name"]


def encryption(field: str, key: Record | None) -> Record | None:
    """A customer managed key as the service answers it: with the version that was used. Raises ApiError."""
    if not key:
        return None
    if "rawKey" in key or "rsaEncryptedKey" in key:
        raise errors.ApiError(501, "notImplemented", "The sandbox knows keys of Cloud KMS only")
    name = key.get("kmsKeyName", "")
    match = _KMS.fullmatch(name)
    if not match:
        raise errors.invalid(f"{field}.kmsKeyName", name, "The URL is malformed.")
    used = name if match["version"] else f"{name}/cryptoKeyVersions/1"
    account = key.get("kmsKeyServiceAccount")
    return {"kmsKeyName": used, **({"kmsKeyServiceAccount": account} if account else {})}


def scheduling(value: Record) -> Record:
    """The scheduling with its defaults. Raises ApiError on what does not go together."""
    field = "resource.scheduling"
    model = value.get("provisioningModel", "SPOT" if value.get("preemptible") else "STANDARD")
    spot = model == "SPOT"
    if value.get("preemptible") and model == "STANDARD" and "provisioningModel" in value:
        raise errors.invalid(f"{field}.preemptible", "true", "It cannot be true with provisioningModel STANDARD.")
    if spot and value.get("preemptible") is False:
        raise errors.invalid(f"{field}.preemptible", "false", "It must be true with provisioningModel SPOT.")
    if spot and value.get("automaticRestart"):
        raise errors.invalid(f"{field}.automaticRestart", "true", "Preemptible instances cannot restart automatically.")
    if spot and value.get("onHostMaintenance") == "MIGRATE":
        raise errors.invalid(f"{field}.onHostMaintenance", "MIGRATE", "Spot instances must use TERMINATE.")
    limited = "maxRunDuration" in value or "terminationTime" in value
    if "maxRunDuration" in value and "terminationTime" in value:
        raise errors.invalid(field, "", "Only one of maxRunDuration and terminationTime may be given.")
    if "maxRunDuration" in value:
        seconds = int(value["maxRunDuration"].get("seconds", 0))
        if not 30 <= seconds <= 120 * 24 * 3600:
            raise errors.invalid(f"{field}.maxRunDuration.seconds", seconds, "Must be 30 seconds to 120 days.")
        if value["maxRunDuration"].get("nanos"):
            raise errors.invalid(f"{field}.maxRunDuration.nanos", value["maxRunDuration"]["nanos"], "Must be 0.")
    action = value.get("instanceTerminationAction")
    if limited and not action:
        raise errors.required(f"{field}.instanceTerminationAction")
    if action and not (spot or limited):
        why = "It needs provisioningModel SPOT or a limited run time."
        raise errors.invalid(f"{field}.instanceTerminationAction", action, why)
    result = {
        "onHostMaintenance": "TERMINATE" if spot else "MIGRATE",
        "automaticRestart": not spot,
        **value,
        "preemptible": spot,
        "provisioningModel": model,
    }
    if spot and not action:
        result["instanceTerminationAction"] = "STOP"
    return result


def confidential(value: Record, machine: MachineType, schedule: Record) -> Record:
    """The confidential configuration, if the machine type takes it. Raises ApiError."""
    if not value.get("enableConfidentialCompute") and "confidentialInstanceType" not in value:
        return {}
    field = "resource.confidentialInstanceConfig"
    kind = value.get("confidentialInstanceType", "SEV")
    if kind not in machine.confidential:
        why = f"Machine type {machine.name} does not support {kind}."
        raise errors.invalid(f"{field}.confidentialInstanceType", kind, why)
    if schedule["onHostMaintenance"] == "MIGRATE" and kind != "SEV":
        raise errors.invalid("resource.scheduling.onHostMaintenance", "MIGRATE", f"{kind} needs TERMINATE.")
    return {"enableConfidentialCompute": True, **value, "confidentialInstanceType": kind}


def service_accounts(field: str, value: t.Sequence[Record], world: World) -> list[Record]:
    """One account at most, ours or an existing project's, with full scope URLs. Raises ApiError."""
    if len(value) > 1:
        raise errors.invalid(field, len(value), "At most one service account is allowed.")
    result = []
    for account in value:
        email = account.get("email", "default")
        email = world.service_account if email == "default" else email
        domains = tuple(f"@{project}.iam.gserviceaccount.com" for project in world.projects)
        if not email.endswith(domains):
            why = "The specified service account was not found or you do not have permission to use it."
            raise errors.invalid(f"{field}[0].email", email, why)
        scopes = account.get("scopes", [])
        if not scopes:
            raise errors.invalid(f"{field}[0].scopes", "", "At least one scope is required.")
        for scope in scopes:
            if not _SCOPE.fullmatch(scope):
                raise errors.invalid(f"{field}[0].scopes", scope, "It is no scope.")
        result.append({"email": email, "scopes": list(scopes)})
    return result

"""The metadata server: what an instance, or a controller that takes itself for one, may read of itself."""

from __future__ import annotations

import json
import re
import time
import typing as t

from . import guest, words
from .auth import CLOUD_PLATFORM, Auth
from .server import Answer, Request
from .store import Record
from .world import World

ROOT = "/computeMetadata/v1/"
_HEADERS = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
#: Their children's names are data, not words of the service.
_DATA = ("attributes", "guest-attributes", "service-accounts")
_ATTRIBUTE = "instance/guest-attributes/"
_PROJECT_NUMBER = "123456789012"


def is_for_us(request: Request) -> bool:
    """Whether a request means the metadata server: its tree, or the look whether it is there."""
    return request.path in ("/", "/computeMetadata", "/computeMetadata/") or request.path.startswith(ROOT)


def answer(world: World, auth: Auth, request: Request) -> Answer:
    """One request. Who asks is told by the address; loopback is the controller, which has no instance."""
    if request.headers.get("metadata-flavor") != "Google" or "x-forwarded-for" in request.headers:
        return Answer(403, "Forbidden: the header Metadata-Flavor: Google is missing.\n", _HEADERS)
    if not request.path.startswith(ROOT):
        return Answer(200, "computeMetadata/\n", _HEADERS)
    path = request.path[len(ROOT) :]
    with world.store as store:
        if request.verb == "PUT" and path.startswith(_ATTRIBUTE):
            return _publish(world, request, path[len(_ATTRIBUTE) :])
        if request.verb != "GET":
            return Answer(405, "Method not allowed.\n", _HEADERS)
        if path.endswith("/token"):
            return _token(world, auth, request, path)
        shown = _show(world, request, path)
        if _one(request, "wait_for_change") == "true" and shown.status == 200:
            known = _one(request, "last_etag") or shown.headers["ETag"]  # without one, the next change counts
            deadline = time.monotonic() + float(_one(request, "timeout_sec", "60"))
            while shown.headers.get("ETag") == known and (left := deadline - time.monotonic()) > 0:
                store.wait(left)
                shown = _show(world, request, path)
        return shown


def _one(request: Request, name: str, default: str = "") -> str:
    return request.query.get(name, [default])[0]


def _caller(world: World, request: Request) -> Record | None:
    for record in world.store.table("instances").values():
        if record["resource"]["networkInterfaces"][0]["networkIP"] == request.client:
            return t.cast("Record", record)
    return None


def _publish(world: World, request: Request, name: str) -> Answer:
    record = _caller(world, request)
    if record is None or guest.attributes(record["resource"]).get("enable-guest-attributes", "").upper() != "TRUE":
        return Answer(403, "Guest attributes endpoint access is disabled.\n", _HEADERS)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name) or len(request.body) > 2048:
        return Answer(400, "A guest attribute is a namespace, a key and 2 KB.\n", _HEADERS)
    publish(world, record["resource"]["id"], name, request.body.decode())
    return Answer(200, "", _HEADERS)


def publish(world: World, number: str, name: str, value: str) -> None:
    """Keep a guest attribute (``namespace/key``) of the instance of that number."""
    known = dict(world.store.table("attributes").get(number, {}))
    world.store.put("attributes", number, {**known, name: value})


def _token(world: World, auth: Auth, request: Request, path: str) -> Answer:
    accounts = tree(world, _caller(world, request))["instance"].get("service-accounts", {})
    account = accounts.get(path.removeprefix("instance/service-accounts/").removesuffix("/token"))
    if account is None:
        return Answer(404, "The service account was not found.\n", _HEADERS)
    world.faults.calls["metadata.token"] += 1
    return Answer(200, auth.issue(" ".join(account["scopes"])), _HEADERS)


def _show(world: World, request: Request, path: str) -> Answer:
    node: t.Any = tree(world, _caller(world, request))
    parts = [part for part in path.split("/") if part]
    for part in parts:
        if not isinstance(node, dict) or part not in node:
            return Answer(404, f"The metadata {path} was not found.\n", _HEADERS)
        node = node[part]
    headers = {**_HEADERS, "ETag": words.fingerprint(node)}
    folder = isinstance(node, dict)
    if _one(request, "recursive").lower() == "true" or _one(request, "alt") == "json":
        return Answer(200, _json(node, raw=bool(parts) and parts[-1] in _DATA), headers)
    if folder and path and not path.endswith("/"):
        return Answer(301, "", {**headers, "Location": f"{ROOT}{path}/"})
    if folder:
        lines = (f"{name}/" if isinstance(below, dict) else name for name, below in node.items())
        return Answer(200, "".join(f"{line}\n" for line in lines), headers)
    if isinstance(node, list):
        text = json.dumps(node) if parts[-1] == "tags" else "".join(f"{item}\n" for item in node)
        return Answer(200, text, headers)
    return Answer(200, str(node), headers)


def _json(node: t.Any, raw: bool) -> t.Any:
    """The recursive answer: names in camel case, numbered children as lists."""
    if not isinstance(node, dict):
        return node
    if node and all(key.isdigit() for key in node):
        return [_json(node[key], False) for key in sorted(node, key=int)]
    return {_camel(key, raw): _json(below, key in _DATA) for key, below in node.items()}


def _camel(name: str, raw: bool) -> str:
    return name if raw else re.sub(r"-(\w)", lambda match: match[1].upper(), name)


def tree(world: World, record: Record | None) -> dict[str, t.Any]:
    """Everything that can be read, by path."""
    project = record["key"].split("/")[0] if record else world.projects[0]
    common = guest.items(world.store.table("projects")[project]["metadata"])
    result: dict[str, t.Any] = {
        "instance": _instance(world, record, project) if record else _controller(world),
        "project": {"attributes": common, "numeric-project-id": _PROJECT_NUMBER, "project-id": project},
        "universe": {"universe-domain": "googleapis.com"},
    }
    return result


def _accounts(email: str, scopes: t.Sequence[str]) -> dict[str, t.Any]:
    account = {"aliases": ["default"], "email": email, "scopes": list(scopes)}
    return {"default": account, email: account}


def _controller(world: World) -> dict[str, t.Any]:
    return {"attributes": {}, "service-accounts": _accounts(world.service_account, [CLOUD_PLATFORM])}


def _instance(world: World, record: Record, project: str) -> dict[str, t.Any]:
    resource = record["resource"]
    name, zone = resource["name"], words.last(resource["zone"])
    interface, scheduling = resource["networkInterfaces"][0], resource["scheduling"]
    access = interface.get("accessConfigs", ())
    found: dict[str, t.Any] = {
        "attributes": guest.attributes(resource),
        "description": resource.get("description", ""),
        "disks": {str(d["index"]): {"device-name": d["deviceName"], "mode": d["mode"]} for d in resource["disks"]},
        "guest-attributes": _nested(world.store.table("attributes").get(resource["id"], {})),
        "hostname": resource.get("hostname", f"{name}.{zone}.c.{project}.internal"),
        "id": resource["id"],
        "machine-type": f"projects/{_PROJECT_NUMBER}/machineTypes/{words.last(resource['machineType'])}",
        "maintenance-event": "NONE",
        "name": name,
        "network-interfaces": {
            "0": {
                "access-configs": {
                    str(n): {"external-ip": config["natIP"], "type": config["type"]} for n, config in enumerate(access)
                },
                "ip": interface["networkIP"],
                "network": f"projects/{_PROJECT_NUMBER}/networks/{words.last(interface['network'])}",
            }
        },
        "preempted": "TRUE" if record.get("preempted") else "FALSE",
        "scheduling": {
            "automatic-restart": str(scheduling["automaticRestart"]).upper(),
            "on-host-maintenance": scheduling["onHostMaintenance"],
            "preemptible": str(scheduling["preemptible"]).upper(),
        },
        "service-accounts": {},
        "tags": resource["tags"].get("items", []),
        "zone": f"projects/{_PROJECT_NUMBER}/zones/{zone}",
    }
    for account in resource.get("serviceAccounts", ()):
        found["service-accounts"] = _accounts(account["email"], account["scopes"])
    return found


def _nested(flat: t.Mapping[str, str]) -> dict[str, dict[str, str]]:
    result: dict[str, dict[str, str]] = {}
    for key, value in flat.items():
        namespace, _slash, name = key.partition("/")
        result.setdefault(namespace, {})[name] = value
    return result

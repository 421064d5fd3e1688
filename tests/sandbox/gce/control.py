"""/_sandbox/...: what a test may do to the cloud that no client can."""

from __future__ import annotations

import json
import typing as t

from . import catalog, errors, metadata, steps, words
from .server import Answer
from .store import Record
from .world import World

STATES = (
    *("DEPROVISIONING", "PENDING", "PENDING_STOP", "PROVISIONING", "REPAIRING", "RUNNING"),
    *("STAGING", "STOPPED", "STOPPING", "SUSPENDED", "SUSPENDING", "TERMINATED"),
)


def answer(world: World, verb: str, path: str, body: t.Any) -> Answer:
    """One request. Raises ApiError.

    faults (GET, POST one, DELETE all), calls (GET, DELETE); with project, zone and instance: POST status {status,
    message}, POST preempt, POST guest-attributes {key, value}, POST copies {count}.
    """
    known = world.faults
    place = (verb, path.removeprefix("/_sandbox/"))
    with world.store:
        if place == ("POST", "faults"):
            known.add(dict(body or {}))
        elif place == ("DELETE", "faults"):
            known.clear()
        elif place == ("DELETE", "calls"):
            known.calls.clear()
            known.ignored.clear()
        elif place == ("GET", "calls"):
            return Answer(200, {"calls": dict(known.calls), "ignored": dict(known.ignored)})
        elif place == ("POST", "status"):
            _status(world, dict(body or {}))
        elif place == ("POST", "preempt"):
            record = _instance(world, dict(body or {}))
            record["preempted"] = True
            return Answer(200, world.hosts.system(record, "compute.instances.preempted"))
        elif place == ("POST", "copies"):
            _copies(world, _instance(world, dict(body or {})), int(body["count"]))
        elif place == ("POST", "guest-attributes"):
            metadata.publish(world, _instance(world, body)["resource"]["id"], body["key"], body["value"])
        elif place != ("GET", "faults"):
            raise errors.ApiError(404, "notFound", f"The sandbox has no {verb} {path}")
        return Answer(200, {"faults": known.all()})


def _instance(world: World, body: Record) -> Record:
    return world.instance(body.get("project", world.projects[0]), body.get("zone", ""), body.get("instance", ""))


def _status(world: World, body: Record) -> None:
    if body.get("status") not in STATES:
        raise errors.ApiError(400, "invalid", f"A status is one of {', '.join(STATES)}")
    more = {"statusMessage": body["message"]} if body.get("message") else {}
    steps.set_status(world, _instance(world, body), body["status"], **more)


def _copies(world: World, record: Record, count: int) -> None:
    """A fleet to list: many instances like one, round all zones, without hosts; their disks are but named.

    A label that holds the one's name holds each copy's.
    """
    project, _zone, name = record["key"].split("/")
    for number in range(1, count + 1):
        zone = list(catalog.ZONES)[number % len(catalog.ZONES)]
        path = f"projects/{project}/zones/{zone}"
        resource = json.loads(json.dumps(record["resource"]).replace(words.relative(record["resource"]["zone"]), path))
        resource.update(id=words.new_id(), name=f"{name}-{number}")
        labels = resource.get("labels", {})
        labels.update({key: resource["name"] for key, value in labels.items() if value == name})
        for disk in resource["disks"]:
            disk["source"] = words.link(f"{path}/disks/{resource['name']}")
        resource["selfLink"] = words.link(f"{path}/instances/{resource['name']}")
        subnet = catalog.SUBNET_RANGES[catalog.ZONES[zone]]
        resource["networkInterfaces"][0]["networkIP"] = str(subnet[subnet.num_addresses - 1 - number])
        copy = {**record, "key": f"{project}/{zone}/{resource['name']}", "resource": resource, "host": False}
        world.save_instance(copy)

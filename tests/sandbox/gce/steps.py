"""The steps of instances' operations. Each finds its instance again: it may have been deleted meanwhile."""

from __future__ import annotations

import time
import typing as t

from . import words
from .errors import OperationFailed
from .operations import Job, step
from .store import Record
from .world import World


def _instance(world: World, operation: Record) -> Record:
    record = world.store.table("instances").get(operation["args"]["instance"])
    if record is None or record["resource"]["id"] != operation["resource"]["targetId"]:
        path = words.relative(operation["resource"]["targetLink"])
        raise OperationFailed("RESOURCE_NOT_FOUND", f"The resource '{path}' was not found", 404)
    return t.cast("Record", record)


def set_status(world: World, record: Record, status: str, **more: t.Any) -> None:
    """Move an instance to a state; a line of it goes to its console."""
    resource = record["resource"]
    resource.pop("statusMessage", None)
    resource.update(status=status, **more)
    record["serial"] += f"sandbox: {resource['name']} is {status}\r\n"
    world.save_instance(record)


@step
def provision(world: World, operation: Record) -> None:
    """Visible from here on."""
    record = _instance(world, operation)
    record["visible"] = True
    record["before"] = record["resource"]["status"]
    flexible = record["resource"]["scheduling"].get("provisioningModel") == "FLEX_START"
    set_status(world, record, "PENDING" if flexible and record["before"] == "PROVISIONING" else "PROVISIONING")


@step
def stage(world: World, operation: Record) -> None:
    """Resources were found."""
    set_status(world, _instance(world, operation), "STAGING")


@step
def boot(world: World, operation: Record) -> Job | None:
    """The host's start takes its time, outside of the lock."""
    return world.hosts.starter(_instance(world, operation))


@step
def booted(world: World, operation: Record) -> None:
    """Runs."""
    record = _instance(world, operation)
    record["since"] = now = time.time()
    scheduling = record["resource"]["scheduling"]
    if "maxRunDuration" in scheduling:
        record["ends"] = now + int(scheduling["maxRunDuration"].get("seconds", 0))
        record["resource"]["resourceStatus"] = {
            "scheduling": {"terminationTimestamp": words.stamp(record["ends"])},
        }
    set_status(world, record, "RUNNING", lastStartTimestamp=words.stamp(now))


@step
def forget(world: World, operation: Record) -> None:
    """An insert failed: the instance and its disks were never there."""
    record = world.store.table("instances").get(operation["args"]["instance"])
    if record and record["resource"]["id"] == operation["resource"]["targetId"]:
        world.hosts.remove(record)
        drop(world, record)


@step
def halt(world: World, operation: Record) -> None:
    """A start failed: stopped as before."""
    _back(world, operation, "TERMINATED")


@step
def halt_suspended(world: World, operation: Record) -> None:
    """A resume failed: suspended as before."""
    _back(world, operation, "SUSPENDED")


def _back(world: World, operation: Record, status: str) -> None:
    record = world.store.table("instances").get(operation["args"]["instance"])
    if record and record["resource"]["id"] == operation["resource"]["targetId"]:
        set_status(world, record, status)


@step
def stop_gracefully(world: World, operation: Record) -> None:
    """The guest has time to finish."""
    set_status(world, _instance(world, operation), "PENDING_STOP")


@step
def stop_begin(world: World, operation: Record) -> None:
    """ACPI power button."""
    set_status(world, _instance(world, operation), "STOPPING")


@step
def suspend_begin(world: World, operation: Record) -> None:
    """ACPI S3."""
    set_status(world, _instance(world, operation), "SUSPENDING")


@step
def stop_host(world: World, operation: Record) -> Job | None:
    """The host goes off, outside of the lock."""
    return world.hosts.stopper(_instance(world, operation))


@step
def stopped(world: World, operation: Record) -> None:
    """Off; its disks stay."""
    record = _instance(world, operation)
    record.pop("ends", None)
    set_status(world, record, "TERMINATED", lastStopTimestamp=words.stamp(time.time()))


@step
def suspended(world: World, operation: Record) -> None:
    """Memory kept."""
    record = _instance(world, operation)
    set_status(world, record, "SUSPENDED", lastSuspendedTimestamp=words.stamp(time.time()))


@step
def delete_begin(world: World, operation: Record) -> None:
    """Whatever else was under way on it ends here."""
    record = _instance(world, operation)
    path = words.relative(operation["resource"]["targetLink"])
    for other in world.operations.active_on(path):
        if other is not operation:
            other["args"].pop("undo", None)
            why = OperationFailed("RESOURCE_NOT_FOUND", f"The resource '{path}' was not found", 404)
            world.operations.fail(other, why)
    set_status(world, record, "STOPPING")


@step
def deprovision(world: World, operation: Record) -> None:
    """Halted; address and quota go back."""
    set_status(world, _instance(world, operation), "DEPROVISIONING")


@step
def delete_host(world: World, operation: Record) -> Job | None:
    """The host and its disk go, outside of the lock."""
    return world.hosts.remover(_instance(world, operation))


@step
def delete_end(world: World, operation: Record) -> None:
    """Gone."""
    drop(world, _instance(world, operation))


def drop(world: World, record: Record) -> None:
    """Remove an instance; its disks go or are detached, as each attachment says."""
    resource = record["resource"]
    place = record["key"].rsplit("/", 1)[0]
    for attached in resource["disks"]:
        key = f"{place}/{words.last(attached['source'])}"
        disk = world.store.table("disks").get(key)
        if disk is None:
            continue
        if attached["autoDelete"]:
            world.store.remove("disks", key)
        else:
            disk["resource"].pop("users", None)
            disk["resource"]["lastDetachTimestamp"] = words.stamp(time.time())
            world.store.put("disks", key, disk)
    world.store.remove("attributes", resource["id"])
    world.store.remove("instances", record["key"])

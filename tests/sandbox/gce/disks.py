"""Disks: they come with instances; here they are looked at, grown, labelled and deleted."""

from __future__ import annotations

import typing as t

from . import errors, rules, words
from .operations import step
from .store import Record
from .world import Call, World


def _target(world: World, call: Call) -> Record:
    return world.disk(call.project, call.zone, str(call.parameters.get("disk") or call.parameters.get("resource")))


def get(world: World, call: Call) -> t.Any:
    """disks.get"""
    return _target(world, call)["resource"]


def _submit(world: World, call: Call, kind: str, record: Record, name: str, **args: t.Any) -> Record:
    resource = record["resource"]
    path = f"projects/{call.project}/zones/{call.zone}/disks/{resource['name']}"
    plan = [(world.delays.change, name)]
    return world.operations.submit(call, kind, path, resource["id"], plan, disk=record["key"], **args)


def resize(world: World, call: Call) -> t.Any:
    """disks.resize: larger only"""
    record = _target(world, call)
    size = int(call.body.get("sizeGb", 0))
    old = int(record["resource"]["sizeGb"])
    if size <= old:
        raise errors.invalid("sizeGb", size, f"New disk size '{size}' must be larger than existing size '{old}'.")
    if size > 65536:
        raise errors.invalid("sizeGb", size, "Disk size cannot be larger than 65536 GB.")
    return _submit(world, call, "resizeDisk", record, "resize_disk", size=str(size))


def set_labels(world: World, call: Call) -> t.Any:
    """disks.setLabels: replaces all labels"""
    record = _target(world, call)
    labels = call.body.get("labels", {})
    rules.labels("labels", labels)
    if call.body.get("labelFingerprint") != record["resource"]["labelFingerprint"]:
        raise errors.changed_meanwhile("Labels fingerprint either invalid or resource labels have changed")
    return _submit(world, call, "setLabels", record, "label_disk", labels=labels)


def delete(world: World, call: Call) -> t.Any:
    """disks.delete"""
    record = _target(world, call)
    users = record["resource"].get("users")
    if users:
        path = f"projects/{call.project}/zones/{call.zone}/disks/{record['resource']['name']}"
        message = f"The disk resource '{path}' is already being used by '{words.relative(users[0])}'"
        raise errors.ApiError(400, "resourceInUseByAnotherResource", message)
    return _submit(world, call, "delete", record, "delete_disk")


def _same(world: World, operation: Record) -> Record:
    record = world.store.table("disks").get(operation["args"]["disk"])
    if record is None or record["resource"]["id"] != operation["resource"]["targetId"]:
        path = words.relative(operation["resource"]["targetLink"])
        raise errors.OperationFailed("RESOURCE_NOT_FOUND", f"The resource '{path}' was not found", 404)
    return t.cast("Record", record)


@step
def resize_disk(world: World, operation: Record) -> None:
    """It has its new size, and so has its attachment."""
    record = _same(world, operation)
    size = operation["args"]["size"]
    record["resource"]["sizeGb"] = size
    world.store.put("disks", record["key"], record)
    for user in record["resource"].get("users", ()):
        project, zone, name = words.relative(user).split("/")[1::2]
        instance = world.find(project, zone, name)
        for attached in instance["resource"]["disks"] if instance else ():
            if attached["source"] == record["resource"]["selfLink"]:
                attached["diskSizeGb"] = size
        if instance:
            world.save_instance(instance)


@step
def label_disk(world: World, operation: Record) -> None:
    """It has its new labels."""
    record = _same(world, operation)
    labels = operation["args"]["labels"]
    record["resource"].pop("labels", None)
    record["resource"].update({"labels": labels} if labels else {}, labelFingerprint=words.fingerprint(labels))
    world.store.put("disks", record["key"], record)


@step
def delete_disk(world: World, operation: Record) -> None:
    """Gone."""
    record = _same(world, operation)
    if record["resource"].get("users"):
        raise errors.OperationFailed("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "The disk resource is being used")
    world.store.remove("disks", record["key"])

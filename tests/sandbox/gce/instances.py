"""Instances: insert, delete and the verbs of their life. What is refused at once is refused here."""

from __future__ import annotations

import typing as t

from . import errors, insertion, words
from . import steps as _steps  # noqa: F401  (plans name them)
from .catalog import MACHINE_TYPES
from .store import Record
from .world import Call, World

#: States in which the guest, or what is left of it, is on its way: the service refuses another verb.
_MOVING = (
    "PENDING",
    "PROVISIONING",
    "STAGING",
    "PENDING_STOP",
    "STOPPING",
    "SUSPENDING",
    "DEPROVISIONING",
    "REPAIRING",
)


def get(world: World, call: Call) -> t.Any:
    """instances.get"""
    return world.target(call)["resource"]


def insert(world: World, call: Call) -> t.Any:
    """instances.insert"""
    record = insertion.build(world, call)
    delays = world.delays
    plan = [(0.0, "provision"), (delays.provision, "stage"), (delays.stage, "boot"), (0.0, "booted")]
    resource = record["resource"]
    return _submit(world, call, "insert", resource, plan, undo="forget")


def _submit(
    world: World, call: Call, kind: str, resource: Record, plan: t.Sequence[tuple[float, str]], **args: t.Any
) -> Record:
    """Accept an operation on an instance."""
    path = f"projects/{call.project}/zones/{call.zone}/instances/{resource['name']}"
    key = f"{call.project}/{call.zone}/{resource['name']}"
    return world.operations.submit(call, kind, path, resource["id"], plan, instance=key, **args)


def _ready(world: World, call: Call) -> Record:
    """The instance of the path, if no other verb is under way on it. Raises ApiError."""
    record = world.target(call)
    path = f"projects/{call.project}/zones/{call.zone}/instances/{record['resource']['name']}"
    busy = [op for op in world.operations.active_on(path) if op["args"].get("verb")]
    if busy or record["resource"]["status"] in _MOVING:
        raise errors.ApiError(400, "resourceNotReady", f"The resource '{path}' is not ready")
    return record


def _status(record: Record) -> str:
    return str(record["resource"]["status"])


def _refuse(record: Record, verb: str) -> errors.ApiError:
    name = record["resource"]["name"]
    return errors.misuse(f"Instance '{name}' is {_status(record)} and cannot be {verb}")


def delete(world: World, call: Call) -> t.Any:
    """instances.delete"""
    record = world.target(call)
    resource = record["resource"]
    if resource.get("deletionProtection"):
        raise errors.misuse("Resource cannot be deleted if it's protected against deletion. deletionProtection: true")
    if _status(record) == "DEPROVISIONING":
        raise errors.ApiError(400, "resourceNotReady", f"The resource '{resource['name']}' is not ready")
    delay = world.delays.delete
    plan = [(0.0, "delete_begin"), (delay, "deprovision"), (delay, "delete_host"), (0.0, "delete_end")]
    return _submit(world, call, "delete", resource, plan, verb=True)


def start(world: World, call: Call) -> t.Any:
    """instances.start; on a running instance it has nothing to do"""
    record = _ready(world, call)
    if _status(record) == "SUSPENDED":
        raise _refuse(record, "started; resume it")
    plan = [] if _status(record) == "RUNNING" else _start_plan(world)
    return _submit(world, call, "start", record["resource"], plan, verb=True, undo="halt" if plan else "")


def _start_plan(world: World) -> list[tuple[float, str]]:
    delays = world.delays
    return [(0.0, "provision"), (delays.provision, "stage"), (delays.stage, "boot"), (0.0, "booted")]


def stop(world: World, call: Call) -> t.Any:
    """instances.stop; on a stopped instance it has nothing to do"""
    record = _ready(world, call)
    if _status(record) == "SUSPENDED":
        raise _refuse(record, "stopped; resume it first")
    plan: list[tuple[float, str]] = []
    if _status(record) == "RUNNING":
        graceful = record["resource"]["scheduling"].get("gracefulShutdown", {}).get("enabled")
        if graceful and not call.parameters.get("noGracefulShutdown"):
            plan = [(0.0, "stop_gracefully"), (world.delays.graceful, "stop_begin")]
        else:
            plan = [(0.0, "stop_begin")]
        plan += [(world.delays.stop, "stop_host"), (0.0, "stopped")]
    return _submit(world, call, "stop", record["resource"], plan, verb=True)


def suspend(world: World, call: Call) -> t.Any:
    """instances.suspend"""
    record = _ready(world, call)
    resource = record["resource"]
    if _status(record) != "RUNNING":
        raise _refuse(record, "suspended")
    machine = MACHINE_TYPES[words.last(resource["machineType"])]
    if not machine.suspends:
        raise errors.misuse(f"Machine type {machine.name} does not support suspend")
    if resource.get("confidentialInstanceConfig", {}).get("enableConfidentialCompute"):
        raise errors.misuse("Suspend is not supported for Confidential VMs")
    plan = [(0.0, "suspend_begin"), (world.delays.suspend, "stop_host"), (0.0, "suspended")]
    return _submit(world, call, "suspend", resource, plan, verb=True)


def resume(world: World, call: Call) -> t.Any:
    """instances.resume"""
    record = _ready(world, call)
    if _status(record) != "SUSPENDED":
        raise _refuse(record, "resumed")
    return _submit(world, call, "resume", record["resource"], _start_plan(world), verb=True, undo="halt_suspended")

"""instances.set*: checked and accepted now, changed when the operation gets there."""

from __future__ import annotations

import typing as t

from . import errors, insertion, rules, words
from .operations import Job, step
from .store import Record
from .world import Call, World


def _submit(world: World, call: Call, kind: str, record: Record, change: Record, label: str = "") -> Record:
    """``change`` is merged into the Instance; None takes a key away. ``label``: whose fingerprint is checked."""
    path = f"projects/{call.project}/zones/{call.zone}/instances/{record['resource']['name']}"
    plan = [(world.delays.change, "change_instance"), (0.0, "describe_instance")]
    args: Record = {"instance": record["key"], "change": change, "expects": {}}
    if label:
        args["expects"] = {label: _current(record["resource"], label)}
    return world.operations.submit(call, kind, path, record["resource"]["id"], plan, **args)


def _current(resource: Record, label: str) -> str:
    if label == "labels":
        return str(resource["labelFingerprint"])
    return str(resource[label]["fingerprint"])


def _check_fingerprint(record: Record, label: str, given: str | None) -> None:
    """The one that was read must still be the one that is there. Raises ApiError 412."""
    if given != _current(record["resource"], label):
        raise errors.changed_meanwhile(_stale(label))


def _stale(label: str) -> str:
    if label == "labels":
        return "Labels fingerprint either invalid or resource labels have changed"
    return f"Supplied fingerprint does not match current {label} fingerprint."


def set_labels(world: World, call: Call) -> t.Any:
    """instances.setLabels: replaces all labels"""
    record = world.target(call)
    rules.labels("labels", call.body.get("labels", {}))
    _check_fingerprint(record, "labels", call.body.get("labelFingerprint"))
    new = call.body.get("labels", {})
    change = {"labels": new or None, "labelFingerprint": words.fingerprint(new)}
    return _submit(world, call, "setLabels", record, change, "labels")


def set_metadata(world: World, call: Call) -> t.Any:
    """instances.setMetadata: replaces all items"""
    record = world.target(call)
    rules.metadata("resource", call.body)
    _check_fingerprint(record, "metadata", call.body.get("fingerprint"))
    change = {"metadata": insertion.metadata_value(call.body.get("items", []))}
    return _submit(world, call, "setMetadata", record, change, "metadata")


def set_tags(world: World, call: Call) -> t.Any:
    """instances.setTags: replaces all network tags"""
    record = world.target(call)
    rules.tags("resource", call.body)
    _check_fingerprint(record, "tags", call.body.get("fingerprint"))
    return _submit(world, call, "setTags", record, {"tags": insertion.tag_value(call.body.get("items", []))}, "tags")


def _stopped(world: World, call: Call, what: str) -> Record:
    """The instance of the path, if it is stopped and stays so. Raises ApiError."""
    record = world.target(call)
    resource = record["resource"]
    path = f"projects/{call.project}/zones/{call.zone}/instances/{resource['name']}"
    if any(op["args"].get("verb") for op in world.operations.active_on(path)):
        raise errors.ApiError(400, "resourceNotReady", f"The resource '{path}' is not ready")
    if resource["status"] not in ("TERMINATED", "STOPPED"):
        raise errors.misuse(f"{what} can only be changed while the instance is stopped; it is {resource['status']}")
    return record


def set_machine_type(world: World, call: Call) -> t.Any:
    """instances.setMachineType"""
    record = _stopped(world, call, "The machine type")
    machine = rules.machine_type("machineType", call.body.get("machineType", ""), call.project, call.zone)
    path = f"projects/{call.project}/zones/{call.zone}/machineTypes/{machine.name}"
    return _submit(world, call, "setMachineType", record, {"machineType": words.link(path)})


def set_service_account(world: World, call: Call) -> t.Any:
    """instances.setServiceAccount; without an email the instance has none afterwards"""
    record = _stopped(world, call, "The service account")
    wanted = [dict(call.body)] if call.body.get("email") else []
    accounts = rules.service_accounts("resource", wanted, world)
    return _submit(world, call, "setServiceAccount", record, {"serviceAccounts": accounts or None})


def set_scheduling(world: World, call: Call) -> t.Any:
    """instances.setScheduling: replaces it; the provisioning model stays what it was at the insert"""
    record = world.target(call)
    old = record["resource"]["scheduling"]
    new = rules.scheduling({"provisioningModel": old["provisioningModel"], **call.body})
    limits = ("maxRunDuration", "terminationTime", "instanceTerminationAction", "preemptible")
    if new["provisioningModel"] != old["provisioningModel"]:
        raise errors.invalid("resource.provisioningModel", new["provisioningModel"], "It cannot be changed.")
    if any(new.get(key) != old.get(key) for key in limits):
        _stopped(world, call, "Scheduling limits")
    return _submit(world, call, "setScheduling", record, {"scheduling": new})


def set_integrity_policy(world: World, call: Call) -> t.Any:
    """instances.setShieldedInstanceIntegrityPolicy"""
    record = world.target(call)
    if not call.body.get("updateAutoLearnPolicy"):
        raise errors.invalid("resource.updateAutoLearnPolicy", "false", "Must be true.")
    kind = "setShieldedInstanceIntegrityPolicy"
    return _submit(world, call, kind, record, {"shieldedInstanceIntegrityPolicy": dict(call.body)})


def update_shielded(world: World, call: Call) -> t.Any:
    """instances.updateShieldedInstanceConfig: what is given is changed"""
    record = _stopped(world, call, "The Shielded VM configuration")
    new = {**record["resource"]["shieldedInstanceConfig"], **call.body}
    return _submit(world, call, "updateShieldedInstanceConfig", record, {"shieldedInstanceConfig": new})


def set_deletion_protection(world: World, call: Call) -> t.Any:
    """instances.setDeletionProtection; the parameter is true when it is not given"""
    record = world.target(call)
    wanted = bool(call.parameters.get("deletionProtection", True))
    return _submit(world, call, "setDeletionProtection", record, {"deletionProtection": wanted})


def set_common_metadata(world: World, call: Call) -> t.Any:
    """projects.setCommonInstanceMetadata: replaces all items of the project"""
    rules.metadata("resource", call.body)
    project = world.store.table("projects")[call.project]
    current = insertion.metadata_value(project["metadata"].get("items", []))["fingerprint"]
    if call.body.get("fingerprint") != current:
        raise errors.changed_meanwhile("Supplied fingerprint does not match current metadata fingerprint.")
    new = insertion.metadata_value(call.body.get("items", []))
    path, plan = f"projects/{call.project}", [(world.delays.change, "change_project")]
    kind = "compute.projects.setCommonInstanceMetadata"
    return world.operations.submit(call, kind, path, "123456789012", plan, project=call.project, metadata=new)


@step
def change_project(world: World, operation: Record) -> None:
    """The project has its new metadata."""
    name = operation["args"]["project"]
    project = world.store.table("projects")[name]
    project["metadata"] = operation["args"]["metadata"]
    world.store.put("projects", name, project)


@step
def change_instance(world: World, operation: Record) -> None:
    """Merge the change, unless another one came first."""
    record = _same(world, operation)
    resource = record["resource"]
    for label, expected in operation["args"]["expects"].items():
        if _current(resource, label) != expected:
            raise errors.OperationFailed("CONDITION_NOT_MET", _stale(label), 412)
    for key, value in operation["args"]["change"].items():
        if value is None:
            resource.pop(key, None)
        else:
            resource[key] = value
    world.save_instance(record)


@step
def describe_instance(world: World, operation: Record) -> Job | None:
    """The host sees its new labels and metadata."""
    return world.hosts.describer(_same(world, operation))


def _same(world: World, operation: Record) -> Record:
    record = world.store.table("instances").get(operation["args"]["instance"])
    if record is None or record["resource"]["id"] != operation["resource"]["targetId"]:
        path = words.relative(operation["resource"]["targetLink"])
        raise errors.OperationFailed("RESOURCE_NOT_FOUND", f"The resource '{path}' was not found", 404)
    return t.cast("Record", record)

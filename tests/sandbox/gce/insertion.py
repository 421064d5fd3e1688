"""What instances.insert makes of a request, or why it refuses."""

from __future__ import annotations

import time
import typing as t

from . import addresses, catalog, errors, rules, words
from .store import Record
from .world import Call, World


def build(world: World, call: Call) -> Record:
    """Reserve name, address and disks; returns the instance's record, not visible yet. Raises ApiError."""
    body = call.body
    project, zone = call.project, call.zone
    catalog.check_zone(project, zone)
    for parameter in ("sourceInstanceTemplate", "sourceMachineImage"):
        if parameter in call.parameters:
            raise errors.ApiError(501, "notImplemented", f"The sandbox does not know {parameter}")
    name = body["name"]
    path = f"projects/{project}/zones/{zone}/instances/{name}"
    machine = rules.machine_type("resource.machineType", body.get("machineType", ""), project, zone)
    scheduling = rules.scheduling(body.get("scheduling", {}))
    rules.labels("resource.labels", body.get("labels", {}))
    rules.metadata("resource.metadata", body.get("metadata", {}))
    rules.tags("resource.tags", body.get("tags", {}))
    accounts = rules.service_accounts("resource.serviceAccounts", body.get("serviceAccounts", []), world)
    confidential = rules.confidential(body.get("confidentialInstanceConfig", {}), machine, scheduling)
    if world.find(project, zone, name) is not None:
        raise errors.already_exists(path)
    _check_quota(world, call, machine)
    disks, images = _disks(world, call, path)
    interfaces = _interfaces(world, call)

    now = time.time()
    shielded = {"enableSecureBoot": False, "enableVtpm": True, "enableIntegrityMonitoring": True}
    metadata = body.get("metadata", {})
    resource = {
        "kind": "compute#instance",
        "id": words.new_id(),
        "creationTimestamp": words.stamp(now),
        "name": name,
        "zone": words.link(f"projects/{project}/zones/{zone}"),
        "selfLink": words.link(path),
        "machineType": words.link(f"projects/{project}/zones/{zone}/machineTypes/{machine.name}"),
        "status": "PROVISIONING",
        "cpuPlatform": "Unknown CPU Platform",
        "canIpForward": body.get("canIpForward", False),
        "deletionProtection": body.get("deletionProtection", False),
        "startRestricted": False,
        "tags": tag_value(body.get("tags", {}).get("items", [])),
        "metadata": metadata_value(metadata.get("items", [])),
        "labelFingerprint": words.fingerprint(body.get("labels", {})),
        "networkInterfaces": interfaces,
        "disks": [attached for attached, _disk in disks],
        "scheduling": scheduling,
        "shieldedInstanceConfig": {**shielded, **body.get("shieldedInstanceConfig", {})},
        "shieldedInstanceIntegrityPolicy": {"updateAutoLearnPolicy": True},
    }
    resource.update({"labels": body["labels"]} if body.get("labels") else {})
    resource.update({"serviceAccounts": accounts} if accounts else {})
    resource.update({"confidentialInstanceConfig": confidential} if confidential else {})
    for key in ("description", "hostname", "minCpuPlatform", "advancedMachineFeatures", "keyRevocationActionType"):
        if key in body:
            resource[key] = body[key]
    record = {
        "key": f"{project}/{zone}/{name}",
        "resource": resource,
        "visible": False,
        "image": images[0],
        "serial": "",
        "before": "",
    }
    world.save_instance(record)
    for _attached, disk in disks:
        world.store.put("disks", disk["key"], disk)
    return record


def tag_value(items: t.Sequence[str]) -> Record:
    """A Tags."""
    ordered = sorted(set(items))
    return {**({"items": ordered} if ordered else {}), "fingerprint": words.fingerprint(ordered)}


def metadata_value(items: t.Sequence[Record]) -> Record:
    """A Metadata."""
    kept = [{"key": item["key"], "value": item.get("value", "")} for item in items]
    value: Record = {"kind": "compute#metadata", "fingerprint": words.fingerprint(kept)}
    return {**value, "items": kept} if kept else value


def _check_quota(world: World, call: Call, machine: catalog.MachineType) -> None:
    region = catalog.ZONES[call.zone]
    limit = world.cpu_quota
    if used_cpus(world, call.project, region) + machine.cpus > limit:
        message = f"Quota 'CPUS' exceeded.  Limit: {limit:.1f} in region {region}."
        raise errors.ApiError(403, "quotaExceeded", message, domain="usageLimits")


def used_cpus(world: World, project: str, region: str) -> int:
    """What counts against the quota: everything that is neither stopped nor suspended."""
    total = 0
    for key, record in world.store.table("instances").items():
        owner, zone, _name = key.split("/")
        off = record["resource"]["status"] in ("TERMINATED", "STOPPED", "SUSPENDED")
        if owner == project and catalog.ZONES[zone] == region and not off:
            total += catalog.MACHINE_TYPES[words.last(record["resource"]["machineType"])].cpus
    return total


def _disks(world: World, call: Call, instance: str) -> tuple[list[tuple[Record, Record]], list[str]]:
    """Attachments with their disks' records, and the host family of each disk's image ('' for none)."""
    wanted = call.body.get("disks", [])
    if not wanted:
        raise errors.invalid("resource.disks", "", "No disks are specified.")
    if not wanted[0].get("boot"):
        raise errors.invalid("resource.disks[0].boot", "false", "Boot disk must be the first disk attached.")
    disks, images = [], []
    for number, disk in enumerate(wanted):
        attached, record, image = _disk(world, call, instance, number, disk)
        disks.append((attached, record))
        images.append(image)
    names = [record["key"] for _attached, record in disks]
    if len(set(names)) < len(names):
        raise errors.invalid("resource.disks", names[-1], "Disk names must differ.")
    return disks, images


def _disk(world: World, call: Call, instance: str, number: int, disk: Record) -> tuple[Record, Record, str]:
    field = f"resource.disks[{number}]"
    project, zone = call.project, call.zone
    if "source" in disk:
        return _existing(world, call, instance, number, disk)
    parameters = disk.get("initializeParams")
    if parameters is None:
        raise errors.invalid(field, "", "Either source or initializeParams must be given.")
    default = call.body["name"] if number == 0 else f"{call.body['name']}-{number}"
    name = parameters.get("diskName", default)
    key, path = f"{project}/{zone}/{name}", f"projects/{project}/zones/{zone}/disks/{name}"
    if key in world.store.table("disks"):
        raise errors.already_exists(path)
    rules.labels(f"{field}.initializeParams.labels", parameters.get("labels", {}))
    kind = rules.disk_type(f"{field}.initializeParams.diskType", parameters.get("diskType", ""), project, zone)
    image = None
    if "sourceImage" in parameters:
        image = catalog.find_image(f"{field}.initializeParams.sourceImage", parameters["sourceImage"], project)
    elif number == 0:
        raise errors.required(f"{field}.initializeParams.sourceImage")
    size = int(parameters.get("diskSizeGb", disk.get("diskSizeGb", image.disk_gb if image else 500)))
    if image and size < image.disk_gb:
        why = f"Requested disk size cannot be smaller than the image size ({image.disk_gb} GB)"
        raise errors.invalid(f"{field}.initializeParams.diskSizeGb", size, why)
    key_used = rules.encryption(f"{field}.diskEncryptionKey", disk.get("diskEncryptionKey"))
    now = words.stamp(time.time())
    resource = {
        "kind": "compute#disk",
        "id": words.new_id(),
        "creationTimestamp": now,
        "lastAttachTimestamp": now,
        "name": name,
        "sizeGb": str(size),
        "zone": words.link(f"projects/{project}/zones/{zone}"),
        "status": "READY",
        "selfLink": words.link(path),
        "type": words.link(f"projects/{project}/zones/{zone}/diskTypes/{kind}"),
        "users": [words.link(instance)],
        "labelFingerprint": words.fingerprint(parameters.get("labels", {})),
        "physicalBlockSizeBytes": "4096",
    }
    if parameters.get("labels"):
        resource["labels"] = parameters["labels"]
    if image:
        resource.update(sourceImage=catalog.image_link(image), sourceImageId=catalog.image_resource(image)["id"])
        resource["guestOsFeatures"] = catalog.image_resource(image)["guestOsFeatures"]
        resource["licenses"] = catalog.image_resource(image)["licenses"]
    if key_used:
        resource["diskEncryptionKey"] = key_used
    return _attachment(number, disk, resource), {"key": key, "resource": resource}, image.host if image else ""


def _existing(world: World, call: Call, instance: str, number: int, disk: Record) -> tuple[Record, Record, str]:
    field = f"resource.disks[{number}].source"
    pattern = r"zones/(?P<zone>[^/]+)/disks/(?P<name>[^/]+)"
    found = words.parse_link(field, disk["source"], pattern, call.project)
    record = world.disk(found["project"], found["zone"], found["name"])
    if found["zone"] != call.zone:
        raise errors.invalid(field, disk["source"], "The disk is in another zone.")
    if record["resource"].get("users"):
        message = f"The disk resource '{words.relative(disk['source'])}' is already being used"
        raise errors.ApiError(400, "resourceInUseByAnotherResource", message)
    record["resource"]["users"] = [words.link(instance)]
    image = record["resource"].get("sourceImage")
    host = catalog.find_image(field, image, call.project).host if image else ""
    return _attachment(number, disk, record["resource"]), record, host


def _attachment(number: int, wanted: Record, disk: Record) -> Record:
    attached = {
        "kind": "compute#attachedDisk",
        "type": wanted.get("type", "PERSISTENT"),
        "mode": wanted.get("mode", "READ_WRITE"),
        "source": disk["selfLink"],
        "deviceName": wanted.get("deviceName", f"persistent-disk-{number}"),
        "index": number,
        "boot": bool(wanted.get("boot")),
        "autoDelete": wanted.get("autoDelete", False),
        "interface": wanted.get("interface", "SCSI"),
        "diskSizeGb": disk["sizeGb"],
    }
    for key in ("licenses", "guestOsFeatures", "diskEncryptionKey"):
        if key in disk:
            attached[key] = disk[key]
    return attached


def _interfaces(world: World, call: Call) -> list[Record]:
    wanted = call.body.get("networkInterfaces", [])
    if not wanted:
        raise errors.invalid("resource.networkInterfaces", "", "At least one network interface is required.")
    if len(wanted) > 1:
        raise errors.ApiError(501, "notImplemented", "The sandbox knows one network interface per instance")
    project, region = call.project, catalog.ZONES[call.zone]
    interface = wanted[0]
    field = "resource.networkInterfaces[0]"
    if "network" not in interface and "subnetwork" not in interface:
        raise errors.invalid(field, "", "At least one of network and subnetwork must be specified.")
    if "network" in interface:
        name = words.parse_link(f"{field}.network", interface["network"], r"global/networks/(?P<name>[^/]+)", project)
        catalog.network_resource(project, name["name"])
        if "subnetwork" not in interface:
            why = "Subnetwork should be specified for custom subnetmode network"
            raise errors.ApiError(400, "invalid", f"Invalid value for field '{field}.subnetwork': ''. {why}")
    pattern = r"regions/(?P<region>[^/]+)/subnetworks/(?P<name>[^/]+)"
    subnet = words.parse_link(f"{field}.subnetwork", interface["subnetwork"], pattern, project)
    if subnet["region"] != region:
        raise errors.invalid(f"{field}.subnetwork", interface["subnetwork"], f"It is not in region {region}.")
    found = catalog.subnetwork_resource(project, region, subnet["name"])
    result = {
        "kind": "compute#networkInterface",
        "name": "nic0",
        "network": found["network"],
        "subnetwork": found["selfLink"],
        "networkIP": addresses.private(world, region, f"{field}.networkIP", interface.get("networkIP")),
        "stackType": interface.get("stackType", "IPV4_ONLY"),
    }
    result["fingerprint"] = words.fingerprint(result)
    if interface.get("nicType"):
        result["nicType"] = interface["nicType"]
    if interface.get("accessConfigs"):
        result["accessConfigs"] = [addresses.public(world, config) for config in interface["accessConfigs"]]
    return [result]

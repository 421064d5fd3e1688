"""Which method of the document is answered by which function. Everything else is 501."""

from __future__ import annotations

import typing as t

from . import disks, guest_views, instances, inventories, reads, setters
from .world import Call, World

Handler = t.Callable[[World, Call], t.Any]

HANDLERS: dict[str, Handler] = {
    "instances.insert": instances.insert,
    "instances.get": instances.get,
    "instances.list": inventories.list_instances,
    "instances.aggregatedList": inventories.aggregated_instances,
    "instances.delete": instances.delete,
    "instances.start": instances.start,
    "instances.stop": instances.stop,
    "instances.suspend": instances.suspend,
    "instances.resume": instances.resume,
    "instances.setLabels": setters.set_labels,
    "instances.setMetadata": setters.set_metadata,
    "instances.setTags": setters.set_tags,
    "instances.setMachineType": setters.set_machine_type,
    "instances.setServiceAccount": setters.set_service_account,
    "instances.setScheduling": setters.set_scheduling,
    "instances.setShieldedInstanceIntegrityPolicy": setters.set_integrity_policy,
    "instances.updateShieldedInstanceConfig": setters.update_shielded,
    "instances.setDeletionProtection": setters.set_deletion_protection,
    "instances.getSerialPortOutput": guest_views.serial_port,
    "instances.getGuestAttributes": guest_views.guest_attributes,
    "disks.get": disks.get,
    "disks.list": inventories.list_disks,
    "disks.aggregatedList": inventories.aggregated_disks,
    "disks.resize": disks.resize,
    "disks.setLabels": disks.set_labels,
    "disks.delete": disks.delete,
    "projects.setCommonInstanceMetadata": setters.set_common_metadata,
    "zoneOperations.get": reads.get_operation,
    "zoneOperations.wait": reads.wait_operation,
    "zoneOperations.list": reads.list_operations,
    "globalOperations.get": reads.get_operation,
    "globalOperations.wait": reads.wait_operation,
    "globalOperations.list": reads.list_operations,
    "images.get": reads.get_image,
    "images.getFromFamily": reads.get_image_from_family,
    "machineTypes.get": reads.get_machine_type,
    "machineTypes.list": reads.list_machine_types,
    "zones.get": reads.get_zone,
    "zones.list": reads.list_zones,
    "regions.get": reads.get_region,
    "regions.list": reads.list_regions,
    "networks.get": reads.get_network,
    "subnetworks.get": reads.get_subnetwork,
    "projects.get": reads.get_project,
}

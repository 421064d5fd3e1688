"""Which method of the document is answered by which function. Everything else is 501."""

from __future__ import annotations

import typing as t

from . import instances, inventories, reads
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

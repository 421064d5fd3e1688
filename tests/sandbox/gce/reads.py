"""What only looks: projects, zones, regions, machine types, images, networks, operations."""

from __future__ import annotations

import copy
import typing as t

from . import catalog, insertion, words
from .lists import page
from .world import Call, World


def get_project(world: World, call: Call) -> t.Any:
    """projects.get"""
    record = world.store.table("projects")[call.project]
    return {
        "kind": "compute#project",
        "id": "123456789012",
        "name": call.project,
        "creationTimestamp": words.stamp(record["created"]),
        "defaultServiceAccount": world.service_account,
        "defaultNetworkTier": "PREMIUM",
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
        "commonInstanceMetadata": insertion.metadata_value(record["metadata"].get("items", [])),
        "selfLink": words.link(f"projects/{call.project}"),
    }


def get_zone(_world: World, call: Call) -> t.Any:
    """zones.get"""
    return catalog.zone_resource(call.project, call.zone)


def list_zones(world: World, call: Call) -> t.Any:
    """zones.list"""
    return page(world, call, [catalog.zone_resource(call.project, zone) for zone in catalog.ZONES], "zones")


def _region(world: World, project: str, region: str) -> dict[str, t.Any]:
    used = float(insertion.used_cpus(world, project, region))
    quotas = [{"metric": "CPUS", "limit": float(world.cpu_quota), "usage": used}]
    return catalog.region_resource(project, region, quotas)


def get_region(world: World, call: Call) -> t.Any:
    """regions.get"""
    return _region(world, call.project, str(call.parameters["region"]))


def list_regions(world: World, call: Call) -> t.Any:
    """regions.list"""
    return page(world, call, [_region(world, call.project, region) for region in catalog.REGIONS], "regions")


def get_machine_type(_world: World, call: Call) -> t.Any:
    """machineTypes.get"""
    return catalog.machine_type_resource(call.project, call.zone, str(call.parameters["machineType"]))


def list_machine_types(world: World, call: Call) -> t.Any:
    """machineTypes.list"""
    found = [catalog.machine_type_resource(call.project, call.zone, name) for name in sorted(catalog.MACHINE_TYPES)]
    return page(world, call, found, f"zones/{call.zone}/machineTypes")


def get_image(_world: World, call: Call) -> t.Any:
    """images.get"""
    return catalog.image_resource(catalog.image_of(call.project, None, str(call.parameters["image"])))


def get_image_from_family(_world: World, call: Call) -> t.Any:
    """images.getFromFamily"""
    return catalog.image_resource(catalog.image_of(call.project, str(call.parameters["family"]), None))


def get_network(_world: World, call: Call) -> t.Any:
    """networks.get"""
    return catalog.network_resource(call.project, str(call.parameters["network"]))


def get_subnetwork(_world: World, call: Call) -> t.Any:
    """subnetworks.get"""
    region, name = str(call.parameters["region"]), str(call.parameters["subnetwork"])
    return catalog.subnetwork_resource(call.project, region, name)


def get_operation(world: World, call: Call) -> t.Any:
    """zoneOperations.get, globalOperations.get"""
    return world.operations.get(call)


def wait_operation(world: World, call: Call) -> t.Any:
    """zoneOperations.wait, globalOperations.wait"""
    return world.operations.wait(call)


def list_operations(world: World, call: Call) -> t.Any:
    """zoneOperations.list, globalOperations.list"""
    place = f"zones/{call.zone}" if call.zone else "global"
    return page(world, call, copy.deepcopy(world.operations.all(call.project, call.zone)), f"{place}/operations")

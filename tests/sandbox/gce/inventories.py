"""Lists of instances and disks, of one zone or of all."""

from __future__ import annotations

import typing as t

from . import catalog, lists
from .store import Record
from .world import Call, World


def _rows(world: World, table: str, project: str) -> dict[str, list[Record]]:
    """Zone -> visible resources of a project."""
    found: dict[str, list[Record]] = {}
    for key, record in world.store.table(table).items():
        owner, zone, _name = key.split("/")
        if owner == project and record.get("visible", True):
            found.setdefault(zone, []).append(record["resource"])
    return found


def _zone(world: World, call: Call, table: str) -> t.Any:
    catalog.check_zone(call.project, call.zone)
    rows = _rows(world, table, call.project).get(call.zone, [])
    return lists.page(world, call, rows, f"zones/{call.zone}/{table}")


def list_instances(world: World, call: Call) -> t.Any:
    """instances.list"""
    return _zone(world, call, "instances")


def aggregated_instances(world: World, call: Call) -> t.Any:
    """instances.aggregatedList"""
    return lists.aggregated(world, call, _rows(world, "instances", call.project), "instances")


def list_disks(world: World, call: Call) -> t.Any:
    """disks.list"""
    return _zone(world, call, "disks")


def aggregated_disks(world: World, call: Call) -> t.Any:
    """disks.aggregatedList"""
    return lists.aggregated(world, call, _rows(world, "disks", call.project), "disks")

"""Addresses of instances: one private one for life, a public one when asked for."""

from __future__ import annotations

import ipaddress

from . import catalog, errors
from .store import Record
from .world import World

_PUBLIC = ipaddress.ip_network("203.0.113.0/24")  # for documentation: nobody has these


def _used(world: World) -> set[str]:
    used: set[str] = set()
    for record in world.store.table("instances").values():
        for interface in record["resource"]["networkInterfaces"]:
            used.add(interface["networkIP"])
            used.update(config.get("natIP", "") for config in interface.get("accessConfigs", ()))
    return used


def private(world: World, region: str, field: str, wanted: str | None) -> str:
    """A free address of the region's subnetwork. Raises ApiError."""
    subnet = catalog.SUBNET_RANGES[region]
    used = _used(world)
    if wanted is not None:
        try:
            inside = ipaddress.ip_address(wanted) in subnet
        except ValueError:
            inside = False
        if not inside:
            raise errors.invalid(field, wanted, f"IP address must be within {subnet}.")
        if wanted in used:
            message = f"IP '{wanted}' is already being used by another resource."
            raise errors.ApiError(400, "ipInUseByAnotherResource", message)
        return wanted
    last = world.store.table("last_address").get(region, 9)
    size = subnet.num_addresses - 2
    for offset in range(1, size):
        # Going round: an address is not given again at once, as a stale known_hosts would hide that.
        number = 10 + (last - 10 + offset) % (size - 10)
        if str(subnet[number]) not in used:
            world.store.put("last_address", region, number)
            return str(subnet[number])
    message = f"IP space of subnetwork {subnet} is exhausted."
    raise errors.ApiError(400, "ipSpaceExhausted", message)


def public(world: World, config: Record) -> Record:
    """An AccessConfig with an address. Many instances share one when they are many."""
    used = _used(world)
    free = (str(address) for address in _PUBLIC.hosts() if str(address) not in used)
    return {
        "kind": "compute#accessConfig",
        "type": config.get("type", "ONE_TO_ONE_NAT"),
        "name": config.get("name", "External NAT"),
        "natIP": next(free, str(_PUBLIC[254])),
        "networkTier": config.get("networkTier", "PREMIUM"),
    }

"""The bridge that stands for the VPC, and how a container gets its address on it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import docker
import docker.errors
from docker.types import IPAMConfig, IPAMPool

from tests.sandbox import settings
from tests.sandbox.errors import SandboxError


def labels(**more: str) -> dict[str, str]:
    """What every Docker object of this sandbox carries."""
    return {settings.LABEL: str(settings.STATE), **more}


def ensure(engine: docker.DockerClient) -> None:
    """Make the network, or find it made. Raises SandboxError if the addresses are somebody else's."""
    for known in engine.api.networks(names=[settings.NETWORK]):
        if known["Name"] == settings.NETWORK:
            owner = (known.get("Labels") or {}).get(settings.LABEL, "something else")
            if owner != str(settings.STATE):
                raise SandboxError(
                    f"The addresses {settings.CIDR} belong to the sandbox of {owner}; "
                    "set DEVCONTAINER_SANDBOX_PREFIX to others, such as 10.214"
                )
            return
    pool = IPAMPool(subnet=settings.CIDR, gateway=settings.GATEWAY)
    mtu = _mtu()
    try:
        engine.networks.create(
            settings.NETWORK,
            driver="bridge",
            ipam=IPAMConfig(pool_configs=[pool]),
            labels=labels(),
            options={"com.docker.network.driver.mtu": mtu} if mtu else None,
        )
    except docker.errors.APIError as error:
        raise SandboxError(
            f"The addresses {settings.CIDR} cannot be used here ({error.explanation}); "
            "set DEVCONTAINER_SANDBOX_PREFIX to others, such as 10.214"
        ) from error


def at(engine: docker.DockerClient, address: str) -> dict[str, t.Any]:
    """The arguments of a container that has this address."""
    return {
        "network": settings.NETWORK,
        "networking_config": {settings.NETWORK: engine.api.create_endpoint_config(ipv4_address=address)},
    }


def _mtu() -> str:
    """The MTU towards the outside: a bridge with a larger one loses large packets where nobody sends ICMP."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        device, destination = line.split()[:2]
        if destination == "00000000":
            return Path("/sys/class/net", device, "mtu").read_text().strip()
    return ""

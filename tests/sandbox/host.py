"""The seam between the sandbox's API (what an instance is) and its hosts (what runs)."""

from __future__ import annotations

import dataclasses
import typing as t


class HostError(Exception):
    """A host could not be started; the text becomes the instance's StateReason."""


@dataclasses.dataclass(frozen=True)
class Host:
    """One instance as its host needs it; a plain value, safe to hand to another thread or to write as JSON."""

    instance_id: str
    private_ip: str
    family: str  # of the image: debian-12, ...
    user_data: bytes
    tags: t.Mapping[str, str]
    instance_type: str
    region: str
    zone: str
    image_id: str
    hop_limit: int = 1
    metadata_tags: bool = True


class HostDriver(t.Protocol):
    """What the API asks of whoever realises instances. Calls may come from several threads."""

    def start(self, host: Host) -> None:
        """Make the host, or start the one that was stopped with its disk; return when PID 1 is up. Raises HostError."""

    def stop(self, instance_id: str) -> None:
        """Power the host off; its disk stays. Done already is done."""

    def terminate(self, instance_id: str) -> None:
        """Remove the host and its disk. Gone already is done."""

    def stopped(self) -> set[str]:
        """The ids of the hosts that exist and do not run: the API looks for those that powered themselves off."""

    def describe(self, host: Host) -> None:
        """The instance's tags or metadata options changed: show the new ones in its metadata service."""

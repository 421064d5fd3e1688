# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""A machine as an inventory sees it, and the small record of it that the cache keeps. Pure.

The record is plain JSON and holds nothing that depends on the clock: a cached answer is read at another time.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import result
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed

Json = dict[str, t.Any]

#: Part of every cache key: a record of another shape is never read.
SHAPE = 1
#: What of Observed.info a host's variables show.
_INFO = ("zone", "image", "instance_type", "private_address", "public_address", "launched_at")


@dataclasses.dataclass(frozen=True)
class Found:
    """One machine of one source. ``title`` is what its owner calls it, empty where it has no such name."""

    provider: str
    account: str
    region: str
    title: str
    machine: Observed

    @property
    def workspace(self) -> str:
        """The workspace's name as it is written on the machine; empty on a machine that is not ours."""
        return self.machine.labels["workspace"] if self.machine.ours else ""

    def variables(self) -> Json:
        """What a host tells of its machine: ``workspace`` as the modules return it, or a few words under ``ec2``."""
        machine = self.machine
        if machine.ours:
            return {"workspace": result.workspace_result(self.workspace, self.provider, self.region, machine)}
        return {
            self.provider: {
                "id": machine.id,
                "name": self.title,
                "zone": machine.info.get("zone", ""),
                "type": machine.info.get("instance_type", ""),
                "tags": dict(machine.tags),
            }
        }

    def to_record(self) -> Json:
        """Plain data for the cache."""
        machine = self.machine
        return {
            "account": self.account,
            "region": self.region,
            "title": self.title,
            "id": machine.id,
            "state": machine.state,
            "ours": machine.ours,
            "labels": dict(machine.labels),
            "tags": dict(machine.tags),
            "info": {key: machine.info.get(key, "") for key in _INFO},
        }


def from_record(provider: str, record: t.Mapping[str, t.Any]) -> Found:
    """The machine of a record. Raises KeyError or TypeError for what is no record."""
    return Found(
        provider=provider,
        account=record["account"],
        region=record["region"],
        title=record["title"],
        machine=Observed(
            id=record["id"],
            state=record["state"],
            ours=record["ours"],
            labels=dict(record["labels"]),
            tags=dict(record["tags"]),
            info=dict(record["info"]),
        ),
    )

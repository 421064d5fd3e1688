# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The groups that every inventory of workspaces has, whatever the cloud. Pure."""

from __future__ import annotations

import datetime as dt
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.lease import Policy, decide
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import Found

WORKSPACES, UNMANAGED, EXPIRED = "workspaces", "unmanaged", "lease_expired"


def always(include_unmanaged: bool) -> list[str]:
    """Groups that exist even while they are empty, so that a play on one of them is no warning."""
    return [WORKSPACES, EXPIRED, *([UNMANAGED] if include_unmanaged else [])]


def groups_of(found: Found, now: dt.datetime, by_account: str) -> list[str]:
    """The groups of one host, as they are before Ansible's sanitising.

    ``by_account`` begins the group of its account, such as ``account``; it is empty where there is none.
    ``lease_expired`` is the reaper's own word on it, so that both mean the same: an unreadable lease counts as ended,
    a pinned workspace does not.
    """
    machine = found.machine
    groups = [
        WORKSPACES if machine.ours else UNMANAGED,
        f"provider_{found.provider}",
        f"state_{machine.state}",
        f"region_{found.region}",
    ]
    if by_account:
        groups.append(f"{by_account}_{found.account}")
    if machine.ours:
        for key in ("owner", "team"):
            if machine.labels.get(key):
                groups.append(f"{key}_{machine.labels[key]}")
        if decide(machine, Policy(), now).action == "stop":
            groups.append(EXPIRED)
    return groups


def in_order(machines: t.Iterable[Found]) -> list[Found]:
    """Workspaces first, then by name and place: the same inventory whichever source answered first."""
    return sorted(
        machines, key=lambda f: (not f.machine.ours, f.workspace or f.title, f.account, f.region, f.machine.id)
    )

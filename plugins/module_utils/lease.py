# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""decide(): what the reaper does with one workspace. Pure; looks at the cloud's own view, never at the guest's word.

A newcomer who wants to know why a workspace was stopped finds the rule here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import times
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.lifecycle import PARKED
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, when


@dataclasses.dataclass(frozen=True)
class Policy:
    """The limits that hold whatever a workspace's own labels say; seconds, None for no such limit."""

    max_lifetime: t.Optional[int] = None  #: since the last start
    grace: int = 0  #: past the lease, before it is stopped
    retention: t.Optional[int] = None  #: of a parked workspace that names no time itself


@dataclasses.dataclass(frozen=True)
class Decision:
    """``leave``, ``stop`` or ``delete`` (after a backup), with the sentence that explains it.

    ``due`` is when the decision will turn, None where nothing is due.
    """

    action: str
    reason: str
    due: t.Optional[dt.datetime] = None


def decide(workspace: Observed, policy: Policy, now: dt.datetime, since: dt.datetime | None = None) -> Decision:
    """``since`` is when the workspace came into its present state, where the provider can tell.

    A time that cannot be read fails closed: a running workspace is stopped (which loses nothing), and none is deleted.
    """
    if not workspace.ours:
        return Decision("leave", "it is not a workspace of ours")
    pinned = _pin(workspace, now)
    if pinned:
        return pinned
    if workspace.state == "running":
        return _running(workspace, policy, now, since)
    if workspace.state in PARKED:
        return _parked(workspace, policy, now, since)
    return Decision("leave", f"it is {workspace.state}")


def _pin(workspace: Observed, now: dt.datetime) -> Decision | None:
    """``keep`` holds "<time> <reason>": a pin always ends."""
    text = workspace.labels.get("keep", "")
    moment, _space, reason = text.partition(" ")
    try:
        until = times.parse_time(moment) if moment else None
    except InvalidInput:
        return None
    if until is None or until <= now:
        return None
    return Decision("leave", f"it is kept until {times.format_time(until)}: {reason or 'no reason given'}", until)


def _running(workspace: Observed, policy: Policy, now: dt.datetime, since: dt.datetime | None) -> Decision:
    try:
        lease = when(workspace.labels, "lease-until")
    except InvalidInput as error:
        return Decision("stop", f"its lease cannot be read ({error})")
    due = [
        (lease + dt.timedelta(seconds=policy.grace), "its lease ended") if lease else None,
        (since + dt.timedelta(seconds=policy.max_lifetime), "its longest lifetime ended")
        if since and policy.max_lifetime is not None
        else None,
    ]
    earliest = min((item for item in due if item), default=None, key=lambda item: item[0])
    if earliest is None:
        return Decision("leave", "it has no lease, and the policy has no longest lifetime")
    moment, why = earliest
    if moment <= now:
        return Decision("stop", f"{why} at {times.format_time(moment)}", moment)
    return Decision("leave", f"it may run until {times.format_time(moment)}", moment)


def _parked(workspace: Observed, policy: Policy, now: dt.datetime, since: dt.datetime | None) -> Decision:
    try:
        expires = when(workspace.labels, "expires-at")
    except InvalidInput as error:
        return Decision("leave", f"when it expires cannot be read ({error})")
    if expires is None and since is not None:
        expires = times.after(since, policy.retention)
    if expires is None:
        return Decision("leave", "nothing says when it expires")
    if expires <= now:
        return Decision("delete", f"it expired at {times.format_time(expires)}", expires)
    return Decision("leave", f"it is kept until {times.format_time(expires)}", expires)

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The words of the project as types, and the contract: what is written on every resource that we make.

Modules, inventories, reaper and reports all read this one file; nothing else spells a tag's name.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import times
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput

#: What may be asked for.
STATES = ("running", "stopped", "suspended", "absent")
#: What may be seen, beside those.
TRANSITIONS = ("pending", "stopping", "deleting", "failed")

MANAGED_BY = "devcontainer.cloud"
CONTRACT_VERSION = "1"

_NAME = re.compile(r"^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$")
_LOGIN = re.compile(r"^[a-z_][a-z0-9_-]{0,31}$")
_RESERVED_LOGINS = frozenset({"root", "daemon", "bin", "sys", "nobody", "sshd", "docker"})


def check_name(name: str, option: str = "name") -> str:
    """Return ``name`` if every provider can carry it (a DNS label, 40 characters at most). Raises InvalidInput."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{option}: {name!r} is no workspace name; use 1 to 40 lower case letters, digits and hyphens, "
            "beginning with a letter and ending with a letter or digit"
        )
    return name


def check_login(user: str, option: str = "user") -> str:
    """Return ``user`` if it can be the login account of a workspace. Raises InvalidInput."""
    if not _LOGIN.fullmatch(user) or user in _RESERVED_LOGINS:
        raise InvalidInput(
            f"{option}: {user!r} cannot be a workspace's account; use 1 to 32 lower case letters, digits, _ and -, "
            "and none of the system's own accounts"
        )
    return user


@dataclasses.dataclass(frozen=True)
class Key:
    """One line of the contract and its one place per provider.

    ``gce`` is ``label`` (a slug that the server can filter by) or ``metadata``; ``k8s`` is ``label`` or ``annotation``.
    ``time`` values are ISO 8601 in UTC everywhere but on a GCE label, whose alphabet allows epoch seconds only.
    """

    name: str
    gce: str
    k8s: str
    time: bool = False
    full_text: bool = False  #: a label holds only a slug: the full text stands in GCE metadata or an annotation


CONTRACT: tuple[Key, ...] = (
    Key("version", "label", "label"),
    Key("managed-by", "label", "label"),
    Key("workspace", "label", "label"),
    Key("owner", "label", "label", full_text=True),
    Key("team", "label", "label", full_text=True),
    Key("user", "label", "annotation", full_text=True),
    Key("lease-until", "label", "annotation", time=True),
    Key("expires-at", "label", "annotation", time=True),
    Key("idle-limit", "metadata", "annotation"),
    Key("keep", "metadata", "annotation"),
    Key("repo", "metadata", "annotation"),
    Key("ref", "metadata", "annotation"),
    Key("config", "metadata", "annotation"),
    Key("host-key", "metadata", "annotation"),
)
KEYS = {key.name: key for key in CONTRACT}

#: The longest value that an AWS tag takes, and so the longest of the contract.
LONGEST_VALUE = 256

Labels = t.Mapping[str, str]


def identity(name: str) -> dict[str, str]:
    """The labels that make a resource ours and this workspace's."""
    return {"version": CONTRACT_VERSION, "managed-by": MANAGED_BY, "workspace": name}


def is_ours(labels: Labels) -> bool:
    """Whether a resource with these (decoded) labels may be changed by us at all."""
    return labels.get("managed-by") == MANAGED_BY and bool(labels.get("workspace"))


def check_labels(labels: Labels) -> None:
    """Refuse a value that a provider could not carry. Raises InvalidInput naming the option."""
    for name, value in labels.items():
        if len(value) > LONGEST_VALUE:
            raise InvalidInput(
                f"{name.replace('-', '_')}: {len(value)} characters are too long; {LONGEST_VALUE} at most"
            )
        if not value.isprintable():
            raise InvalidInput(f"{name.replace('-', '_')}: {value!r} holds a line break or the like; leave it out")


@dataclasses.dataclass(frozen=True)
class Spec:
    """What the user asks for: one workspace.

    ``labels`` are the contract's, ``tags`` the user's own (left alone where None), ``settings`` the provider's declared
    options by name, compared with ``Observed.settings``: what is not named here is not looked at.
    ``create`` holds what only a creation uses; the core passes it on unread.
    """

    name: str
    state: str = "running"
    labels: Labels = dataclasses.field(default_factory=dict)
    tags: t.Optional[Labels] = None
    purge_tags: bool = False
    settings: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    create: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    lease: t.Optional[int] = None  #: seconds from a create or a real start
    lease_until: t.Optional[dt.datetime] = None  #: explicit: set at every run
    retention: t.Optional[int] = None  #: seconds from a stop


@dataclasses.dataclass(frozen=True)
class Observed:
    """What the cloud shows now of one resource."""

    id: str
    state: str
    ours: bool
    labels: Labels = dataclasses.field(default_factory=dict)
    tags: Labels = dataclasses.field(default_factory=dict)
    settings: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    request: str = ""  #: an open request (spot) that would bring the machine back after a delete
    holds_name: bool = True  #: while it is deleted, no other resource can have its name
    can_stop: bool = True
    can_suspend: bool = True
    reason: str = ""  #: the cloud's own words for the state
    info: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)  #: addresses and such, for the result


def when(labels: Labels, key: str) -> dt.datetime | None:
    """The time that stands under a contract key; None where there is none. Raises InvalidInput where it is no time."""
    text = labels.get(key)
    return times.parse_time(text, f"{labels.get('workspace', '?')}'s {key}") if text else None

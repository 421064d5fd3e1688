# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a host is reached: the address and the SSH options, in the shape that the playbook gives them. Pure."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import check_login, check_name
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import Found

#: Strict, since it becomes part of a command line.
_BASTION = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?")
_ID = re.compile(r"[A-Za-z0-9._-]+")
_ADDRESSES = {
    "auto": ("public_address", "private_address"),
    "private": ("private_address",),
    "public": ("public_address",),
}


@dataclasses.dataclass(frozen=True)
class Reach:
    """``address`` is auto, private or public; ``bastion`` is empty or ``user@host``; ``ssh_directory`` is absolute.

    ``user`` is who logs in, empty for whom each workspace's own labels name.
    """

    address: str
    bastion: str
    ssh_directory: str
    user: str = ""

    def variables(self, found: Found) -> dict[str, t.Any]:
        """The connection variables of a host, and only those that differ from Ansible's own defaults.

        What the cloud says is checked before it becomes a command line here: a tag may hold anything.
        """
        variables: dict[str, t.Any] = {}
        address, options = self._address(found), self._way(found)
        if address:
            variables["ansible_host"] = address
        if self.user:
            variables["ansible_user"] = self.user
        if found.machine.ours:
            with contextlib.suppress(InvalidInput):
                variables.setdefault("ansible_user", check_login(found.machine.labels.get("user", "")))
            with contextlib.suppress(InvalidInput):
                options += self._host_key(check_name(found.workspace), found.machine.id)
        if options:
            variables["ansible_ssh_common_args"] = " ".join(options)
        return variables

    def _address(self, found: Found) -> str:
        """What to connect to; empty where nothing is known."""
        # Behind a bastion a private address is the one that is meant.
        kinds = _ADDRESSES["auto"][::-1] if self.address == "auto" and self.bastion else _ADDRESSES[self.address]
        return next((str(found.machine.info[kind]) for kind in kinds if found.machine.info.get(kind)), "")

    def _way(self, found: Found) -> list[str]:
        """The SSH options that lead there."""
        return [f"-o ProxyJump={self.bastion}"] if self.bastion else []

    def _host_key(self, name: str, machine_id: str) -> list[str]:
        """The key that the module made, and no other."""
        if not _ID.fullmatch(machine_id):
            return []
        return [
            f"-o HostKeyAlias={machine_id}",
            "-o StrictHostKeyChecking=yes",
            f'-o "UserKnownHostsFile={self.ssh_directory}/{name}.known_hosts"',
        ]


def reach_of(
    connection: str, bastion: str, address: str, ssh_directory: str, kind: type[Reach] = Reach, user: str = ""
) -> Reach:
    """The options as a Reach of that kind. Raises InvalidInput."""
    if connection == "bastion" and not bastion:
        raise InvalidInput("bastion: it is empty; connection: bastion needs one, such as jump@bastion.example")
    if connection != "bastion" and bastion:
        raise InvalidInput(f"bastion: {bastion!r} is not used by connection: {connection}; set connection: bastion")
    if bastion and not _BASTION.fullmatch(bastion):
        raise InvalidInput(f"bastion: {bastion!r} is no SSH destination; write user@host or user@host:port")
    if re.search(r"[\"'\\\n%]", ssh_directory):
        raise InvalidInput(
            f"ssh_directory: {ssh_directory!r} holds a quote, backslash, % or line break; choose another folder"
        )
    return kind(address, bastion, ssh_directory, user)

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts behind Identity-Aware Proxy, and the account names of OS Login. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.reach import Reach
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import Found

#: What becomes part of a command line. Each is narrower than what a shell or ssh would take for anything but a word.
PROJECT = re.compile(r"(?:[a-z0-9][a-z0-9.-]*:)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
ZONE = re.compile(r"[a-z]+-[a-z]+[0-9]+-[a-z0-9]+")
_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ID = re.compile(r"[0-9]+")
#: As the guest's own OS Login library takes them.
_LOGIN = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]{0,31}")

_TUNNEL = (
    "gcloud compute start-iap-tunnel %h %p --listen-on-stdin --project={project} --zone={zone} --verbosity=warning"
)


@dataclasses.dataclass(frozen=True)
class Iap(Reach):
    """``account`` of a machine is its project, ``title`` its instance's name: gcloud finds it by them and its zone."""

    def variables(self, found: Found) -> dict[str, t.Any]:
        variables = super().variables(found)
        if self._address(found):
            # Names are unique in a zone only, and Ansible shares a connection between hosts of one address and user:
            # a command would go to the other machine of that name. Short, since a socket's path has 108 characters.
            digest = hashlib.sha256(found.machine.id.encode()).hexdigest()[:10]
            variables["ansible_control_path"] = f"%(directory)s/{digest}-%%r"
        return variables

    def _address(self, found: Found) -> str:
        parts = (
            (PROJECT, found.account),
            (ZONE, found.machine.info.get("zone", "")),
            (_NAME, found.title),
            (_ID, found.machine.id),
        )
        return found.title if all(pattern.fullmatch(text) for pattern, text in parts) else ""

    def _way(self, found: Found) -> list[str]:
        if not self._address(found):
            return []
        tunnel = _TUNNEL.format(project=found.account, zone=found.machine.info["zone"])
        # gcloud's own alias; a workspace has one already.
        alias = [] if found.machine.ours else [f"-o HostKeyAlias=compute.{found.machine.id}"]
        return [f'-o "ProxyCommand={tunnel}"', *alias]


def login_of(ssh_user: str, os_login_user: str) -> str:
    """Who logs in to every host; empty where each workspace's labels say it. Raises InvalidInput."""
    if ssh_user == "oslogin" and not os_login_user:
        raise InvalidInput(
            "os_login_user: it is empty; ssh_user: oslogin needs the POSIX user name that "
            "`gcloud compute os-login describe-profile` shows"
        )
    if ssh_user != "oslogin" and os_login_user:
        raise InvalidInput(
            f"os_login_user: {os_login_user!r} is not used by ssh_user: {ssh_user}; set ssh_user: oslogin"
        )
    if os_login_user and not _LOGIN.fullmatch(os_login_user):
        raise InvalidInput(
            f"os_login_user: {os_login_user!r} is no POSIX user name; write for example ada_example_com or sa_1234567"
        )
    return os_login_user

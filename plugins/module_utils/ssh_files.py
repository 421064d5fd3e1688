# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The OpenSSH client configuration of a workspace: two doors, one known host. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import check_login, check_name

#: On the host: joins the container's network and serves one SSH session there. Installed by the role devcontainer.
CONTAINER_DOOR = "sudo /usr/local/lib/devcontainer-cloud/container-ssh"
_ADDRESS = re.compile(r"[A-Za-z0-9.:_-]+")
_HOST_KEY = re.compile(r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/=]+")
_ID = re.compile(r"[A-Za-z0-9._-]+")
_ZONE = re.compile(r"[A-Za-z0-9-]+")

Files = dict[str, str]


def quoted(path: str) -> str:
    """A path as ssh_config takes it. Raises InvalidInput for what cannot be quoted there."""
    if '"' in path or "\n" in path:
        raise InvalidInput(f"directory: {path!r} holds a quote or a line break; choose another folder")
    return f'"{path}"' if re.search(r"[\s#]", path) else path


def files(
    workspace: t.Mapping[str, t.Any], directory: str, extra: t.Sequence[str] = (), own_config: bool = False
) -> Files:
    """File name -> content, for one workspace. Everything from the cloud is checked: it becomes a command line here.

    ``extra`` are options; ``{name}`` and ``{zone}`` in them stand for the workspace's. ``own_config`` says that no
    other ssh_config includes these files, so that the inner connection must name them too. Raises InvalidInput.
    """
    name = check_name(workspace["name"])
    user = check_login(workspace["user"])
    for option, pattern in (("address", _ADDRESS), ("id", _ID), ("host_key", _HOST_KEY)):
        if not pattern.fullmatch(workspace[option] or ""):
            raise InvalidInput(
                f"workspaces: {name}'s {option} {workspace[option]!r} cannot be written to an ssh_config"
            )
    for line in extra:
        if "\n" in line:
            raise InvalidInput(f"extra: {line!r} holds a line break; give one option per entry")
    common = [
        f"  User {user}",
        f"  HostKeyAlias {workspace['id']}",
        f"  UserKnownHostsFile {quoted(f'{directory}/{name}.known_hosts')}",
        "  StrictHostKeyChecking yes",
        "  ServerAliveInterval 30",
        *(f"  {_filled(line, name, workspace.get('zone') or '')}" for line in extra),
    ]
    config = f" -F {quoted(f'{directory}/config')}" if own_config else ""
    lines = [
        f"# {name}: written by devcontainer.cloud, and removed with the workspace",
        f"Host {name}",
        f"  HostName {workspace['address']}",
        *common,
        f"Host {name}.devcontainer",
        f"  ProxyCommand ssh{config} {name} {CONTAINER_DOOR}",
        *common,
    ]
    return {
        f"{name}.conf": "\n".join(lines) + "\n",
        f"{name}.known_hosts": f"{workspace['id']} {workspace['host_key']}\n",
    }


def _filled(line: str, name: str, zone: str) -> str:
    if "{zone}" in line and not _ZONE.fullmatch(zone):
        raise InvalidInput(f"workspaces: {name}'s zone {zone!r} cannot be written to an ssh_config")
    return line.replace("{name}", name).replace("{zone}", zone)


def with_include(config: str, directory: str) -> str:
    """A user's ssh_config that includes ours, at the top, since an Include below a Host would belong to it."""
    line = f"Include {quoted(f'{directory}/config')}"
    if line in (existing.strip() for existing in config.splitlines()):
        return config
    return f"{line}\n{config}"

"""What Google's guest agent does in an instance, told to a host as cloud-init user data.

The agent makes accounts from ``ssh-keys`` and runs ``startup-script``, both at every boot. A boothook part does the
same: it comes before the instance's own user data, and leaves that as it is.
"""

from __future__ import annotations

import datetime as dt
import email.mime.multipart
import email.mime.text
import json
import re
import shlex
import typing as t

from .store import Record

_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_TYPES = {
    "#cloud-config": "cloud-config",
    "#cloud-boothook": "cloud-boothook",
    "#!": "x-shellscript",
    "#include": "x-include-url",
    "## template: jinja": "jinja2",
}


def items(metadata: Record) -> dict[str, str]:
    """A Metadata's items as a mapping."""
    return {item["key"]: item["value"] for item in metadata.get("items", ())}


def attributes(resource: Record) -> dict[str, str]:
    """An instance's own metadata."""
    return items(resource.get("metadata", {}))


def _flag(key: str, instance: t.Mapping[str, str], project: t.Mapping[str, str]) -> bool:
    return instance.get(key, project.get(key, "")).lower() in ("true", "1", "y", "yes")


def accounts(instance: t.Mapping[str, str], project: t.Mapping[str, str], now: dt.datetime) -> dict[str, list[str]]:
    """Login -> public keys. With OS Login on, metadata has no say; expired keys are no keys."""
    if _flag("enable-oslogin", instance, project):
        return {}
    lines = instance.get("ssh-keys", "").splitlines()
    if not _flag("block-project-ssh-keys", instance, {}):
        lines += project.get("ssh-keys", "").splitlines()
    found: dict[str, list[str]] = {}
    for line in lines:
        user, colon, key = line.strip().partition(":")
        if colon and _ACCOUNT.fullmatch(user) and key and not _expired(key, now):
            found.setdefault(user, []).append(key)
    return found


def _expired(key: str, now: dt.datetime) -> bool:
    """``<type> <key> google-ssh {"userName": ..., "expireOn": "2026-01-01T00:00:00+0000"}``"""
    _key, marker, text = key.partition(" google-ssh ")
    if not marker:
        return False
    try:
        end = dt.datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", json.loads(text)["expireOn"]))
        return end < now
    except (ValueError, KeyError, TypeError):
        return True  # the agent drops what it cannot read


def user_data(
    instance: t.Mapping[str, str],
    project: t.Mapping[str, str],
    now: dt.datetime | None = None,
    metadata_address: str = "",
) -> bytes:
    """cloud-init user data with the agent's part first; exactly ``user-data`` when the agent has nothing to do.

    ``metadata_address``: where the metadata server answers on port 80, for a host that finds no link-local one.
    """
    own = instance.get("user-data", project.get("user-data", ""))
    users = accounts(instance, project, now or dt.datetime.now(tz=dt.timezone.utc))
    script = instance.get("startup-script", project.get("startup-script", ""))
    if not users and not script and not metadata_address:
        return own.encode()
    hook = _boothook(users, script, metadata_address)
    if not own:
        return hook.encode()
    both = email.mime.multipart.MIMEMultipart(boundary="=====guest-agent=====")
    both.attach(email.mime.text.MIMEText(hook, "cloud-boothook", "utf-8"))
    kind = next((kind for start, kind in _TYPES.items() if own.startswith(start)), None)
    if kind is None:
        inner = email.message_from_string(own)
        if not inner.is_multipart():
            return hook.encode()  # cloud-init knows nothing to do with it either
        for part in inner.get_payload():
            both.attach(t.cast(email.message.Message, part))
    else:
        both.attach(email.mime.text.MIMEText(own, kind, "utf-8"))
    return both.as_bytes()


def _boothook(users: t.Mapping[str, t.Sequence[str]], script: str, metadata_address: str) -> str:
    """Shell that makes the accounts and leaves the script where cloud-init runs it at the end of every boot."""
    lines = [
        "#cloud-boothook",
        "#!/bin/sh",
        "set -eu",
        "per_boot=/var/lib/cloud/scripts/per-boot/google-startup-script",
    ]
    if metadata_address:
        names = "metadata.google.internal metadata"
        lines.append(f"grep -q metadata.google.internal /etc/hosts || echo {metadata_address} {names} >> /etc/hosts")
    for user, keys in users.items():
        text = shlex.quote("".join(f"{key}\n" for key in keys))
        lines += [
            f"id {user} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash {user}",
            f"home=$(getent passwd {user} | cut -d: -f6)",
            f'install -d -m 700 -o {user} -g "$(id -gn {user})" "$home/.ssh"',
            f'printf %s {text} > "$home/.ssh/authorized_keys"',
            f'chown {user}: "$home/.ssh/authorized_keys"',
            'chmod 600 "$home/.ssh/authorized_keys"',
            f"printf '%s\\n' '{user} ALL=(ALL:ALL) NOPASSWD:ALL' > /etc/sudoers.d/google-{user}",
            f"chmod 440 /etc/sudoers.d/google-{user}",
        ]
    if script:
        shebang = script if script.startswith("#!") else f"#!/bin/bash\n{script}"
        lines += [
            'mkdir -p "${per_boot%/*}"',
            f'printf %s {shlex.quote(shebang)} > "$per_boot"',
            'chmod 700 "$per_boot"',
        ]
    else:
        lines.append('rm -f "$per_boot"')
    return "\n".join(lines) + "\n"

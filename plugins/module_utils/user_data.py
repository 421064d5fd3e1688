# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a new host is told at its first boot: the account, who may use it, and the host key it answers with."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput

try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError:  # the module says so in a sentence before it is needed
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

_PUBLIC_KEY = re.compile(
    r"^(?:sk-)?(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521))(?:@openssh\.com)?"
    r" [A-Za-z0-9+/]+={0,3}(?: [^\r\n]*)?$"
)
#: The service refuses more than this, before base64.
LARGEST = 16 * 1024
#: What we say ourselves: a user's cloud_config may add everything else.
_OURS = ("users", "ssh_keys", "ssh_deletekeys", "ssh_genkeytypes", "ssh_pwauth", "disable_root")


@dataclasses.dataclass(frozen=True)
class HostKey:
    """An ed25519 host key in OpenSSH's formats. ``private`` is a secret: it goes into the user data only."""

    public: str
    private: str = dataclasses.field(repr=False)


def new_host_key() -> HostKey:
    """Make a host key, so that the first connection already knows whom to expect."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return HostKey(public.decode(), private.decode())


def check_public_keys(keys: t.Sequence[str], option: str = "ssh_keys") -> None:
    """Refuse what is no OpenSSH public key, a private one above all. Raises InvalidInput without repeating a secret."""
    for number, key in enumerate(keys, 1):
        if "PRIVATE KEY" in key:
            raise InvalidInput(
                f"{option}: entry {number} is a private key; give the public one (the file that ends in .pub)"
            )
        if not _PUBLIC_KEY.fullmatch(key.strip()):
            raise InvalidInput(
                f"{option}: entry {number} ({key.strip()[:24]!r}...) is no OpenSSH public key; "
                "give one line such as 'ssh-ed25519 AAAA... name'"
            )


def cloud_config(user: str, keys: t.Sequence[str], host_key: HostKey, extra: t.Mapping[str, t.Any]) -> str:
    """The user data as a cloud-config text; JSON, which is YAML.

    Only our account is made: the image's own default user does not exist on a workspace, whatever its name would be.
    Raises InvalidInput where ``extra`` says again what is ours, or where it grows too large.
    """
    twice = sorted(set(extra) & set(_OURS))
    if twice:
        raise InvalidInput(f"cloud_config: {', '.join(twice)} is set by the collection itself; leave it out")
    config = {
        "users": [
            {
                "name": user,
                "shell": "/bin/bash",
                "lock_passwd": True,
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "ssh_authorized_keys": [key.strip() for key in keys],
            }
        ],
        "disable_root": True,
        "ssh_pwauth": False,
        "ssh_deletekeys": True,
        "ssh_genkeytypes": [],
        "ssh_keys": {"ed25519_private": host_key.private, "ed25519_public": host_key.public},
        **extra,
    }
    text = "#cloud-config\n" + json.dumps(config, sort_keys=True) + "\n"
    if len(text.encode()) > LARGEST:
        raise InvalidInput(
            f"cloud_config: with it the user data has {len(text.encode())} bytes, and {LARGEST} at most are taken; "
            "shorten it, or the list ssh_keys"
        )
    return text


def check_size(user: str, keys: t.Sequence[str], extra: t.Mapping[str, t.Any]) -> None:
    """Refuse what ``cloud_config`` will refuse once there is a host key. Raises InvalidInput."""
    cloud_config(user, keys, HostKey("ssh-ed25519 " + "A" * 68, "-" * 400), extra)

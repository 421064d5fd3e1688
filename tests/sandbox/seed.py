"""What a new host finds at its first boot: cloud-init's NoCloud seed and the sandbox's own network notes."""

from __future__ import annotations

import io
import ipaddress
import json
import tarfile
import typing as t
from pathlib import Path

from tests.sandbox.host import Host

#: Where the machine's real name servers are written; the second is what systemd-resolved itself asks.
_RESOLV = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


def hostname(private_ip: str) -> str:
    """The name that EC2 gives: ip-10-0-0-1."""
    return "ip-" + private_ip.replace(".", "-")


def files(host: Host, resolv: str) -> dict[str, bytes]:
    """Path below / -> content. ``resolv`` may be empty: the engine's own name server is left in place then."""
    meta_data = {"instance-id": host.instance_id, "local-hostname": hostname(host.private_ip)}
    seed = "var/lib/cloud/seed/nocloud"
    return {
        f"{seed}/meta-data": json.dumps(meta_data).encode(),
        f"{seed}/user-data": host.user_data,
        "etc/sandbox/resolv.conf": resolv.encode(),
    }


def archive(content: t.Mapping[str, bytes]) -> bytes:
    """A tar of root's files; the user data holds the host's private key, so none is readable to others but resolv."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for path, data in content.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            entry.mode = 0o644 if path.startswith("etc/") else 0o600
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def upstream(candidates: t.Sequence[Path] = _RESOLV) -> str:
    """The machine's name servers as a resolv.conf, or nothing if all of them are on its loopback.

    Docker's own name server for a host is on the host's loopback, and what runs in the host's inner engine cannot
    reach that: the inner engine then writes public servers instead. With the real ones in place, both work.
    """
    for file in candidates:
        lines = file.read_text().splitlines() if file.is_file() else []
        servers = [line.split()[1] for line in lines if line.startswith("nameserver ") and _usable(line.split()[1])]
        if servers:
            others = [line for line in lines if line.startswith(("search ", "options "))]
            return "\n".join([f"nameserver {server}" for server in servers] + others) + "\n"
    return ""


def _usable(server: str) -> bool:
    try:
        address = ipaddress.ip_address(server)
    except ValueError:  # a scoped address (fe80::1%eth0) means nothing in a host
        return False
    return address.version == 4 and not address.is_loopback

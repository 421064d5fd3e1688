"""What a host of the sandbox finds at its first boot."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from tests.sandbox import seed
from tests.sandbox.host import Host

HOST = Host(
    instance_id="i-0123456789abcdef0",
    private_ip="10.213.16.7",
    family="debian-12",
    user_data=b"#cloud-config\n{}\n",
    tags={},
    instance_type="t3.medium",
    region="eu-central-1",
    zone="eu-central-1a",
    image_id="ami-1",
)


def test_cloud_init_is_told_who_the_instance_is() -> None:
    files = seed.files(HOST, "")
    assert json.loads(files["var/lib/cloud/seed/nocloud/meta-data"]) == {
        "instance-id": "i-0123456789abcdef0",
        "local-hostname": "ip-10-213-16-7",
    }
    assert files["var/lib/cloud/seed/nocloud/user-data"] == HOST.user_data


def test_user_data_is_roots_alone_and_settings_are_readable() -> None:
    with tarfile.open(fileobj=io.BytesIO(seed.archive(seed.files(HOST, "nameserver 192.0.2.1\n")))) as tar:
        modes = {entry.name: (entry.mode, entry.uid) for entry in tar}
        resolv = tar.extractfile("etc/sandbox/resolv.conf")
        assert resolv is not None and resolv.read() == b"nameserver 192.0.2.1\n"
    assert modes["var/lib/cloud/seed/nocloud/user-data"] == (0o600, 0)
    assert modes["etc/sandbox/resolv.conf"] == (0o644, 0)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("nameserver 192.0.2.1\nsearch example.com\n", "", "nameserver 192.0.2.1\nsearch example.com\n"),
        # systemd-resolved: what it asks itself
        ("nameserver 127.0.0.53\noptions edns0\n", "nameserver 192.0.2.2\n", "nameserver 192.0.2.2\n"),
        # one of two is usable from elsewhere
        ("nameserver ::1\nnameserver fe80::1%eth0\nnameserver 192.0.2.3\n", "", "nameserver 192.0.2.3\n"),
        # dnsmasq on the machine: Docker's own server stays
        ("nameserver 127.0.0.1\n", "", ""),
    ],
)
def test_name_servers_that_a_host_can_reach(tmp_path: Path, first: str, second: str, expected: str) -> None:
    (tmp_path / "first").write_text(first)
    (tmp_path / "second").write_text(second)
    assert seed.upstream([tmp_path / "first", tmp_path / "second", tmp_path / "none"]) == expected

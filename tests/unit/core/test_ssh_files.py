"""What is written for OpenSSH's client; and that the client itself reads it as meant."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import ssh_files
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput

WORKSPACE = {
    "name": "demo",
    "user": "dev",
    "address": "10.0.0.4",
    "id": "i-0123",
    "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3",
}


def reads(tmp_path, name):
    found = subprocess.run(
        ["ssh", "-F", str(tmp_path / "config"), "-G", name], check=True, capture_output=True, text=True
    ).stdout
    return dict(line.split(" ", 1) for line in found.splitlines() if " " in line)


@pytest.mark.parametrize("folder", ["plain", "with space"])
def test_the_client_reads_both_doors(tmp_path, folder):
    directory = tmp_path / folder
    directory.mkdir()
    rendered = ssh_files.files(WORKSPACE, str(directory), ["IdentityFile ~/.ssh/work"], own_config=True)
    for name, text in rendered.items():
        (directory / name).write_text(text)
    (directory / "config").write_text(f"Include {ssh_files.quoted(f'{directory}/*.conf')}\n")
    host, container = reads(directory, "demo"), reads(directory, "demo.devcontainer")
    assert host["hostname"] == "10.0.0.4" and "proxycommand" not in host
    assert f"{directory}/config" in container["proxycommand"] and "container-ssh" in container["proxycommand"]
    for seen in (host, container):
        assert seen["user"] == "dev" and seen["hostkeyalias"] == "i-0123" and seen["stricthostkeychecking"] == "true"
        assert seen["userknownhostsfile"] == f"{directory}/demo.known_hosts"
        assert seen["identityfile"] == "~/.ssh/work"
    assert rendered["demo.known_hosts"] == "i-0123 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3\n"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address", "10.0.0.4\n  ProxyCommand evil"),
        ("address", ""),
        ("user", "dev\nProxyCommand evil"),
        ("id", "i-1 x"),
        ("host_key", "ssh-ed25519 AAAA\nHost *"),
        ("host_key", ""),
        ("name", "*"),
    ],
)
def test_what_comes_from_the_cloud_cannot_add_a_line(field, value):
    with pytest.raises(InvalidInput):
        ssh_files.files({**WORKSPACE, field: value}, "/x")


def test_the_include_is_added_once_and_the_rest_kept():
    before = "Host other\n  User me\n"
    once = ssh_files.with_include(before, "/x")
    assert once == "Include /x/config\n" + before
    assert ssh_files.with_include(once, "/x") == once


def test_an_option_may_name_the_workspace_and_its_zone():
    tunnel = "ProxyCommand gcloud compute start-iap-tunnel {name} %p --listen-on-stdin --zone={zone} ${HOME}"
    text = ssh_files.files({**WORKSPACE, "zone": "europe-west3-a"}, "/d", [tunnel])[f"{WORKSPACE['name']}.conf"]
    filled = f"start-iap-tunnel {WORKSPACE['name']} %p --listen-on-stdin --zone=europe-west3-a ${{HOME}}"
    assert filled in text
    # ssh takes the first of two: the container is reached through the host.
    door = text.partition(f"Host {WORKSPACE['name']}.devcontainer")[2]
    assert door.index("container-ssh") < door.index(filled)
    for zone in ("", "a; touch x", None):
        with pytest.raises(InvalidInput, match="zone"):
            ssh_files.files({**WORKSPACE, "zone": zone}, "/d", [tunnel])

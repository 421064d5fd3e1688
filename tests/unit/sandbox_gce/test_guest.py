"""What a host of the sandboxed Compute Engine is told: accounts, keys and scripts as the guest agent has them."""

from __future__ import annotations

import datetime as dt
import email
import subprocess
import typing as t

import pytest

from tests.sandbox.gce import guest

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)
ADA = "ada:ssh-ed25519 AAAA ada@home"


def _accounts(instance: dict[str, str], project: dict[str, str] | None = None) -> dict[str, list[str]]:
    return guest.accounts(instance, project or {}, NOW)


def test_keys_of_instance_and_project() -> None:
    project = {"ssh-keys": "bob:ssh-rsa BBBB bob\nada:ssh-rsa CCCC\n"}
    found = _accounts({"ssh-keys": ADA}, project)
    assert found == {"ada": ["ssh-ed25519 AAAA ada@home", "ssh-rsa CCCC"], "bob": ["ssh-rsa BBBB bob"]}
    assert set(_accounts({"ssh-keys": ADA, "block-project-ssh-keys": "TRUE"}, project)) == {"ada"}


@pytest.mark.parametrize(
    ("instance", "project", "ignored"),
    [
        ({"enable-oslogin": "TRUE"}, {}, True),
        ({}, {"enable-oslogin": "true"}, True),
        ({"enable-oslogin": "FALSE"}, {"enable-oslogin": "TRUE"}, False),
        ({}, {}, False),
    ],
)
def test_os_login_ignores_metadata_keys(instance: dict[str, str], project: dict[str, str], ignored: bool) -> None:
    assert (not _accounts({**instance, "ssh-keys": ADA}, project)) == ignored


@pytest.mark.parametrize(
    ("end", "known"),
    [("2026-06-02T00:00:00+0000", True), ("2026-05-30T00:00:00+0000", False), ("soon", False)],
)
def test_expired_keys_are_none(end: str, known: bool) -> None:
    line = f'ada:ssh-rsa AAAA google-ssh {{"userName":"ada@x.org","expireOn":"{end}"}}'
    assert bool(_accounts({"ssh-keys": line})) == known


def test_what_is_no_account_is_left_out() -> None:
    assert not _accounts({"ssh-keys": "ssh-rsa AAAA\n\n: x\nBig User:ssh-rsa AAAA\n$(id):ssh-rsa A"})


def test_user_data_alone_stays_as_it_is() -> None:
    assert guest.user_data({"user-data": "#cloud-config\n{}"}, {}) == b"#cloud-config\n{}"
    assert guest.user_data({}, {}) == b""
    assert b"10.0.0.1 metadata.google.internal" in guest.user_data({}, {}, metadata_address="10.0.0.1")


@pytest.mark.parametrize(
    ("own", "kinds"),
    [
        ("", []),
        ("#cloud-config\nhostname: x\n", ["text/cloud-config"]),
        ("#!/bin/sh\ntrue\n", ["text/x-shellscript"]),
        (
            'Content-Type: multipart/mixed; boundary="b"\nMIME-Version: 1.0\n\n'
            "--b\nContent-Type: text/cloud-config\n\n#cloud-config\n{}\n"
            "--b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n--b--\n",
            ["text/cloud-config", "text/x-shellscript"],
        ),
    ],
)
def test_the_agents_part_comes_first(own: str, kinds: list[str]) -> None:
    metadata = {"ssh-keys": ADA, "startup-script": "echo 'it''s'\n", **({"user-data": own} if own else {})}
    told = guest.user_data(metadata, {}, NOW)
    if not own:
        _shell(told)
        return
    parts = t.cast("list[email.message.Message]", email.message_from_bytes(told).get_payload())
    assert [part.get_content_type() for part in parts] == ["text/cloud-boothook", *kinds]
    hook = parts[0].get_payload(decode=True)
    assert isinstance(hook, bytes)
    _shell(hook)


def _shell(hook: bytes) -> None:
    """It is a boothook, and shell."""
    assert hook.startswith(b"#cloud-boothook\n#!/bin/sh\n")
    subprocess.run(["sh", "-n"], input=hook, check=True)
    assert b"useradd --create-home --shell /bin/bash ada" in hook
    assert b"google-startup-script" in hook

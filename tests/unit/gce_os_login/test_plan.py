"""What becomes of a key and which account is meant; whose the credentials are."""

from __future__ import annotations

import datetime as dt
import types
import typing as t

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import gce_os_login
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.gce_os_login import Key, KeyStep, account_of, plan_key
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gce_os_login.fake import posix

TEXT = "ssh-ed25519 AAAA"
NOW = dt.datetime(2026, 11, 25, 12, 0, 0, tzinfo=dt.timezone.utc)
ACCOUNTS = [posix("ada")]


def profile(end: dt.datetime | None) -> dict[str, t.Any]:
    ends = {"expirationTimeUsec": str(int(end.timestamp()) * 1_000_000)} if end else {}
    return {"posixAccounts": ACCOUNTS, "sshPublicKeys": {"f": {"key": f"{TEXT} me", "fingerprint": "f", **ends}}}


SECONDS = st.integers(60, 10**8)


@given(st.none() | SECONDS, st.none() | st.integers(-(10**8), 10**8), st.integers(0, 29))
def test_what_was_done_stays_done(lifetime: int | None, left: int | None, later: int) -> None:
    there = None if left is None else NOW + dt.timedelta(seconds=left)
    step = plan_key(profile(there), Key(TEXT, True, lifetime), NOW)
    assert step.action in ("keep", "renew")
    after = there if step.action == "keep" else step.ends
    assert (after is None) == (lifetime is None)
    if step.action == "renew":
        again = plan_key(profile(after), Key(TEXT, True, lifetime), NOW + dt.timedelta(seconds=later))
        assert again == KeyStep("keep", "f", after)
    elif lifetime and after:
        assert lifetime / 2 <= (after - NOW).total_seconds() <= lifetime


@given(st.none() | SECONDS)
def test_a_key_that_is_to_go_goes_once(lifetime: int | None) -> None:
    assert plan_key(profile(None), Key(TEXT, False, lifetime), NOW) == KeyStep("remove", "f")
    assert plan_key({}, Key(TEXT, False, lifetime), NOW) == KeyStep("keep")


def test_a_key_without_an_account_is_imported_again_with_its_own_end() -> None:
    end = NOW + dt.timedelta(hours=1)
    assert plan_key({**profile(end), "posixAccounts": []}, Key(TEXT, True, 3600), NOW) == KeyStep("import", "f", end)


@pytest.mark.parametrize(
    ("accounts", "name"),
    [
        ([], None),
        ([posix("a"), posix("b", primary=True)], "b"),
        ([posix("a", primary=True), posix("b", accountId="p")], "b"),
        ([posix("w", accountId="p", operatingSystemType="WINDOWS"), posix("a")], "a"),
    ],
)
def test_the_projects_own_account_goes_first(accounts: list[dict[str, t.Any]], name: str | None) -> None:
    found = account_of({"posixAccounts": accounts}, "p")
    assert (found["username"] if found else None) == name


def test_whose_the_credentials_are() -> None:
    robot = "robot@p.iam.gserviceaccount.com"
    assert gce_os_login.own_account(types.SimpleNamespace(service_account_email=robot)) == robot
    assert gce_os_login.own_account(types.SimpleNamespace(account="ada@example.com")) == "ada@example.com"
    machine = types.SimpleNamespace(service_account_email="default")
    machine.refresh = lambda _request: setattr(machine, "service_account_email", robot)
    assert gce_os_login.own_account(machine) == robot
    with pytest.raises(InvalidInput, match="account: it is not set"):
        gce_os_login.own_account(types.SimpleNamespace(account=""))

"""gce_os_login over real requests to a small Google."""

from __future__ import annotations

import datetime as dt
import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers import gce_api
from ansible_collections.devcontainer.cloud.plugins.modules import gce_os_login

from tests.unit.gce_os_login.fake import Google, posix, refusal

KEY = "ssh-ed25519 " + "A" * 68
ME = {"account": "ada@example.com"}
FOREIGN = {"key": "foreign", "value": "kept"}


@pytest.fixture
def google() -> t.Iterator[Google]:
    made = Google()
    yield made
    made.stop()


@pytest.fixture
def call(
    google: Google, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> t.Callable[..., dict[str, t.Any]]:
    monkeypatch.setattr(gce_api, "PAUSES", (0.0,))
    for variable in ("GCP_PROJECT", "GCP_ACCESS_TOKEN", "GCP_AUTH_KIND", "GCP_SERVICE_ACCOUNT_FILE"):
        monkeypatch.delenv(variable, raising=False)

    def run(**options: t.Any) -> dict[str, t.Any]:
        given = {
            "project": "p",
            "access_token": "token",
            "api_endpoint": google.endpoint,
            "os_login_endpoint": google.endpoint,
            **options,
        }
        with patch_module_args({k: v for k, v in given.items() if v is not None}), pytest.raises(SystemExit):
            gce_os_login.main()
        return dict(json.loads(capsys.readouterr().out))

    return run


def test_it_switches_the_project_and_keeps_what_is_not_its_own(google: Google, call: t.Any) -> None:
    checked = call(enabled=True, two_factor=True, _ansible_check_mode=True, _ansible_diff=True)
    switches = {"enable-oslogin": "TRUE", "enable-oslogin-2fa": "TRUE"}
    assert (checked["changed"], checked["metadata"], google.changes) == (True, switches, [])
    assert checked["diff"] == {"before": {"metadata": {}}, "after": {"metadata": switches}}
    made = call(enabled=True, two_factor=True)
    assert (made["changed"], made["metadata"]) == (True, switches)
    assert google.project["items"] == [FOREIGN, *({"key": key, "value": "TRUE"} for key in switches)]
    assert google.waits == 1
    assert call(enabled=True, two_factor=True)["changed"] is False
    assert len(google.changes) == 1
    google.project["items"][1]["value"] = "true"  # a guest reads it so, too
    assert call(enabled=True)["changed"] is False
    assert call(enabled=False)["changed"] is True
    assert google.project["items"][1]["value"] == "FALSE"
    assert google.project["items"][2]["value"] == "TRUE"


def test_it_switches_one_instance(google: Google, call: t.Any) -> None:
    made = call(enabled=True, instance="one", zone="europe-west3-a")
    assert made["changed"] is True
    assert google.instance["items"] == [{"key": "foreign", "value": "own"}, {"key": "enable-oslogin", "value": "TRUE"}]
    assert google.project["items"] == [FOREIGN]
    assert call(enabled=True, instance="one", zone="europe-west3-a")["changed"] is False


def test_another_writer_loses_nothing(google: Google, call: t.Any) -> None:
    def between() -> None:
        google.before_change = lambda: None
        google.project["items"].append({"key": "late", "value": "1"})
        google.project["fingerprint"] = "f2"

    google.before_change = between
    assert call(enabled=True)["changed"] is True
    assert [item["key"] for item in google.project["items"]] == ["foreign", "late", "enable-oslogin"]
    assert len(google.changes) == 2


def test_one_that_never_stops_writing_is_said(google: Google, call: t.Any) -> None:
    def always() -> None:
        google.project["fingerprint"] += "x"

    google.before_change = always
    failed = call(enabled=True)
    assert failed["failed"] is True
    assert "the project: write its metadata: somebody else kept writing it" in failed["msg"]


def test_an_operation_that_fails_later_fails_the_task(google: Google, call: t.Any) -> None:
    google.failing = {"code": "PERMISSIONS_ERROR", "message": "Required compute.projects.setCommonInstanceMetadata"}
    failed = call(enabled=True)
    assert failed["failed"] is True
    assert "Required compute.projects.setCommonInstanceMetadata" in failed["msg"]


def test_a_key_is_imported_once_and_its_owner_gets_a_name(google: Google, call: t.Any) -> None:
    checked = call(public_key=KEY, _ansible_check_mode=True, **ME)
    assert (checked["changed"], checked["username"], google.changes) == (True, "", [])
    made = call(public_key=f"{KEY} ada@laptop", _ansible_diff=True, **ME)
    assert google.changes == ["POST /v1/users/ada@example.com:importSshPublicKey"]
    assert google.calls[-1][2:] == ({"projectId": "p"}, {"key": f"{KEY} ada@laptop"})
    assert (made["changed"], made["username"], made["account"]) == (True, "ada_example_com", "ada@example.com")
    assert made["posix_account"] == {
        "username": "ada_example_com",
        "uid": 1234567,
        "gid": 1234567,
        "home": "/home/ada_example_com",
        "shell": "/bin/bash",
    }
    assert made["key"] == {"fingerprint": next(iter(google.keys)), "ends": ""}
    assert made["diff"] == {"before": {"key": None}, "after": {"key": made["key"]}}
    again = call(public_key=f"{KEY} ada@desktop", **ME)
    assert (again["changed"], again["username"], len(google.changes)) == (False, "ada_example_com", 1)


def test_a_key_with_an_end_is_renewed_in_time(google: Google, call: t.Any) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    assert call(public_key=KEY, key_lifetime="12h", **ME)["changed"] is True
    (key,) = google.keys.values()

    def left() -> float:
        return int(key["expirationTimeUsec"]) / 1_000_000 - now.timestamp()

    assert 12 * 3600 - 5 <= left() <= 12 * 3600 + 60
    assert call(public_key=KEY, key_lifetime="12h", **ME)["changed"] is False
    key["expirationTimeUsec"] = str(int((now.timestamp() + 5 * 3600) * 1_000_000))
    renewed = call(public_key=KEY, key_lifetime="12h", **ME)
    assert renewed["changed"] is True and left() >= 12 * 3600 - 5
    assert google.changes[-1] == f"PATCH /v1/users/ada@example.com/sshPublicKeys/{key['fingerprint']}"
    assert call(public_key=KEY, key_lifetime="1h", **ME)["changed"] is True and left() <= 3660
    assert call(public_key=KEY, **ME)["key"]["ends"] == ""
    assert "expirationTimeUsec" not in key


def test_a_key_goes_alone(google: Google, call: t.Any) -> None:
    other = "ssh-ed25519 " + "B" * 68
    call(public_key=other, **ME)
    call(public_key=KEY, **ME)
    assert call(public_key=KEY, key_state="absent", _ansible_check_mode=True, **ME)["key"] is None
    assert len(google.keys) == 2
    gone = call(public_key=KEY, key_state="absent", **ME)
    assert (gone["changed"], gone["key"], gone["username"]) == (True, None, "ada_example_com")
    assert [key["key"] for key in google.keys.values()] == [other]
    assert call(public_key=KEY, key_state="absent", **ME)["changed"] is False


def test_the_name_alone_can_be_asked_for(google: Google, call: t.Any) -> None:
    assert call(**ME)["username"] == ""
    google.accounts = [posix("elsewhere", accountId="q", primary=True), posix("here", accountId="p")]
    asked = call(**ME)
    assert (asked["changed"], asked["username"], google.changes) == (False, "here", [])


def test_a_lost_answer_is_asked_for_again(google: Google, call: t.Any) -> None:
    google.first = [refusal(503, "backendError"), refusal(429, "rateLimitExceeded")]
    assert call(public_key=KEY, **ME)["changed"] is True
    assert len(google.keys) == 1
    assert len(google.changes) == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"instance": "one"}, "instance, zone: 'one' in None is no instance; give both"),
        ({"instance": "a/b", "zone": "z"}, "instance: 'a/b' is no name"),
        ({"enabled": False, "two_factor": True}, "two_factor: true asks for nothing while enabled is false"),
        ({"public_key": "nonsense", **ME}, "public_key: entry 1 ('nonsense'...) is no OpenSSH public key"),
        ({"public_key": KEY, "key_lifetime": "soon", **ME}, "key_lifetime: 'soon' is no duration"),
        ({"account": "ada", "public_key": KEY}, "account: 'ada' is no Google account"),
        ({"public_key": KEY}, "account: it is not set and the credentials do not say whose they are"),
        ({"enabled": True, "project": None}, "project: it is not set; give project"),
    ],
)
def test_what_cannot_be_is_refused_before_any_call(
    google: Google, call: t.Any, options: dict[str, t.Any], said: str
) -> None:
    failed = call(**options)
    assert failed["failed"] is True
    assert said in failed["msg"], failed["msg"]
    assert google.calls == []


def test_another_accounts_key_is_denied(google: Google, call: t.Any) -> None:
    failed = call(account="eve@example.com", public_key=KEY)
    assert (failed["failed"], failed["msg"]) == (True, "look at eve@example.com: not you (forbidden)")

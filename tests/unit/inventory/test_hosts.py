"""Groups, variables, records and connection of one machine."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shlex

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import result
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, identity
from ansible_collections.devcontainer.cloud.plugins.plugin_utils import cache
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.grouping import groups_of
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.reach import reach_of
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import Found

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.timezone.utc)
PAST, FUTURE = "2026-11-24T11:00:00Z", "2026-11-24T13:00:00Z"
INFO = {"zone": "r-1a", "private_address": "10.0.0.4", "public_address": "203.0.113.9", "instance_type": "t3.medium"}


def workspace(name="api-ada", state="running", info=None, **labels):
    labels = {key.replace("_", "-"): value for key, value in labels.items()}
    machine = Observed(
        id="i-1",
        state=state,
        ours=True,
        labels={**identity(name), "user": "dev", **labels},
        tags={"k": "v"},
        info=INFO if info is None else info,
    )
    return Found(provider="ec2", account="", region="r-1", title=name, machine=machine)


OTHER = Found("ec2", "", "r-1", "web", Observed(id="i-2", state="stopped", ours=False, tags={"Name": "web"}, info=INFO))


def test_groups_of_a_workspace():
    found = dataclasses.replace(workspace(owner="ada.l", team="core"), account="prod")
    assert groups_of(found, NOW, by_account="account") == [
        "workspaces",
        "provider_ec2",
        "state_running",
        "region_r-1",
        "account_prod",
        "owner_ada.l",
        "team_core",
    ]


def test_groups_of_another_machine():
    assert groups_of(OTHER, NOW, by_account="") == ["unmanaged", "provider_ec2", "state_stopped", "region_r-1"]


@pytest.mark.parametrize(
    ("found", "expired"),
    [
        (workspace(lease_until=PAST), True),
        (workspace(lease_until=FUTURE), False),
        (workspace(), False),
        (workspace(lease_until="tomorrow"), True),
        (workspace(lease_until=PAST, state="stopped"), False),
        (workspace(lease_until=PAST, keep=f"{FUTURE} a demo"), False),
        (workspace(lease_until=PAST, keep=f"{PAST} a demo"), True),
    ],
)
def test_lease_expired(found, expired):
    assert ("lease_expired" in groups_of(found, NOW, by_account="")) is expired


def test_variables_are_the_modules():
    found = workspace(owner="ada")
    assert found.variables() == {"workspace": result.workspace_result("api-ada", "ec2", "r-1", found.machine)}
    assert OTHER.variables() == {
        "ec2": {"id": "i-2", "name": "web", "zone": "r-1a", "type": "t3.medium", "tags": {"Name": "web"}}
    }


@pytest.mark.parametrize("found", [workspace(owner="ada", lease_until=PAST), workspace(info={}), OTHER])
def test_a_record_brings_back_what_a_host_shows(found):
    stored = json.loads(json.dumps(cache.to_cache([found])))
    (back,) = cache.from_cache("ec2", stored)
    for moment in (NOW, NOW + dt.timedelta(days=9), NOW - dt.timedelta(days=9)):
        assert groups_of(back, moment, "") == groups_of(found, moment, "")
    assert back.variables() == found.variables()
    reach = reach_of("direct", "", "auto", "/d")
    assert reach.variables(back) == reach.variables(found)


@pytest.mark.parametrize("stored", [None, [], {}, {"machines": None}, {"machines": [{"id": "i-1"}]}, {"machines": [3]}])
def test_what_is_no_record_is_asked_for_anew(stored):
    assert cache.from_cache("ec2", stored) is None


def test_a_key_tells_questions_apart_and_gives_nothing_away():
    keys = {cache.cache_key("p", decides) for decides in ({"a": [1]}, {"a": [2]}, {"a": [1], "b": 0}, {"who": "AKIA1"})}
    assert len(keys) == 4
    assert not any("AKIA1" in key for key in keys)
    assert cache.cache_key("p", {"a": 1, "b": 2}) == cache.cache_key("p", {"b": 2, "a": 1})


def test_identity_sees_another_credentials_file(monkeypatch, tmp_path):
    monkeypatch.setenv("SEEN", "x")
    monkeypatch.delenv("UNSET", raising=False)
    file = tmp_path / "credentials"
    before = cache.identity(["SEEN", "UNSET"], [file])
    file.write_text("[default]\naws_access_key_id = AKIA1\n")
    after = cache.identity(["SEEN", "UNSET"], [file])
    assert before == {"SEEN": "x", str(file): ""}
    assert after != before
    assert "AKIA1" not in str(after)


@pytest.mark.parametrize(
    ("connection", "bastion", "address", "info", "expected"),
    [
        ("direct", "", "auto", INFO, "203.0.113.9"),
        ("direct", "", "private", INFO, "10.0.0.4"),
        ("direct", "", "public", {"private_address": "10.0.0.4"}, None),
        ("direct", "", "auto", {"private_address": "10.0.0.4", "public_address": ""}, "10.0.0.4"),
        ("bastion", "j@b", "auto", INFO, "10.0.0.4"),
        ("bastion", "j@b", "public", INFO, "203.0.113.9"),
        ("direct", "", "auto", {}, None),
    ],
)
def test_the_address(connection, bastion, address, info, expected):
    variables = reach_of(connection, bastion, address, "/d").variables(workspace(info=info))
    assert variables.get("ansible_host") == expected


def test_ssh_trusts_one_key():
    variables = reach_of("bastion", "j@b.example", "auto", "/with space/d").variables(workspace())
    assert shlex.split(variables["ansible_ssh_common_args"]) == [
        "-o",
        "ProxyJump=j@b.example",
        "-o",
        "HostKeyAlias=i-1",
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "UserKnownHostsFile=/with space/d/api-ada.known_hosts",
    ]
    assert variables["ansible_user"] == "dev"


@pytest.mark.parametrize("tag", ["x -o ProxyCommand=evil", '" -o ProxyCommand=evil "', "../../x"])
def test_a_tag_never_becomes_an_option(tag):
    named = reach_of("direct", "", "auto", "/d").variables(workspace(name=tag))
    assert "ansible_ssh_common_args" not in named
    logged_in = reach_of("direct", "", "auto", "/d").variables(workspace(user=tag))
    assert "ansible_user" not in logged_in
    assert "ProxyCommand" not in logged_in["ansible_ssh_common_args"]


def test_another_machine_is_left_to_ansibles_defaults():
    assert reach_of("direct", "", "auto", "/d").variables(OTHER) == {"ansible_host": "203.0.113.9"}


@pytest.mark.parametrize("bastion", ["-oProxyCommand=x", "a b", "a@b@c", "a,b", "a@-x", "h:port"])
def test_what_is_no_bastion(bastion):
    with pytest.raises(InvalidInput, match=r"^bastion: "):
        reach_of("bastion", bastion, "auto", "/d")

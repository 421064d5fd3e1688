"""Hosts of Compute Engine: the tunnel's command line and the account names of OS Login."""

from __future__ import annotations

import re
import shlex

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, identity
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.gce_reach import Iap, login_of
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.reach import Reach, reach_of
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import Found


def machine(ours=True, project="acme-dev", zone="europe-west3-a", title="api-ada", machine_id="4501"):
    info = {"zone": zone, "private_address": "10.0.0.4", "public_address": "203.0.113.9"}
    labels = {**identity("api-ada"), "user": "dev"} if ours else {}
    seen = Observed(id=machine_id, state="running", ours=ours, labels=labels, info=info)
    return Found("gce", project, zone.rpartition("-")[0], title, seen)


def iap(user=""):
    return reach_of("iap", "", "auto", "/with space/d", kind=Iap, user=user)


def proxy(project, zone):
    return (
        f"ProxyCommand=gcloud compute start-iap-tunnel %h %p --listen-on-stdin --project={project} --zone={zone} "
        "--verbosity=warning"
    )


def test_a_workspace_behind_the_proxy():
    variables = iap().variables(machine())
    assert re.fullmatch(r"%\(directory\)s/[0-9a-f]{10}-%%r", variables.pop("ansible_control_path"))
    assert shlex.split(variables.pop("ansible_ssh_common_args")) == [
        "-o",
        proxy("acme-dev", "europe-west3-a"),
        "-o",
        "HostKeyAlias=4501",
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "UserKnownHostsFile=/with space/d/api-ada.known_hosts",
    ]
    assert variables == {
        "ansible_host": "api-ada",
        "ansible_user": "dev",
    }


def test_no_connection_is_shared_between_machines_of_one_name():
    paths = {iap().variables(machine(machine_id=str(number)))["ansible_control_path"] for number in range(4500, 4600)}
    assert len(paths) == 100


def test_another_machine_behind_the_proxy_has_gclouds_alias():
    variables = iap().variables(machine(ours=False, title="web", project="example.com:old-1"))
    assert variables["ansible_host"] == "web"
    assert "ansible_user" not in variables
    assert shlex.split(variables["ansible_ssh_common_args"]) == [
        "-o",
        proxy("example.com:old-1", "europe-west3-a"),
        "-o",
        "HostKeyAlias=compute.4501",
    ]


@pytest.mark.parametrize("evil", ["x;id", 'x" -o ProxyCommand=id "', "x$(id)", "x y", "-x", "x\n", "%h", ""])
@pytest.mark.parametrize("part", ["project", "zone", "title", "machine_id"])
def test_what_is_no_word_never_becomes_a_command(part, evil):
    variables = iap().variables(machine(ours=False, **{part: evil}))
    assert variables == {}


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("kind", [Reach, Iap])
def test_os_login_names_the_account_of_every_host(kind, ours):
    variables = reach_of("direct", "", "auto", "/d", kind=kind, user="ada_example_com").variables(machine(ours=ours))
    assert variables["ansible_user"] == "ada_example_com"


@pytest.mark.parametrize(
    ("ssh_user", "login", "words"),
    [
        ("oslogin", "", "os_login_user: it is empty; ssh_user: oslogin needs the POSIX user name"),
        ("contract", "ada_example_com", "os_login_user: 'ada_example_com' is not used by ssh_user: contract"),
        ("oslogin", "ada@example.com", "os_login_user: 'ada@example.com' is no POSIX user name"),
        ("oslogin", "-oProxyCommand=id", "is no POSIX user name"),
        ("oslogin", "a" * 33, "is no POSIX user name"),
    ],
)
def test_what_is_no_login(ssh_user, login, words):
    with pytest.raises(InvalidInput) as caught:
        login_of(ssh_user, login)
    assert words in str(caught.value)


@pytest.mark.parametrize("login", ["ada_example_com", "ext_ada_example_com", "sa_103456789012345678901"])
def test_logins(login):
    assert login_of("oslogin", login) == login
    assert login_of("contract", "") == ""

"""The inventory gce through real ansible-inventory processes, over the sandbox's Compute Engine."""

from __future__ import annotations

import json
import shlex
import tempfile
import time
import uuid

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import identity

from tests.integration.gce_cloud import Cloud
from tests.integration.inventories import failure, groups, hostvars, plain
from tests.integration.tools import BIN, ROOT, Ansible
from tests.sandbox.gce import Api

HERE, THERE = "europe-west3-a", "europe-west4-b"
ONE, TWO, THREE = "acme-build", "acme-research", "acme-closed"
PAST, FUTURE = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
LIST = "instances.aggregatedList"


class Projects:
    """Three projects of one service account, and what a user's process knows of them."""

    def __init__(self, folder):
        self.api = Api(projects=(ONE, TWO, THREE), check_answers=True)
        self.api.start()
        self.cloud = Cloud(self.api)
        self.key_file = folder / "key.json"
        self.key_file.write_text(json.dumps(self.cloud.seed["service_account_key"]))
        self.env = {"GCP_SERVICE_ACCOUNT_FILE": str(self.key_file), "GCP_API_ENDPOINT": self.api.endpoint}

    def add(self, name, project=ONE, zone=HERE, ours=True, own=None, **labels):
        """A machine that runs; its id. ``labels`` are the contract's, with _ for -; ``own`` its user's."""
        contract = {**identity(name), "user": "dev", **{k.replace("_", "-"): v for k, v in labels.items()}}
        gce_labels, metadata = codec.to_gce(contract) if ours else ({}, {"startup-script": "echo sesame"})
        url = f"{self.api.endpoint}/compute/v1/projects/{project}"
        place, region = f"zones/{zone}", zone.rpartition("-")[0]
        image = self.cloud.seed["image_families"]["debian-12"]
        body = {
            "name": name,
            "machineType": f"{place}/machineTypes/e2-standard-4",
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": image}}],
            "networkInterfaces": [{"subnetwork": f"projects/{project}/regions/{region}/subnetworks/workspaces"}],
            "labels": {**gce_labels, **(own or {})},
            "metadata": {"items": [{"key": key, "value": value} for key, value in metadata.items()]},
        }
        answer = self.cloud.session.post(f"{url}/{place}/instances", params={"requestId": str(uuid.uuid4())}, json=body)
        operation = answer.json()["name"]
        assert self.cloud.session.post(f"{url}/{place}/operations/{operation}/wait").json()["status"] == "DONE"
        made = self.cloud.session.get(f"{url}/{place}/instances/{name}").json()
        assert made["status"] == "RUNNING"
        self.forget_calls()
        return made["id"]

    @property
    def calls(self):
        """How often each method was called since the last reset."""
        return self.cloud.control("calls", "GET")["calls"]

    def forget_calls(self):
        self.cloud.control("calls", "DELETE")

    def fault(self, **what):
        self.cloud.control("faults", method=LIST, times=None, **what)

    def forget_faults(self):
        self.cloud.control("faults", "DELETE")

    def status(self, name, status):
        self.cloud.control("status", project=ONE, zone=HERE, instance=name, status=status)


@pytest.fixture
def gce(tmp_path):
    projects = Projects(tmp_path)
    yield projects
    projects.api.stop()


class Inventories(Ansible):
    """Files are called gce.yml where nothing else is said."""

    def inventory_run(self, source, *args, name="gce.yml", **more):
        return super().inventory_run(source, *args, name=name, **more)

    def inventory(self, source, *args, name="gce.yml", **more):
        return super().inventory(source, *args, name=name, **more)


@pytest.fixture
def ansible(gce, tmp_path):
    return Inventories(tmp_path, gce.env)


def source(**options):
    return {"plugin": "devcontainer.cloud.gce", **options}


def cached(folder, **options):
    place = str(folder / "cache")
    return source(cache=True, cache_plugin="ansible.builtin.jsonfile", cache_connection=place, **options)


def words(done):
    assert done.returncode == 0, done.stderr
    return " ".join(done.stderr.split())


def test_groups(gce, ansible):
    """The project is the one that the key names."""
    gce.add("api-ada", owner="Ada L.", team="core", lease_until=PAST)
    gce.add("web-bob", zone=THERE, owner="bob", lease_until=FUTURE)
    gce.add("parked", owner="bob", lease_until=PAST)
    gce.status("parked", "SUSPENDED")
    gce.add("theirs", ours=False)
    gce.add("elsewhere", project=TWO)
    assert (
        ansible.inventory(source(), "--graph").splitlines()
        == """\
@all:
  |--@ungrouped:
  |--@workspaces:
  |  |--api-ada
  |  |--parked
  |  |--web-bob
  |--@lease_expired:
  |  |--api-ada
  |--@provider_gce:
  |  |--api-ada
  |  |--parked
  |  |--web-bob
  |--@state_running:
  |  |--api-ada
  |  |--web-bob
  |--@region_europe_west3:
  |  |--api-ada
  |  |--parked
  |--@owner_Ada_L_:
  |  |--api-ada
  |--@team_core:
  |  |--api-ada
  |--@state_suspended:
  |  |--parked
  |--@owner_bob:
  |  |--parked
  |  |--web-bob
  |--@region_europe_west4:
  |  |--web-bob""".splitlines()
    )
    assert gce.calls == {"token": 1, LIST: 1}


def test_host_variables_are_those_of_the_module(gce, ansible):
    machine_id = gce.add("api-ada", owner="Ada L.", repo="https://git.example/{{ a }}.git", own={"cost": "42"})
    task = {"name": "look", "devcontainer.cloud.gce_workspace_info": {"region": "europe-west3"}}
    (workspace,) = ansible.playbook([task]).ok()["look"]["workspaces"]
    variables = hostvars(ansible.inventory(source(ssh_directory="/somewhere/my keys")))["api-ada"]
    assert variables.pop("workspace") == workspace
    assert variables == {
        "ansible_host": workspace["address"],
        "ansible_user": "dev",
        "ansible_ssh_common_args": f"-o HostKeyAlias={machine_id} -o StrictHostKeyChecking=yes"
        ' -o "UserKnownHostsFile=/somewhere/my keys/api-ada.known_hosts"',
    }


def test_a_cached_answer_makes_no_call(gce, ansible, tmp_path):
    options = cached(tmp_path, include_unmanaged=True)
    gce.add("api-ada", owner="ada")
    gce.add("theirs", ours=False)
    first = ansible.inventory(options)
    assert gce.calls == {"token": 1, LIST: 1}
    gce.add("web-bob")
    assert ansible.inventory(options) == first
    assert gce.calls == {}
    # and --flush-cache asks, and stores what it hears
    hosts = ["api-ada", "theirs", "web-bob"]
    assert sorted(hostvars(ansible.inventory(options, "--list", "--flush-cache"))) == hosts
    stored = "".join(path.read_text() for path in (tmp_path / "cache").iterdir())
    assert "web-bob" in stored
    secret = gce.cloud.seed["service_account_key"]["private_key"]
    assert not [word for word in ("lease_expired", "sesame", "ya29.", secret, "startup-script") if word in stored]


def test_one_of_three_projects_is_forbidden(gce, ansible, tmp_path):
    options = cached(tmp_path, projects=[ONE, TWO, THREE])
    gce.add("api-ada")
    gce.add("web-bob", project=TWO)
    gce.add("hidden", project=THREE)
    gce.fault(reason="forbidden", project=THREE)
    done = ansible.inventory_run(options)
    assert f"project {THREE}: list the machines: Required 'compute.{LIST}' permission for" in words(done)
    assert "leave it out of projects; its machines are missing here, those of the other sources stand" in words(done)
    listed = groups(json.loads(done.stdout))
    assert (listed["project_acme_build"], listed["project_acme_research"]) == (["api-ada"], ["web-bob"])
    assert listed["workspaces"] == ["api-ada", "web-bob"]
    assert gce.calls == {"token": 1, LIST: 3}
    # on demand that is an error
    assert f"project {THREE}: " in failure(ansible, {**options, "on_error": "fail"}, "--graph")
    # a partial answer has not been cached
    gce.forget_faults()
    assert sorted(hostvars(ansible.inventory(options))) == ["api-ada", "hidden", "web-bob"]
    # where nobody answers, nothing is listed as if it were all
    gce.fault(reason="forbidden")
    said = failure(ansible, options, "--graph", "--flush-cache")
    assert [project for project in (ONE, TWO, THREE) if f"project {project}: list the machines" not in said] == []


def test_an_unreachable_zone(gce, ansible, tmp_path):
    gce.add("api-ada")
    gce.add("web-bob", zone=THERE)
    gce.fault(unreachable=True, zone=THERE)
    options = cached(tmp_path)
    done = ansible.inventory_run(options)
    assert f"project {ONE}, {THERE}: it cannot be looked at now: The scope 'zones/{THERE}' is unreachable." in words(
        done
    )
    assert list(hostvars(json.loads(done.stdout))) == ["api-ada"]
    # nobody asked for that zone
    assert THERE not in words(ansible.inventory_run(source(regions=["europe-west3"]), "--graph"))
    gce.forget_faults()
    assert sorted(hostvars(ansible.inventory(options))) == ["api-ada", "web-bob"]


def test_every_page(gce, ansible):
    gce.add("w", ours=False)
    gce.cloud.control("copies", project=ONE, zone=HERE, instance="w", count=600)
    assert len(hostvars(ansible.inventory(source(include_unmanaged=True)))) == 601
    assert gce.calls == {"token": 1, LIST: 2}


def test_unmanaged_machines_zones_states_and_filters(gce, ansible):
    gce.add("api-ada")
    machine_id = gce.add("web", ours=False, zone=THERE, own={"env": "prod"})
    gce.add("db", ours=False, zone="europe-west4-c", own={"env": "prod"})
    gce.add("off", ours=False, own={"env": "prod"})
    gce.status("off", "TERMINATED")
    gce.add("test", ours=False, own={"env": "test"})
    options = source(
        include_unmanaged=True,
        regions=["europe-west3"],
        zones=[THERE],
        states=["RUNNING"],
        filters=["labels.env = {{ env }} OR labels.devcontainer-workspace : *"],
    )
    listed = ansible.inventory(options, "--list", "-e", "env=prod")
    assert groups(listed)["unmanaged"] == ["web"]
    assert groups(listed)["workspaces"] == ["api-ada"]
    assert hostvars(listed)["web"]["gce"] == {
        "id": machine_id,
        "name": "web",
        "tags": {"env": "prod"},
        "type": "e2-standard-4",
        "zone": THERE,
    }
    assert "ansible_ssh_common_args" not in hostvars(listed)["web"]
    assert gce.calls == {"token": 1, LIST: 1}


def test_one_name_in_two_zones_and_projects(gce, ansible):
    first, second = gce.add("api-ada"), gce.add("api-ada", zone="europe-west3-b")
    third = gce.add("web-bob")
    fourth = gce.add("web-bob", project=TWO)
    for projects in ([ONE, TWO], [TWO, ONE]):
        done = ansible.inventory_run(source(projects=projects), "--graph", "workspaces")
        names = {"api-ada.europe-west3-a", "api-ada.europe-west3-b", f"web-bob.{ONE}", f"web-bob.{TWO}"}
        assert set(done.stdout.split()[1:]) == {f"|--{name}" for name in names}
        assert f"api-ada.europe-west3-a ({first}) and api-ada.europe-west3-b ({second})" in words(done)
        assert f"web-bob.{ONE} ({third}) and web-bob.{TWO} ({fourth})" in words(done)


GCLOUD = """#!/bin/sh
printf '%s\\n' "$@" > "$0.$2.$(date +%s%N)"
exit 1
"""


def test_through_identity_aware_proxy(gce, ansible, tmp_path):
    """ssh itself runs what the inventory says; gcloud is one that notes what it was called with."""
    gce.add("api-ada")
    gce.add("web", project=TWO, zone=THERE, ours=False)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gcloud").write_text(GCLOUD)
    (tools / "gcloud").chmod(0o755)
    path = tmp_path / "gce.yml"
    options = {"connection": "iap", "ssh_user": "oslogin", "os_login_user": "ada_example_com"}
    path.write_text(json.dumps(source(projects=[ONE, TWO], include_unmanaged=True, ssh_directory="a b", **options)))
    with tempfile.TemporaryDirectory() as sockets:  # pytest's own folders are too deep for a socket
        env = {"PATH": f"{tools}:{BIN}:/usr/bin:/bin", "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets}
        done = ansible.adhoc(path, "all", "-m", "ansible.builtin.raw", "-a", "true", "-vvv", env=env)
    called = sorted(file.read_text().split("\n")[2:-1] for file in tools.glob("gcloud.*"))
    rest = ["22", "--listen-on-stdin"]
    assert called == [
        ["api-ada", *rest, f"--project={ONE}", f"--zone={HERE}", "--verbosity=warning"],
        ["web", *rest, f"--project={TWO}", f"--zone={THERE}", "--verbosity=warning"],
    ], done.stdout + done.stderr
    ran = [shlex.split(line.partition("SSH: EXEC ")[2]) for line in done.stdout.splitlines() if "SSH: EXEC" in line]
    assert len(ran) == 2
    assert all('User="ada_example_com"' in arguments for arguments in ran)
    assert len({next(a for a in arguments if a.startswith("ControlPath=")) for arguments in ran}) == 2


def test_expressions(gce, ansible):
    gce.add("api-ada", team="core", repo="{{ lookup('ansible.builtin.pipe', 'id') }}")
    gce.add("web-bob")
    options = source(
        compose={"half": "workspace.team | default('nobody', true)", "copied": "workspace.repo"},
        groups={"cored": "half == 'core'"},
        keyed_groups=[{"key": "half", "prefix": "half"}],
    )
    listed = ansible.inventory(options)
    assert groups(listed)["cored"] == ["api-ada"]
    assert groups(listed)["half_nobody"] == ["web-bob"]
    assert hostvars(listed)["api-ada"]["copied"] == "{{ lookup('ansible.builtin.pipe', 'id') }}"


def test_a_failing_expression_is_named_where_strict(gce, ansible):
    gce.add("api-ada")
    options = source(compose={"made": "workspace.nothing.deeper"})
    assert "Could not set made for host api-ada" in failure(ansible, {**options, "strict": True}, "--graph")
    assert "api-ada" in ansible.inventory(options, "--graph")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"filters": ["name eq web.*"]}, "filters: 'name eq web.*' is of the kind with regular expressions"),
        ({"zones": ["europe-west3"]}, "zones: 'europe-west3' is no zone; write for example europe-west3-a"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_any_call(gce, ansible, options, said):
    """The other sentences are in tests/unit/inventory."""
    assert said in failure(ansible, source(**options), "--graph")
    assert gce.calls == {}


def test_a_token_that_is_refused_is_said_once(gce, ansible):
    env = {"GCP_SERVICE_ACCOUNT_FILE": "", "GCP_ACCESS_TOKEN": "ya29.sesame"}
    said = failure(ansible, source(projects=[ONE, TWO]), "--graph", env=env)
    assert "access_token" in said
    assert "sesame" not in said


@pytest.mark.parametrize("kind", ["application", "token"])
def test_other_ways_in(gce, ansible, kind):
    """The options and GCP_* variables of google.cloud, and what the machine itself is."""
    gce.add("api-ada")
    host = gce.cloud.seed["metadata_host"]
    env = {"GCP_SERVICE_ACCOUNT_FILE": ""}
    if kind == "application":
        env |= {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host}
    else:
        token = gce.api.auth.issue("https://www.googleapis.com/auth/cloud-platform")["access_token"]
        env |= {"GCP_AUTH_KIND": "accesstoken", "GCP_ACCESS_TOKEN": token, "GCP_PROJECT": ONE}
    assert "api-ada" in ansible.inventory(source(), "--graph", env=env)


def test_an_outage_is_waited_for(gce, ansible):
    gce.add("api-ada")
    gce.cloud.control("faults", method=LIST, reason="rateLimitExceeded", times=2)
    began = time.monotonic()
    assert "api-ada" in ansible.inventory(source(), "--graph")
    assert gce.calls == {"token": 1, LIST: 3}
    assert time.monotonic() - began > 0.7


def test_the_example(gce, ansible):
    gce.add("demo", owner="ada")
    listed = ansible.inventory(ROOT / "inventories" / "gcp")
    assert groups(listed)["type_e2_standard_4"] == ["demo"]
    variables = plain(listed["_meta"]["hostvars"])["demo"]
    assert variables["workspace_provider"] == "gce"
    assert variables["workspaces"][0]["name"] == "my-workspace"

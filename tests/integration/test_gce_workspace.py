"""gce_workspace through ansible-playbook against the sandbox's Compute Engine: a life, and the bad days."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.devcontainer.cloud.plugins.modules import gce_workspace, gce_workspace_info

from tests.sandbox.gce import Api, Delays

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3 ada@laptop"
ZONES = ["europe-west3-a", "europe-west3-b", "europe-west3-c"]
PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  module_defaults:
    group/devcontainer.cloud.gce:
      region: europe-west3
      api_endpoint: "{{ endpoint }}"
      service_account_file: "{{ key_file }}"
  tasks:
    - devcontainer.cloud.gce_workspace:
        name: demo
        state: "{{ item }}"
        owner: ada
        zones: [europe-west3-a]
        subnetwork: workspaces
        ssh_keys: ["{{ key }}"]
        wait_timeout: 60
      loop: [running, running, stopped, running, suspended, running, absent, absent]
      register: answer
    - devcontainer.cloud.gce_workspace_info:
      register: looked
    - ansible.builtin.copy:
        content: "{{ {'answers': answer.results, 'looked': looked} | to_json }}"
        dest: "{{ out }}"
        mode: "0600"
"""


@dataclasses.dataclass
class Cloud:
    """The sandbox and a user's commands against it."""

    api: Api
    folder: Path

    def play(self, *flags: str) -> dict[str, t.Any]:
        """The playbook by ansible-playbook; what it wrote."""
        out = self.folder / "answer.json"
        inputs = {"endpoint": self.api.endpoint, "key_file": str(self.folder / "key.json"), "out": str(out), "key": KEY}
        env = {key: value for key, value in os.environ.items() if not key.startswith(("GCP_", "GOOGLE_", "ANSIBLE_"))}
        env.update(ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".collections"), PATH=f"{BIN}:{env['PATH']}")
        done = subprocess.run(
            ["ansible-playbook", "-i", "localhost,", "-e", json.dumps(inputs), *flags, "play.yml"],
            cwd=self.folder,
            env={**env, "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "PRIVATE KEY" not in done.stdout + done.stderr + out.read_text()
        answer: dict[str, t.Any] = json.loads(out.read_text())
        return answer

    def run(self, **options: t.Any) -> dict[str, t.Any]:
        """The module itself with a workspace's usual options and these; its answer, failed or not."""
        usual = {"name": "demo", "owner": "ada", "zones": ZONES, "subnetwork": "workspaces", "ssh_keys": [KEY]}
        arguments = {"wait_timeout": 60, **usual, **options}
        return self._module(gce_workspace.main, {k: v for k, v in arguments.items() if v is not None})

    def info(self, **options: t.Any) -> dict[str, t.Any]:
        """The _info module."""
        return self._module(gce_workspace_info.main, options)

    def _module(self, main: t.Callable[[], None], options: dict[str, t.Any]) -> dict[str, t.Any]:
        access = {"api_endpoint": self.api.endpoint, "service_account_file": str(self.folder / "key.json")}
        said = io.StringIO()
        with (
            patch_module_args({"region": "europe-west3", **access, **options}),
            contextlib.redirect_stdout(said),
            pytest.raises(SystemExit) as left,
        ):
            main()
        answer: dict[str, t.Any] = json.loads(said.getvalue())
        assert bool(left.value.code) == answer.get("failed", False)
        assert "PRIVATE KEY" not in said.getvalue()
        return answer

    def fault(self, **fault: t.Any) -> None:
        """Something goes wrong; once, where nothing else is said."""
        with self.api.world.store:
            self.api.world.faults.add(fault)

    @property
    def machines(self) -> dict[str, dict[str, t.Any]]:
        """What there is: zone/name -> the instance as the API shows it."""
        with self.api.world.store:
            table = self.api.world.store.table("instances")
            return {key.partition("/")[2]: json.loads(json.dumps(r["resource"])) for key, r in table.items()}

    @property
    def calls(self) -> dict[str, int]:
        """How often each method was called so far."""
        with self.api.world.store:
            return dict(self.api.world.faults.calls)

    def calls_of(self, action: t.Callable[[], t.Any]) -> dict[str, int]:
        """The calls that an action makes."""
        before = self.calls
        action()
        return {key: count - before.get(key, 0) for key, count in self.calls.items() if count != before.get(key, 0)}


@pytest.fixture
def cloud(tmp_path: Path) -> t.Iterator[Cloud]:
    api = Api(delays=Delays(provision=0.1, stage=0.1, stop=0.2, suspend=0.2, delete=0.1, change=0.05, wait=0.3))
    api.start()
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    (tmp_path / "key.json").write_text(json.dumps(api.seed()["service_account_key"]))
    yield Cloud(api, tmp_path)
    api.stop()


def verbs(answer: dict[str, t.Any]) -> list[str]:
    """The steps of the one workspace."""
    return [step["step"] for step in answer["workspaces"][0]["steps"]]


def test_a_life_by_playbook(cloud: Cloud) -> None:
    played = cloud.play()
    answers = [answer["workspaces"][0] for answer in played["answers"]]
    steps = [[step["step"] for step in answer["steps"]] for answer in answers]
    assert steps == [["create"], [], ["stop"], ["tag", "start"], ["suspend"], ["tag", "start"], ["delete"], []]
    assert [answer["changed"] for answer in played["answers"]] == [bool(each) for each in steps]
    assert [a["state"] for a in answers] == ["running"] * 2 + [
        "stopped",
        "running",
        "suspended",
        "running",
        "absent",
        "absent",
    ]
    assert played["looked"]["workspaces"] == [] and not cloud.machines
    assert cloud.api.world.faults.ignored == {}, "read-only fields were sent"


def test_a_life(cloud: Cloud) -> None:
    checked = cloud.run(_ansible_check_mode=True, _ansible_diff=True)
    assert verbs(checked) == ["create"] and checked["changed"] and not cloud.machines
    assert checked["diff"][0]["before"] == {"state": "absent"}
    made = cloud.run()
    (workspace,) = made["workspaces"]
    assert made["changed"] and workspace["state"] == "running" and workspace["zone"] == ZONES[0], made
    assert workspace["address"] == workspace["private_address"] and not workspace["public_address"]
    assert workspace["host_key"].startswith("ssh-ed25519 ") and workspace["owner"] == "ada"
    again = cloud.calls_of(cloud.run)
    assert again == {"instances.aggregatedList": 1, "token": 1}, "a second run changed something"
    assert cloud.info()["workspaces"] == cloud.info(names=["demo"])["workspaces"]
    assert verbs(cloud.run(state="stopped")) == ["stop"] and cloud.info()["workspaces"][0]["state"] == "stopped"
    assert verbs(cloud.run(state="stopped")) == [] == verbs(cloud.run(state="suspended"))
    assert cloud.run(_ansible_check_mode=True)["changed"]
    assert verbs(cloud.run())[-1] == "start"
    assert verbs(cloud.run(state="suspended", retention="14d")) == ["tag", "suspend"]
    assert cloud.info()["workspaces"][0]["expires_at"]
    assert verbs(cloud.run())[-1] == "start"
    assert not cloud.info()["workspaces"][0]["expires_at"]


def test_a_resize_stops_changes_and_starts_again(cloud: Cloud) -> None:
    cloud.run()
    resized = cloud.run(
        machine_type="e2-standard-4", disk_size=50, network_tags=["web", "dev"], os_login=False, max_run_duration="12h"
    )
    assert "stop" in verbs(resized) and verbs(resized)[-1] == "start"
    (machine,) = cloud.machines.values()
    assert machine["machineType"].endswith("/e2-standard-4") and sorted(machine["tags"]["items"]) == ["dev", "web"]
    assert machine["scheduling"]["maxRunDuration"]["seconds"] == "43200"
    assert machine["scheduling"]["instanceTerminationAction"] == "STOP"
    assert machine["disks"][0]["diskSizeGb"] == "50"
    again = cloud.run(
        machine_type="e2-standard-4", disk_size=50, network_tags=["dev", "web"], os_login=False, max_run_duration="12h"
    )
    assert not again["changed"], again


def test_cloud_config_reaches_the_machine_and_is_not_repeated(cloud: Cloud) -> None:
    secret = {"image": "ubuntu-24.04", "cloud_config": {"runcmd": ["echo hunter2 10"]}}
    made = cloud.run(name=None, workspaces=[{"name": "demo", **secret}])
    assert made["workspaces"][0]["address"].startswith("10."), made["workspaces"][0]
    assert "hunter2" not in json.dumps(made) and "hunter2" in json.dumps(cloud.machines)
    assert "hunter2" not in json.dumps(cloud.run(**secret, disk_size=1))


def test_spot_confidential_and_service_account(cloud: Cloud) -> None:
    account = cloud.api.seed()["service_account"]
    made = cloud.run(spot=True, vm_service_account=account, public_ip=True, image="ubuntu-24.04")
    assert made["workspaces"][0]["public_address"] == made["workspaces"][0]["address"] != ""
    (machine,) = cloud.machines.values()
    assert machine["scheduling"]["provisioningModel"] == "SPOT"
    assert machine["scheduling"]["instanceTerminationAction"] == "STOP"
    assert machine["serviceAccounts"][0]["email"] == account
    assert not cloud.run(spot=True, vm_service_account=account, public_ip=True)["changed"]
    confidential = {"name": "secret", "confidential": "SEV", "machine_type": "n2d-standard-2"}
    assert cloud.run(**confidential)["changed"] and not cloud.run(**confidential)["changed"]
    refused = cloud.run(**confidential, state="suspended")
    assert refused["failed"] and "confidential" in refused["msg"]


def test_an_operation_that_fails_after_acceptance_fails_the_task(cloud: Cloud) -> None:
    cloud.fault(method="instances.insert", in_operation=True, code="QUOTA_EXCEEDED")
    failed = cloud.run()
    assert failed["failed"] and "Quota 'CPUS' exceeded" in failed["msg"] and not cloud.machines
    cloud.run()
    cloud.fault(method="instances.setLabels", in_operation=True, code="INVALID_USAGE", message="No such label")
    assert "No such label" in cloud.run(owner="bob")["msg"]
    cloud.fault(method="instances.stop", in_operation=True, code="INVALID_USAGE", message="Not today")
    stopped = cloud.run(state="stopped", owner=None)
    assert "Not today" in stopped["msg"] and stopped["workspaces"][0]["state"] == "running"


def test_a_stale_fingerprint_is_merged_anew_and_no_foreign_key_is_lost(cloud: Cloud) -> None:
    cloud.run()
    with cloud.api.world.store:
        ((key, record),) = cloud.api.world.store.table("instances").items()
        record["resource"]["labels"]["cost-center"] = "42"
        record["resource"]["metadata"]["items"].append({"key": "serial-port-enable", "value": "TRUE"})
        cloud.api.world.store.put("instances", key, record)
    for method in ("instances.setLabels", "instances.setMetadata"):
        cloud.fault(method=method, reason="conditionNotMet")
    made = cloud.calls_of(lambda: cloud.run(owner="Bob B.", tags={"stage": "test"}))
    assert made["instances.setLabels"] == made["instances.setMetadata"] == 2
    (machine,) = cloud.machines.values()
    items = {item["key"]: item["value"] for item in machine["metadata"]["items"]}
    assert machine["labels"]["cost-center"] == "42" and items["serial-port-enable"] == "TRUE"
    assert items["devcontainer-owner"] == "Bob B." and machine["labels"]["stage"] == "test"
    assert "startup-script" in items
    assert not cloud.run(owner="Bob B.", tags={"stage": "test"})["changed"]


@pytest.mark.parametrize("code", ["ZONE_RESOURCE_POOL_EXHAUSTED", "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"])
def test_an_exhausted_zone_makes_way_for_the_next(cloud: Cloud, code: str) -> None:
    cloud.fault(method="instances.insert", in_operation=True, code=code, zone=ZONES[0])
    assert cloud.run()["workspaces"][0]["zone"] == ZONES[1]
    assert list(cloud.machines) == [f"{ZONES[1]}/demo"]
    assert not cloud.run()["changed"]


def test_all_zones_exhausted_names_each(cloud: Cloud) -> None:
    cloud.fault(method="instances.insert", in_operation=True, code="ZONE_RESOURCE_POOL_EXHAUSTED", times=None)
    failed = cloud.run()
    assert failed["failed"] and all(zone in failed["msg"] for zone in ZONES) and not cloud.machines


def test_a_rate_limit_is_ridden_out_and_a_missing_permission_is_said(cloud: Cloud) -> None:
    cloud.fault(method="instances.aggregatedList", reason="rateLimitExceeded", times=2)
    cloud.fault(method="instances.insert", reason="rateLimitExceeded", times=2)
    assert cloud.run()["workspaces"][0]["state"] == "running"
    cloud.fault(method="instances.stop", reason="forbidden", times=None)
    calls: dict[str, t.Any] = {}
    made = cloud.calls_of(lambda: calls.update(cloud.run(state="stopped")))
    assert made["instances.stop"] == 1 and "permission" in calls["msg"] and "forbidden" in calls["msg"]


@pytest.mark.parametrize("state", ["running", "absent"])
def test_a_zone_that_cannot_be_seen_makes_no_second_machine(cloud: Cloud, state: str) -> None:
    cloud.run(zones=[ZONES[1]])
    cloud.fault(method="instances.aggregatedList", unreachable=True, zone=ZONES[1], times=None)
    failed = cloud.run(state=state)
    assert failed["failed"] and ZONES[1] in failed["msg"] and "nothing was done" in failed["msg"]
    assert not failed["changed"] and list(cloud.machines) == [f"{ZONES[1]}/demo"]
    checked = cloud.run(_ansible_check_mode=True)
    assert checked["failed"] and ZONES[1] in checked["msg"]


def test_an_unreachable_zone_elsewhere_hinders_nobody(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.fault(method="instances.aggregatedList", unreachable=True, zone="europe-west4-a", times=None)
    assert cloud.run()["workspaces"][0]["state"] == "running"
    cloud.fault(method="instances.aggregatedList", unreachable=True, zone=ZONES[2], times=None)
    assert not cloud.run()["changed"], "the machine is seen, wherever else cannot be"
    listed = cloud.info()
    # In a process that has loaded ansible-core's controller, a module's warnings go to its display instead.
    said = json.dumps(listed.get("warnings", "")) + capsys.readouterr().err
    assert [w["name"] for w in listed["workspaces"]] == ["demo"] and ZONES[2] in said


@pytest.mark.parametrize("times", [1, 4])
def test_a_lost_answer_makes_one_machine(cloud: Cloud, times: int) -> None:
    cloud.fault(method="instances.insert", lost=True, times=times)
    made = cloud.run()
    assert made["workspaces"][0]["state"] == "running" and made["changed"]
    assert len(cloud.machines) == 1


def test_deleted_and_created_again_at_once(cloud: Cloud) -> None:
    first = cloud.run()["workspaces"][0]
    cloud.run(state="absent", wait=False)
    second = cloud.run()["workspaces"][0]
    assert second["state"] == "running" and second["id"] != first["id"] and len(cloud.machines) == 1
    assert second["host_key"] != first["host_key"]


def test_a_machine_of_that_name_that_is_not_ours_is_left_alone(cloud: Cloud) -> None:
    cloud.run()
    with cloud.api.world.store:
        ((key, record),) = cloud.api.world.store.table("instances").items()
        record["resource"]["labels"] = {"of": "others"}
        cloud.api.world.store.put("instances", key, record)
    for state in ("running", "stopped", "absent"):
        refused = cloud.run(state=state)
        assert refused["failed"] and "not a workspace of ours" in refused["msg"]
    assert cloud.machines[f"{ZONES[0]}/demo"]["status"] == "RUNNING"


def test_many_are_seen_by_one_call(cloud: Cloud) -> None:
    names = [{"name": f"w{number}"} for number in range(5)]
    cloud.run(name=None, workspaces=names)
    assert len(cloud.machines) == 5
    made = cloud.calls_of(lambda: cloud.run(name=None, workspaces=names))
    assert made == {"instances.aggregatedList": 1, "token": 1}


METADATA = """
import json, sys
from tests import conftest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.devcontainer.cloud.plugins.modules import gce_workspace_info
with patch_module_args(json.loads(sys.argv[1])):
    gce_workspace_info.main()
"""


@pytest.mark.parametrize("kind", ["application", "machineaccount"])
def test_a_machines_own_account_is_enough(cloud: Cloud, kind: str) -> None:
    cloud.run()
    seed = cloud.api.seed()
    env = {key: value for key, value in os.environ.items() if not key.startswith(("GCP_", "GOOGLE_", "GCLOUD_"))}
    host = seed["metadata_host"]
    env.update(GCE_METADATA_HOST=host, GCE_METADATA_IP=host, CLOUDSDK_CONFIG=str(cloud.folder))
    options = {"auth_kind": kind, "api_endpoint": seed["endpoint"], "region": "europe-west3"}
    options.update({"project": seed["project"]} if kind == "machineaccount" else {})
    done = subprocess.run(
        [sys.executable, "-c", METADATA, json.dumps(options)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [w["name"] for w in json.loads(done.stdout)["workspaces"]] == ["demo"]


def test_a_forbidden_project_and_a_bad_key_are_said_once(cloud: Cloud) -> None:
    denied = cloud.run(project="somebody-elses", name=None, workspaces=[{"name": "a"}, {"name": "b"}])
    assert denied["failed"] and denied["msg"].count("permission") == 1
    assert all("permission" in workspace["error"] for workspace in denied["workspaces"])
    (cloud.folder / "key.json").write_text("{}")
    assert "service_account_file" in cloud.run()["msg"]

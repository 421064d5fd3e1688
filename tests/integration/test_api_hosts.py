"""The sandbox's API and its hosts: who gets one, what a host's end means, and what survives kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.integration.test_api_strict import launch, look, refused, tagged, until
from tests.integration.tools import FAST, ROOT, Cloud
from tests.sandbox.api import Api, server
from tests.sandbox.host import HostError

OURS = tagged("devcontainer:managed-by", "devcontainer.cloud")


class Driver:
    """Hosts as words in a dict."""

    def __init__(self):
        self.hosts = {}
        self.log, self.off = [], set()
        self.broken = ""
        self.gate = threading.Event()
        self.gate.set()

    def start(self, host):
        self.log.append(("start", host.instance_id))
        self.gate.wait(5)
        if self.broken:
            raise HostError(self.broken)
        self.hosts[host.instance_id] = host
        self.off.discard(host.instance_id)

    def stop(self, key):
        self.log.append(("stop", key))
        self.off.add(key)

    def terminate(self, key):
        self.log.append(("terminate", key))
        self.hosts.pop(key, None)

    def stopped(self):
        return set(self.off)

    def describe(self, host):
        self.log.append(("describe", host.instance_id))
        self.hosts[host.instance_id] = host


@pytest.fixture
def hosted(monkeypatch):
    """A cloud whose instances have hosts, looked after ten times a second."""
    monkeypatch.setattr(server, "POLL", 0.1)
    api = Api(Driver(), delays=FAST)
    api.start()
    cloud = Cloud(api)
    cloud.driver = api.driver
    yield cloud
    api.stop()


def test_only_ours_get_a_host_and_calls_reach_it(hosted):
    driver = hosted.driver
    stranger = launch(hosted)["InstanceId"]
    key = launch(hosted, TagSpecifications=OURS, UserData="#cloud-config\n")["InstanceId"]
    until(hosted, key, "running")
    until(hosted, stranger, "running")
    host = driver.hosts[key]
    assert list(driver.hosts) == [key]
    assert (host.family, host.user_data, host.instance_type) == ("debian-12", b"#cloud-config\n", "t3.medium")
    assert (host.region, host.zone) == (hosted.region, f"{hosted.region}a")
    assert host.private_ip == look(hosted, key)["PrivateIpAddress"]
    hosted.ec2.create_tags(Resources=[key], Tags=[{"Key": "team", "Value": "a"}])
    wait(lambda: driver.hosts[key].tags.get("team") == "a")
    hosted.ec2.modify_instance_metadata_options(InstanceId=key, HttpPutResponseHopLimit=3)
    wait(lambda: driver.hosts[key].hop_limit == 3)
    hosted.ec2.stop_instances(InstanceIds=[key])
    until(hosted, key, "stopped")
    hosted.ec2.start_instances(InstanceIds=[key])
    until(hosted, key, "running")
    assert driver.hosts[key].private_ip == host.private_ip
    hosted.ec2.terminate_instances(InstanceIds=[key])
    until(hosted, key, "terminated")
    verbs = [verb for verb, of in driver.log if of == key and verb != "describe"]
    assert verbs == ["start", "stop", "start", "terminate"]


def test_an_instance_is_pending_until_its_host_runs(hosted):
    hosted.driver.gate.clear()
    key = launch(hosted, TagSpecifications=OURS)["InstanceId"]
    time.sleep(0.6)
    assert look(hosted, key)["State"]["Name"] == "pending"
    hosted.driver.gate.set()
    until(hosted, key, "running")


def test_a_host_that_cannot_start_is_the_reason(hosted):
    hosted.driver.broken = "no space left"
    dead = until(hosted, launch(hosted, TagSpecifications=OURS)["InstanceId"], "terminated")
    assert "no space left" in dead["StateReason"]["Message"]
    hosted.driver.broken = ""
    key = launch(hosted, TagSpecifications=OURS)["InstanceId"]
    until(hosted, key, "running")
    hosted.ec2.stop_instances(InstanceIds=[key])
    until(hosted, key, "stopped")
    hosted.driver.broken = "no memory"
    hosted.ec2.start_instances(InstanceIds=[key])
    assert "no memory" in until(hosted, key, "stopped")["StateReason"]["Message"]


@pytest.mark.parametrize(("behaviour", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_a_host_that_powers_itself_off(hosted, behaviour, state):
    key = launch(hosted, TagSpecifications=OURS, InstanceInitiatedShutdownBehavior=behaviour)["InstanceId"]
    until(hosted, key, "running")
    hosted.driver.off.add(key)
    assert until(hosted, key, state)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert (key in hosted.driver.hosts) is (state == "stopped")


def wait(true, seconds=5.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


#: A sandbox in a process of its own, with the driver's hosts as files.
SUBPROCESS = """
import json, pathlib, sys, time
from tests.sandbox.api import Api, Delays
folder = pathlib.Path(sys.argv[1])
class Driver:
    def start(self, host):
        time.sleep(0.3)
        (folder / host.instance_id).write_text("running " + host.private_ip)
    def stop(self, key): (folder / key).write_text("stopped")
    def terminate(self, key): (folder / key).unlink(missing_ok=True)
    def stopped(self): return {f.name for f in folder.glob("i-*") if f.read_text() == "stopped"}
    def describe(self, host): pass
api = Api(Driver(), state=folder / "state", delays=Delays(0.1, 0.1, 0.1, float(sys.argv[2])))
api.start()
print(json.dumps({"endpoint": api.endpoint, "facts": api.seed()}), flush=True)
time.sleep(300)
"""


class Process:
    """The sandbox's process, looked at as a Cloud is."""

    region = "eu-central-1"
    client, ec2, subnet_ids, security_group_id = Cloud.client, Cloud.ec2, Cloud.subnet_ids, Cloud.security_group_id

    def __init__(self, folder, visible=0.1):
        command = [sys.executable, "-c", SUBPROCESS, str(folder), str(visible)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        said = json.loads(self.process.stdout.readline())
        self.endpoint, self.facts = said["endpoint"], said["facts"]

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def process(tmp_path):
    """Starts processes over one folder; the last is killed at the end."""
    started = []

    def start(**more):
        started.append(Process(tmp_path, **more))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()


def test_everything_survives_kill_9(process, tmp_path):
    first = process()
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 9, "Encrypted": True, "DeleteOnTermination": True}}
    more = {"TagSpecifications": OURS, "BlockDeviceMappings": [disk], "UserData": "hello"}
    kept = launch(first, "kept", **more)["InstanceId"]
    off = launch(first, "off", **more)["InstanceId"]
    parked = launch(first, "parked", **more)["InstanceId"]
    for key in (kept, off, parked):
        until(first, key, "running")
    first.ec2.stop_instances(InstanceIds=[parked])
    until(first, parked, "stopped")
    before = {key: look(first, key) for key in (kept, off, parked)}
    first.ec2.create_tags(Resources=[kept], Tags=[{"Key": "team", "Value": "a"}])
    hurried = launch(first, "hurried", **more)["InstanceId"]
    first.kill()
    (tmp_path / off).write_text("stopped")
    assert not (tmp_path / hurried).exists()

    second = process()
    assert second.facts == first.facts
    assert until(second, off, "stopped")["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert look(second, kept)["Tags"] == [*before[kept]["Tags"], {"Key": "team", "Value": "a"}]
    for key in (kept, off, parked):
        now = look(second, key)
        for field in ("PrivateIpAddress", "BlockDeviceMappings", "SubnetId", "LaunchTime", "ImageId"):
            assert now[field] == before[key][field]
    assert look(second, kept)["State"]["Name"] == "running" and look(second, parked)["State"]["Name"] == "stopped"
    assert {v["Size"] for v in second.ec2.describe_volumes()["Volumes"]} == {9}
    # An answer that was given is never taken back, and its token still stands for it.
    until(second, hurried, "running")
    assert (tmp_path / hurried).read_text().startswith("running")
    assert launch(second, "kept", **more)["InstanceId"] == kept
    assert refused(launch, second, "kept", InstanceType="t3.large", **more) == "IdempotentParameterMismatch"
    second.ec2.start_instances(InstanceIds=[parked])
    assert until(second, parked, "running")["PrivateIpAddress"] == before[parked]["PrivateIpAddress"]
    addresses = {launch(second, **more)["PrivateIpAddress"], *(b["PrivateIpAddress"] for b in before.values())}
    assert len(addresses) == 4

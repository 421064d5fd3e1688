"""Which instances of the sandboxed Compute Engine have a host, and what the host is told."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from google.cloud import compute_v1 as gce

from tests.integration.gce_cloud import Cloud, FakeHosts
from tests.sandbox.gce import Api, Delays

LABELS = codec.to_gce({"managed-by": "devcontainer.cloud", "workspace": "one"})[0]


@pytest.fixture
def hosts() -> FakeHosts:
    return FakeHosts()


@pytest.fixture
def cloud(hosts: FakeHosts) -> t.Iterator[Cloud]:
    api = Api(hosts, delays=Delays(wait=1.0, poll=0.02), check_answers=True)
    api.start()
    yield Cloud(api)
    api.stop()


def _until(true: t.Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_only_a_workspace_gets_a_host(cloud: Cloud, hosts: FakeHosts) -> None:
    cloud.made("other", labels={"a": "b"})
    instance = cloud.made("one", labels=LABELS)
    (host,) = hosts.hosts.values()
    assert host.instance_id == str(instance.id)
    assert host.private_ip == instance.network_interfaces[0].network_i_p
    assert (host.family, host.zone, host.region) == ("debian-12", cloud.zone, cloud.zone[:-2])
    assert (host.tags, host.instance_type) == (LABELS, "e2-standard-4")


def test_the_host_follows_the_instance(cloud: Cloud, hosts: FakeHosts) -> None:
    number = str(cloud.made("one", labels=LABELS).id)
    cloud.verb("stop", "one")
    assert hosts.off == {number}
    cloud.verb("start", "one")
    assert not hosts.off
    cloud.verb("suspend", "one")
    assert hosts.off == {number}
    cloud.verb("resume", "one")
    body = gce.InstancesSetLabelsRequest(
        label_fingerprint=cloud.get("one").label_fingerprint, labels={**LABELS, "team": "core"}
    )
    cloud.verb("set_labels", "one", instances_set_labels_request_resource=body)
    assert hosts.described[-1].tags["team"] == "core"
    cloud.verb("delete", "one")
    assert not hosts.hosts


def test_power_off_in_the_guest_shows_as_terminated(cloud: Cloud, hosts: FakeHosts) -> None:
    number = str(cloud.made("one", labels=LABELS).id)
    hosts.off.add(number)
    _until(lambda: cloud.get("one").status == "TERMINATED")
    kinds = [op.operation_type for op in cloud.operations.list(project=cloud.project, zone=cloud.zone)]
    assert kinds.count("compute.instances.guestTerminate") == 1
    cloud.verb("start", "one")
    assert cloud.get("one").status == "RUNNING"


def test_an_old_look_does_not_stop_what_was_started_since(
    cloud: Cloud, hosts: FakeHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = str(cloud.made("one", labels=LABELS).id)
    cloud.verb("stop", "one")
    look = hosts.stopped

    def slowly() -> set[str]:
        found = look()
        time.sleep(0.5)
        return found

    monkeypatch.setattr(hosts, "stopped", slowly)
    _until(lambda: number in hosts.off)
    time.sleep(0.1)  # a look is under way, and has seen it off
    cloud.verb("start", "one")
    time.sleep(0.6)
    assert cloud.get("one").status == "RUNNING"
    kinds = [op.operation_type for op in cloud.operations.list(project=cloud.project, zone=cloud.zone)]
    assert "compute.instances.guestTerminate" not in kinds


def test_a_host_that_cannot_start_fails_the_operation(cloud: Cloud, hosts: FakeHosts) -> None:
    hosts.broken = "no room"
    ended = cloud.done(cloud.insert("one", labels=LABELS))
    assert "no room" in ended.error.errors[0].message
    assert cloud.raw(f"zones/{cloud.zone}/instances/one").status_code == 404
    hosts.broken = ""
    cloud.made("one", labels=LABELS)
    cloud.verb("stop", "one")
    hosts.broken = "no room"
    assert cloud.verb("start", "one").error.errors
    assert cloud.get("one").status == "TERMINATED"


def test_metadata_reaches_the_host(cloud: Cloud, hosts: FakeHosts) -> None:
    items = [
        gce.Items(key="user-data", value="#cloud-config\nhostname: x\n"),
        gce.Items(key="startup-script", value="#!/bin/sh\ntouch /started\n"),
        gce.Items(key="ssh-keys", value="ada:ssh-ed25519 AAAA ada"),
    ]
    cloud.made("one", labels=LABELS, metadata=gce.Metadata(items=items[:1]))
    assert next(iter(hosts.hosts.values())).user_data == b"#cloud-config\nhostname: x\n"
    cloud.made("two", labels=LABELS, metadata=gce.Metadata(items=items))
    told = list(hosts.hosts.values())[-1].user_data.decode()
    assert told.startswith("Content-Type: multipart/mixed")


def test_a_restarted_sandbox_still_watches_its_hosts(hosts: FakeHosts, tmp_path: Path) -> None:
    first = Api(hosts, state=tmp_path, delays=Delays(wait=1.0, poll=0.02))
    first.start()
    number = str(Cloud(first).made("one", labels=LABELS).id)
    first.stop()
    second = Api(hosts, state=tmp_path, delays=Delays(wait=1.0, poll=0.02))
    second.start()
    cloud = Cloud(second)
    assert cloud.get("one").status == "RUNNING"
    hosts.off.add(number)
    _until(lambda: cloud.get("one").status == "TERMINATED")
    second.stop()

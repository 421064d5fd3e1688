"""Processor time: cgroups of both versions, and the hysteresis."""

from __future__ import annotations

import json

import pytest
from shutdown_cpu import Load, container_of, containers, parse_usage, step, usage_files
from shutdown_proc import processes

from tests.unit.auto_shutdown.hosts import FakeHost

OUTER, INNER = "d" * 64, "5f" * 32
# A container inside a systemd container, hierarchies of version 1 beside the unified one.
NESTED_V1 = f"9:name=systemd:/docker/{INNER}\n2:cpuacct:/docker/{INNER}\n1:cpu:/docker/{INNER}\n0::/docker/{INNER}\n"
V1_HOST = f"9:name=systemd:/docker/{OUTER}/init.scope\n2:cpuacct:/docker/{OUTER}\n0::/docker/{OUTER}/init.scope\n"
V1_UBUNTU = f"4:cpu,cpuacct:/docker/{INNER}\n1:name=systemd:/docker/{INNER}\n0::/system.slice/containerd.service\n"
V2_SYSTEMD = f"0::/system.slice/docker-{INNER}.scope\n"
V2_INIT_INSIDE = f"0::/system.slice/docker-{INNER}.scope/init.scope\n"
V2_CGROUPFS = f"0::/docker/{INNER}\n"


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (NESTED_V1, f"cpuacct/docker/{INNER}/cpuacct.usage"),
        (V1_UBUNTU, f"cpu,cpuacct/docker/{INNER}/cpuacct.usage"),
        (V2_SYSTEMD, f"system.slice/docker-{INNER}.scope/cpu.stat"),
        (V2_INIT_INSIDE, f"system.slice/docker-{INNER}.scope/cpu.stat"),
        (V2_CGROUPFS, f"docker/{INNER}/cpu.stat"),
    ],
    ids=["v1 nested", "v1", "v2 systemd", "v2, systemd inside", "v2 cgroupfs"],
)
def test_a_containers_cgroup(text, files):
    name, lines = container_of(text, {OUTER})
    assert name == INNER
    assert files in usage_files(lines)


@pytest.mark.parametrize("text", [V1_HOST, "0::/user.slice/user-1000.slice/session-3.scope\n", "0::/\n", ""])
def test_outside_of_containers(text):
    assert container_of(text, {OUTER}) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("132704410922\n", 132.704410922),
        ("usage_usec 4253000\nuser_usec 3000000\nsystem_usec 1253000\nnr_periods 0\n", 4.253),
    ],
)
def test_parse_usage(text, seconds):
    assert parse_usage(text) == seconds


@pytest.mark.parametrize(
    ("shares", "ages"),
    [
        ([0, 0, 0], [None, None, None]),
        ([50, 0, 0], [None, None, None]),  # one busy minute is a scheduled job
        ([50, 50, 0, 0], [None, 0, 60, 120]),
        ([10, 10, 5, 5, 4.9], [None, 0, 0, 0, 60]),  # it stays busy down to half of the limit
        ([9.9, 9.9], [None, None]),
        ([50, 0, 50, 50], [None, None, None, 0]),
    ],
)
def test_hysteresis(shares, ages):
    load, used, now, found = step(None, 0.0, 0.0, 10), 0.0, 0.0, []
    for share in shares:
        used, now = used + share * 0.6, now + 60
        load = step(load, used, now, 10)
        found.append(None if load.busy_at is None else now - load.busy_at)
    assert found == ages


@pytest.mark.parametrize("before", [None, Load(100, 50), Load(1, 60)], ids=["new", "restarted", "same moment"])
def test_no_share_without_two_looks(before):
    assert step(before, 5.0, 60.0, 10) == Load(5.0, 60.0)


@pytest.mark.parametrize(("own", "text"), [("0::/init.scope\n", V2_SYSTEMD), (V1_HOST, NESTED_V1)], ids=["v2", "v1"])
def test_a_busy_container_by_name(tmp_path, own, text):
    host = FakeHost(tmp_path, cgroup=own)
    host.process(300, "node", ["node"], cgroup=text)
    host.write(f"var/lib/docker/containers/{INNER}/config.v2.json", json.dumps({"Name": "/api"}))
    memory, found = {}, []
    for minute in range(3):
        if text == NESTED_V1:
            host.write(f"sys/fs/cgroup/cpuacct/docker/{INNER}/cpuacct.usage", f"{minute * 30 * 10**9}\n")
        else:
            host.write(
                f"sys/fs/cgroup/system.slice/docker-{INNER}.scope/cpu.stat", f"usage_usec {minute * 30 * 10**6}\n"
            )
        found = containers(host.root, memory, processes(host.root), host.now + 60 * minute, 10)
        memory = json.loads(json.dumps(memory))
    assert [(signal.kind, signal.detail, signal.age) for signal in found] == [("cpu", "container api was busy", 0)]


def test_a_users_own_processes_are_one(tmp_path):
    host = FakeHost(tmp_path)
    host.process(300, "make", ["make"], cgroup="0::/user.slice/user-1000.slice/session-3.scope\n")
    memory = {}
    for minute in range(3):
        host.write("sys/fs/cgroup/user.slice/cpu.stat", f"usage_usec {minute * 30 * 10**6}\n")
        found = containers(host.root, memory, processes(host.root), host.now + 60 * minute, 10)
    assert [signal.detail for signal in found] == ["a user's own process was busy"]


def test_a_container_that_ended_is_forgotten(tmp_path):
    host = FakeHost(tmp_path)
    memory = {"cpu": {INNER: [1, 2, 3, 4]}}
    assert containers(host.root, memory, processes(host.root), host.now, 10) == []
    assert memory["cpu"] == {}

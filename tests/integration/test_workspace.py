"""The main job on real hosts, as its user sees it: one story in the order of the file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import typing as t

import docker
import pytest

from tests.integration.real_sandbox import RealSandbox, Run

pytestmark = pytest.mark.hosts
HOOKS = ["initialize", "onCreate", "updateContent", "postCreate", "postStart"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[RealSandbox]:
    sandbox = RealSandbox(tmp_path_factory.mktemp("world"))
    up = sandbox.sandbox("up")
    try:
        assert up.code == 0, up.out
        assert up.silence < 60, "up was silent for too long"
        yield sandbox
    finally:
        down = sandbox.sandbox("down")
    assert down.code == 0, down.out
    engine = docker.from_env()
    left = [*engine.containers.list(all=True), *engine.networks.list(), *engine.volumes.list()]
    assert not [thing for thing in left if str(sandbox.state) in (thing.attrs.get("Labels") or {}).values()]
    assert not sandbox.state.exists()


@pytest.fixture(scope="module")
def first(world: RealSandbox) -> Run:
    """The first real run."""
    return world.playbook()


def test_check_mode_says_what_would_be_made_and_makes_nothing(world: RealSandbox) -> None:
    checked = world.playbook("--check", "--diff")
    assert checked.code == 0, checked.out
    assert "steps:      create (not done: check mode)" in checked.out
    assert "instance_type: t3.medium" in checked.out.replace('"', "")
    assert world.instances("demo") == []
    assert not list((world.state / "ssh").glob("demo*"))


def test_a_limit_is_refused_with_the_way_out(world: RealSandbox) -> None:
    refused = world.playbook("--limit", "localhost")
    assert refused.code != 0
    assert "--limit localhost cannot choose workspaces" in refused.out


def test_the_first_run_ends_with_a_workspace(first: Run) -> None:
    assert first.code == 0, first.out
    for line in (
        "demo is running (i-",
        "host:       ssh -F ",
        "container:  ssh -F ",
        "editor:     vscode://",
        "cloud ",
        "ours ",
    ):
        assert line in first.out, first.out
    assert first.silence < 45, f"nothing moved for {first.silence:.0f} s"


def test_the_host_answers_by_name_with_a_known_key(world: RealSandbox, first: Run) -> None:
    answer = world.ssh("demo", "id -un; sudo -n id -un; systemctl is-system-running")
    assert answer.out.split() == ["dev", "root", "running"]


def test_another_host_key_is_refused(world: RealSandbox, first: Run, tmp_path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    (instance,) = world.instances("demo")
    other = tmp_path / "known_hosts"
    other.write_text(f"{instance['InstanceId']} {(tmp_path / 'other.pub').read_text()}")
    refused = world.ssh("demo", "true", "-o", f"UserKnownHostsFile={other}")
    assert refused.code == 255
    assert "Host key verification failed" in refused.out


def test_the_container_answers_by_name_and_the_hooks_ran_once(world: RealSandbox, first: Run) -> None:
    answer = world.ssh("demo.devcontainer", "id -un; pwd; touch written && rm written && echo writable; cat .hooks.log")
    assert answer.code == 0, answer.out
    user, folder, writable, *hooks = answer.out.split()
    assert (user, folder, writable) == ("vscode", "/workspaces/features-app", "writable")
    assert [hook for hook in hooks if hook != "postAttach"] == HOOKS
    assert world.ssh("demo.devcontainer", "hello").code == 0, "the local Feature is not there"
    assert world.ssh("demo.devcontainer", "exit 7").code == 7


def test_a_forwarded_port_is_the_containers_own(world: RealSandbox, first: Run) -> None:
    listen = 'Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 8123, ReuseAddr => 1'
    serve = (
        f"perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new({listen}) or die;"
        " $c = $s->accept; print $c `hostname`; close $c'"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["ssh", "-F", str(world.state / "ssh" / "config"), "-o", "ExitOnForwardFailure=yes"]
    forward = subprocess.Popen(
        [*command, "-L", f"127.0.0.1:{port}:127.0.0.1:8123", "demo.devcontainer", serve],
        env=world.env,
        stdin=subprocess.DEVNULL,
    )
    try:
        inside = world.ssh("demo.devcontainer", "hostname").out
        answer = ""
        until = time.monotonic() + 20
        while not answer and time.monotonic() < until:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                    answer = connection.recv(200).decode()
            except OSError:
                pass
            time.sleep(0.2)
        assert answer == inside != ""
    finally:
        forward.terminate()
        forward.wait(10)


def test_the_inventory_shows_it_in_its_groups_and_reaches_it(world: RealSandbox, first: Run) -> None:
    graph = world.run("ansible-inventory", "-i", str(world.inventory), "--graph").out
    for group in ("workspaces", "provider_ec2", "state_running", "team_demo", "region_eu_central_1"):
        assert f"@{group}:" in graph, graph
    assert "|--demo" in graph
    ping = world.run("ansible", "-i", str(world.inventory), "state_running", "-m", "ansible.builtin.ping")
    assert ping.code == 0 and "pong" in ping.out, ping.out


def test_a_second_run_changes_nothing(world: RealSandbox, first: Run) -> None:
    second = world.playbook()
    assert second.code == 0, second.out
    assert second.changed == 0, second.out
    print(f"second run: {second.seconds:.1f} s")


def test_a_check_after_the_run_changes_nothing_either(world: RealSandbox, first: Run) -> None:
    checked = world.playbook("--check")
    assert (checked.code, checked.changed) == (0, 0), checked.out


def test_stop_and_start_bring_back_the_same_disk_and_the_devcontainer(world: RealSandbox, first: Run) -> None:
    (before,) = world.instances("demo")
    world.ssh("demo.devcontainer", "echo kept > kept")
    stopped = world.playbook(workspace_state="stopped")
    assert stopped.code == 0, stopped.out
    assert world.instances("demo")[0]["State"]["Name"] == "stopped"
    again = world.playbook()
    assert again.code == 0, again.out
    (after,) = world.instances("demo")
    assert after["InstanceId"] == before["InstanceId"]
    assert after["BlockDeviceMappings"][0]["Ebs"]["VolumeId"] == before["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    answer = world.ssh("demo.devcontainer", "cat kept; grep -c postCreate .hooks.log")
    assert answer.out.split() == ["kept", "1"]


def test_a_poweroff_in_the_guest_stops_the_instance_and_a_start_needs_no_ansible(
    world: RealSandbox, first: Run
) -> None:
    world.ssh("demo", "sudo systemctl poweroff")
    world.wait_for_state("demo", "stopped", 60)
    (instance,) = world.instances("demo")
    world.ec2.start_instances(InstanceIds=[instance["InstanceId"]])
    world.wait_for_state("demo", "running", 60)
    # On the host first: the door into the container would start it by itself.
    world.wait_for_door("demo", "docker ps --quiet | grep .", 120)
    assert world.wait_for_door("demo.devcontainer", "cat kept", 60).out.split()[-1] == "kept"


def test_the_sandbox_survives_being_killed(world: RealSandbox, first: Run) -> None:
    pid = world.facts["pid"]
    os.kill(pid, signal.SIGKILL)
    again = world.sandbox("up")
    assert again.code == 0, again.out
    assert world.facts["pid"] != pid
    status = world.sandbox("status")
    assert status.code == 0 and "running" in status.out, status.out
    assert world.ssh("demo.devcontainer", "cat kept").out.strip() == "kept"
    unchanged = world.playbook()
    assert (unchanged.code, unchanged.changed) == (0, 0), unchanged.out


def test_an_up_that_is_killed_is_finished_by_the_next(world: RealSandbox, first: Run) -> None:
    half = subprocess.Popen(
        ["python", "-m", "tests.sandbox", "up"], env=world.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(1.0)
    half.kill()
    half.wait()
    assert world.sandbox("up").code == 0
    assert world.sandbox("status").code == 0


def test_absent_removes_everything_of_ours_and_nothing_else(world: RealSandbox, first: Run) -> None:
    facts = world.facts
    stranger = world.ec2.run_instances(
        ImageId=facts["image_ids"]["debian-12"],
        InstanceType="t3.micro",
        SubnetId=facts["subnet_ids"][0],
        MinCount=1,
        MaxCount=1,
    )["Instances"][0]["InstanceId"]
    (ours,) = world.instances("demo")
    volume = ours["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]

    nothing = world.playbook(workspaces=[], workspace_names=[], workspace_state="absent")
    assert (nothing.code, nothing.changed) == (0, 0), nothing.out
    assert world.instances("demo")

    removed = world.playbook(workspace_state="absent")
    assert removed.code == 0, removed.out
    assert world.instances("demo") == []
    assert volume not in [v["VolumeId"] for v in world.ec2.describe_volumes()["Volumes"]]
    names = [container.name for container in docker.from_env().containers.list(all=True)]
    assert not [name for name in names if ours["InstanceId"] in name]
    assert not list((world.state / "ssh").glob("demo*"))
    pages = world.ec2.describe_instances(InstanceIds=[stranger])
    assert pages["Reservations"][0]["Instances"][0]["State"]["Name"] == "running"
    graph = world.run("ansible-inventory", "-i", str(world.inventory), "--graph").out
    assert "demo" not in graph and stranger not in graph
    again = world.playbook(workspace_state="absent")
    assert (again.code, again.changed) == (0, 0), again.out


@pytest.mark.slow
def test_who_is_idle_stops_and_who_works_does_not(world: RealSandbox) -> None:
    names = ["quiet", "visited", "awake"]
    made = world.playbook(
        workspaces=[{"name": name, "idle_limit": "2m"} for name in names],
        workspace_names=names,
        auto_shutdown_grace="1m",
    )
    assert made.code == 0, made.out
    assert world.ssh("awake", "devcontainer-keep-awake 1h").code == 0
    command = ["ssh", "-F", str(world.state / "ssh" / "config"), "visited", "sleep 3600"]
    visit = subprocess.Popen(command, env=world.env, stdin=subprocess.DEVNULL)
    try:
        waited = world.wait_for_state("quiet", "stopped", 420)
        print(f"quiet stopped itself after {waited:.0f} s")
        time.sleep(75)  # a tick more for each of the others
        for name in ("visited", "awake"):
            (instance,) = world.instances(name)
            why = world.ssh(name, "devcontainer-idle-status").out
            assert instance["State"]["Name"] == "running", why
    finally:
        visit.terminate()
        visit.wait(10)
    world.wait_for_state("visited", "stopped", 420)
    back = world.playbook(workspaces=[{"name": "quiet", "idle_limit": "2m"}], workspace_names=["quiet"])
    assert back.code == 0, back.out
    why = world.ssh("quiet", "tail -n 50 /var/log/devcontainer-cloud/auto-shutdown.jsonl").out
    assert "poweroff" in why
    gone = world.playbook(
        workspaces=[{"name": name} for name in names], workspace_names=names, workspace_state="absent"
    )
    assert gone.code == 0, gone.out

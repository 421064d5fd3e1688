"""The main job on EC2 hosts, and who is idle there."""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.integration.real_clouds import Ec2
from tests.integration.real_sandbox import RealSandbox
from tests.integration.workspace_story import Story

pytestmark = pytest.mark.hosts
CLOUD = Ec2


class TestWorkspace(Story):
    """On EC2."""


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
    command = ["ssh", "-F", str(world.ssh_folder / "config"), "visited", "sleep 3600"]
    visit = subprocess.Popen(command, env=world.env, stdin=subprocess.DEVNULL)
    try:
        waited = world.wait_for_state("quiet", "stopped", 420)
        print(f"quiet stopped itself after {waited:.0f} s")
        time.sleep(75)  # a tick more for each of the others
        for name in ("visited", "awake"):
            why = world.ssh(name, "devcontainer-idle-status").out
            assert world.machine(name).state == "running", why
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

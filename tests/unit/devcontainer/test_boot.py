"""What runs at boot, against the same fakes: the module's record is enough to bring a devcontainer up again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import cli, runner

SCRIPT = Path(__file__).resolve().parents[3] / "roles/devcontainer/files/devcontainer-up"
UID = os.getuid() or 1000


@pytest.fixture
def host(tmp_path):
    """A host on which the module was run, with its state as a function and the boot as another."""
    repo, programs, home = tmp_path / "api", tmp_path / "bin", tmp_path / "home"
    repo.mkdir()
    programs.mkdir()
    (repo / ".devcontainer.json").write_text('{"image": "x"}')
    os.chown(repo, UID, -1)
    text = f"#!{sys.executable}\n{Path(__file__).with_name('fake.py').read_text()}"
    for name in ("docker", "devcontainer"):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    world = programs / "world.json"
    world.write_text(json.dumps({"containers": [], "images": {}, "version": "26.1", "buildx": True, "calls": []}))

    class Host:
        def run(self, state="up"):
            request = runner.Request(str(repo), state, cli=str(programs / "devcontainer"))
            return runner.converge(request, runner.Account("dev", UID, str(home)), {}, cli.Docker(f"{programs}/docker"))

        def boot(self, **change):
            world.write_text(json.dumps({**self.world(), "calls": [], **change}))
            environment = {**os.environ, "HOME": str(home), "PATH": f"{programs}:{os.environ['PATH']}"}
            return subprocess.run(
                [sys.executable, SCRIPT], env=environment, capture_output=True, text=True, timeout=30, check=False
            )

        def world(self):
            return json.loads(world.read_text())

        def ups(self):
            return [call for call in self.world()["calls"] if call[:2] == ["devcontainer", "up"]]

    return Host()


def stopped(host):
    return [{**container, "status": "exited"} for container in host.world()["containers"]]


def test_a_boot_starts_the_same_container_once(host):
    made = host.run()
    done = host.boot(containers=stopped(host))
    assert (done.returncode, done.stderr, len(host.ups())) == (0, "", 1)
    assert host.world()["containers"][0]["status"] == "running"
    assert host.boot().returncode == 0 and host.ups() == []
    again = host.run()
    assert not again["changed"] and again["container_id"] == made["container_id"]


def test_a_removed_container_is_made_and_known_to_the_module(host):
    host.run()
    assert host.boot(containers=[]).returncode == 0
    again = host.run()
    assert not again["changed"] and again["container_id"] == "c2"


def test_what_was_stopped_on_purpose_stays_so(host):
    host.run()
    host.run("stopped")
    assert host.boot().returncode == 0 and host.ups() == []


def test_a_failure_is_said(host):
    host.run()
    done = host.boot(containers=stopped(host), fail="postStart")
    assert done.returncode == 1 and "devcontainer up failed: The postStart failed." in done.stderr

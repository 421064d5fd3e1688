"""Whole runs against a CLI and a Docker that behave like the real ones, their traps included."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import cli, runner
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput, Timeout

UID = os.getuid() or 1000


class Host:
    """A host with one repository."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repo = root / "api"
        self.repo.mkdir()
        (root / "bin").mkdir()
        for name in ("docker", "devcontainer"):
            text = Path(__file__).with_name("fake.py").read_text()
            (root / "bin" / name).write_text(f"#!{sys.executable}\n{text}")
            (root / "bin" / name).chmod(0o755)
        self.set(containers=[], images={}, version="20.10.24+dfsg1", buildx=False, calls=[])
        self.configure(image="base:1", containerEnv={"T": "${localEnv:TOKEN}"})
        if os.getuid() == 0:
            os.chown(self.repo, UID, UID)

    @property
    def world(self):
        return json.loads((self.root / "bin/world.json").read_text())

    def set(self, **values):
        path = self.root / "bin/world.json"
        path.write_text(json.dumps({**(json.loads(path.read_text()) if path.exists() else {}), **values}))

    def configure(self, **said):
        (self.repo / ".devcontainer.json").write_text(json.dumps(said))

    def run(self, state="up", **more):
        request = runner.Request(str(self.repo), state, cli=str(self.root / "bin/devcontainer"), **more)
        account = runner.Account("dev", UID, str(self.root / "home"))
        self.set(calls=[])
        return runner.converge(request, account, {"TOKEN": "s3cret-t0ken"}, cli.Docker(str(self.root / "bin/docker")))

    def ups(self):
        return [call[1:] for call in self.world["calls"] if call[:2] == ["devcontainer", "up"]]

    def record(self):
        (path,) = (self.root / "home/.local/state/devcontainer-cloud").glob("*.json")
        return path, json.loads(path.read_text())


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_up_twice_is_one_up(host):
    made = host.run()
    assert made["changed"] and made["outcome"] == "created" and made["reasons"] == ["there is no container"]
    assert (made["container_id"], made["remote_user"], made["remote_workspace_folder"]) == (
        "c1",
        "vscode",
        "/workspaces/x",
    )
    assert len(host.ups()) == 1
    again = host.run()
    assert not again["changed"] and again["outcome"] == "unchanged" and host.ups() == []
    for key in ("container_id", "remote_user", "remote_workspace_folder", "hash", "log"):
        assert again[key] == made[key]


def test_a_stopped_one_is_started_and_kept(host):
    host.run()
    stopped = host.run("stopped")
    assert stopped["changed"] and stopped["outcome"] == "stopped" and host.record()[1]["wanted"] == ""
    assert not host.run("stopped")["changed"]
    started = host.run()
    assert started["outcome"] == "started" and started["container_id"] == "c1" and host.record()[1]["wanted"] == "up"
    assert "--remove-existing-container" not in host.ups()[0]


def test_an_edit_makes_a_new_container(host):
    before = host.run()
    host.configure(image="base:1", privileged=True)
    after = host.run()
    assert after["outcome"] == "recreated" and ".devcontainer.json" in after["reasons"]
    assert after["container_id"] == "c2" and after["hash"] != before["hash"]
    assert "--remove-existing-container" in host.ups()[0]
    assert not host.run()["changed"]


def test_what_does_not_build_leaves_the_working_container(host):
    host.run()
    host.configure(build={"dockerfile": "Dockerfile"})
    (host.repo / "Dockerfile").write_text("FROM base:1\nRUN false\n")
    host.set(fail="build")
    with pytest.raises(cli.CliError, match="build failed"):
        host.run()
    assert [c["status"] for c in host.world["containers"]] == ["running"] and host.ups() == []
    host.set(fail=None)
    assert host.run()["outcome"] == "recreated"


def test_a_new_base_image_or_cli_makes_a_new_container(host):
    host.set(images={"base:1": "sha256:1"})
    host.run()
    host.set(images={"base:1": "sha256:2"})
    assert host.run()["reasons"] == ["image:base:1"]
    host.set(cli="0.90.0")
    assert host.run()["reasons"] == ["cli:version"]


def test_what_the_run_itself_writes_is_no_change(host):
    host.configure(image="base:1", runArgs=["--env-file", "made.env"])
    host.set(writes={"made.env": "A=1"})
    host.run()
    assert not host.run()["changed"]
    (host.repo / "made.env").write_text("A=2")
    assert host.run()["reasons"] == ["made.env"]


def test_a_failed_hook_is_really_run_again(host):
    host.set(fail="postCreate")
    with pytest.raises(cli.CliError) as caught:
        host.run()
    said = str(caught.value)
    assert "The postCreate failed" in said and "make: no rule" in said and "\n" not in said and "\x1b" not in said
    host.set(fail=None)
    again = host.run()
    assert again["outcome"] == "recreated" and "the last run failed" in again["reasons"]
    assert host.world["containers"][0]["hooks"] == ["postCreate", "postStart"]
    assert not host.run()["changed"]


def test_a_failed_start_is_started_again_and_keeps_the_container(host):
    host.run()
    host.run("stopped")
    host.set(fail="postStart")
    with pytest.raises(cli.CliError):
        host.run()
    host.set(fail=None)
    again = host.run()
    assert (
        again["outcome"] == "started"
        and again["reasons"] == ["the last start failed"]
        and again["container_id"] == "c1"
    )
    assert host.world["containers"][0]["hooks"].count("postStart") == 3
    assert not host.run()["changed"]


def test_a_container_that_never_started_is_made_anew(host):
    host.set(fail="run")
    with pytest.raises(cli.CliError, match="docker run"):
        host.run()
    host.set(fail=None)
    assert "its container never started" in host.run()["reasons"]


def test_another_tools_container_is_not_trusted(host):
    host.run()
    path, _record = host.record()
    path.unlink()
    assert host.run()["reasons"] == ["another tool made its container"]


def test_a_broken_record_is_no_record(host):
    host.run()
    path, _record = host.record()
    path.write_text('{"version": 1, "outc')
    assert host.run()["outcome"] == "recreated"


def test_recreate_and_absent(host):
    host.run()
    assert host.run(recreate=True)["reasons"] == ["it was asked for"]
    gone = host.run("absent")
    assert gone["outcome"] == "removed" and gone["container_id"] == "" and host.world["containers"] == []
    assert not list((host.root / "home/.local/state/devcontainer-cloud").glob("*.json"))
    assert not host.run("absent")["changed"]


def test_absent_needs_no_valid_configuration(host):
    host.run()
    (host.repo / ".devcontainer.json").write_text("{")
    assert host.run("absent")["changed"]


def test_built(host):
    host.run()
    built = host.run("built")
    assert built["outcome"] == "built" and built["image"] == "vsc-x"
    assert not host.run("built")["changed"] and not host.run()["changed"]
    host.configure(image="base:2")
    assert ".devcontainer.json" in host.run("built")["reasons"]
    host.set(images={})
    assert host.run("built")["reasons"] == ["there is no image"]


def test_check_mode_says_and_does_nothing(host):
    said = host.run(check=True)
    assert said["changed"] and said["outcome"] == "created" and host.ups() == []
    assert not (host.root / "home").exists()
    host.run()
    assert not host.run(check=True)["changed"]
    host.configure(image="other")
    said = host.run(check=True)
    assert said["outcome"] == "recreated" and host.ups() == []
    assert ".devcontainer.json: " in said["diff"]["before"] and said["diff"]["before"] != said["diff"]["after"]


def test_check_mode_on_a_host_that_has_nothing(host):
    shutil.rmtree(host.root / "bin")
    (host.root / "bin").mkdir()
    host.set(calls=[])
    assert host.run(check=True)["outcome"] == "created"


def test_secrets_stand_in_no_result_and_in_no_record(host):
    host.set(fail="postCreate")
    os.environ["TOKEN"] = "s3cret-t0ken"
    try:
        with pytest.raises(cli.CliError) as caught:
            host.run()
    finally:
        del os.environ["TOKEN"]
    assert "s3cret" not in str(caught.value) and "token=***" in str(caught.value)
    path, _record = host.record()
    assert "s3cret" not in path.read_text()
    for file in (path, path.with_suffix(".log")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_record_brings_it_up_at_boot_with_the_same_flags(host):
    host.run()
    _path, record = host.record()
    (called,) = host.ups()
    assert record["remote_env"] == {"APP": "x"}
    assert record["up"] == [str(host.root / "bin/devcontainer"), *called]
    assert record["environment"] == host.world["environment"] and record["environment"]["DOCKER_BUILDKIT"] == "1"


def test_the_withdrawn_features_are_not_asked_for_and_copies_are_removed(host):
    copies = host.root / "home/.cache/devcontainer-cloud/devcontainercli-dev/container-features/x"
    copies.mkdir(parents=True)
    host.run()
    manifest = copies.parents[1] / "control-manifest.json"
    assert json.loads(manifest.read_text()) == {"disallowedFeatures": [], "featureAdvisories": []}
    assert manifest.stat().st_mtime > time.time() + 1e8
    assert not copies.parent.exists()


def test_a_lock_in_the_repository_is_held_to(host):
    host.run()
    assert "--no-lockfile" in host.ups()[0]
    (host.repo / ".devcontainer-lock.json").write_text("{}")
    host.run()
    assert "--frozen-lockfile" in host.ups()[0] and "--no-lockfile" not in host.ups()[0]


def test_too_slow(host):
    host.set(slow=30)
    started = time.monotonic()
    with pytest.raises(cli.CliError, match="did not end within timeout"):
        host.run(timeout=2)
    assert time.monotonic() - started < 15
    host.set(slow=0)
    assert host.run()["outcome"] == "recreated"


def test_one_at_a_time_on_a_host(host):
    lock = str(host.root / "bin/devcontainer")
    with runner.lock(lock, 1), pytest.raises(Timeout, match="another devcontainer run"):
        host.run(timeout=0.5)
    assert host.run()["changed"]


def test_the_lock_outlives_a_killed_run_as_long_as_the_cli(host):
    lock = str(host.root / "bin/devcontainer")
    with runner.lock(lock, 1) as held:
        process = subprocess.Popen(["sleep", "60"], pass_fds=(held,))
    try:
        with pytest.raises(Timeout), runner.lock(lock, 0.3):
            pass
    finally:
        process.kill()
        process.wait()
    with runner.lock(lock, 1):
        pass


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"uid": 0}, "runs as root"),
        ({"uid": UID + 1}, "does not belong to dev"),
    ],
)
def test_the_account_must_own_the_folder(host, change, sentence):
    account = dataclasses.replace(runner.Account("dev", UID, "/x"), **change)
    with pytest.raises(InvalidInput, match=sentence):
        runner.validate(runner.Request(str(host.repo)), account)


def test_what_is_wrong_is_said_before_anything_is_called(host):
    (host.repo / ".devcontainer.json").write_text('{"image": "x"')
    with pytest.raises(InvalidInput, match="line 1, column 14"):
        host.run()
    assert host.world["calls"] == []
    with pytest.raises(InvalidInput, match="there is no folder"):
        runner.converge(runner.Request("/nowhere"), runner.Account("dev", UID, "/x"), {}, cli.Docker())

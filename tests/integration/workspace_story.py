"""The main job on real hosts, as its user sees it: one story in the order of the file, told of every cloud."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time

import docker

from tests.integration.real_sandbox import RealSandbox, Run

HOOKS = ["initialize", "onCreate", "updateContent", "postCreate", "postStart"]


class Story:
    """A test file says which cloud: ``CLOUD``, for the fixture ``world``; and marks itself `hosts`."""

    def test_check_mode_says_what_would_be_made_and_makes_nothing(self, world: RealSandbox) -> None:
        checked = world.playbook("--check", "--diff")
        assert checked.code == 0, checked.out
        assert "steps:      create (not done: check mode)" in checked.out
        assert world.kind.created in checked.out.replace('"', "")
        assert world.cloud.machines("demo") == []
        assert not list(world.ssh_folder.glob("demo*"))

    def test_a_limit_is_refused_with_the_way_out(self, world: RealSandbox) -> None:
        refused = world.playbook("--limit", "localhost")
        assert refused.code != 0
        assert "--limit localhost cannot choose workspaces" in refused.out

    def test_what_is_no_description_is_refused_in_a_sentence(self, world: RealSandbox) -> None:
        for wrong in ("demo", ["demo"], [{"owner": "ada"}]):
            refused = world.playbook(workspaces=wrong)
            assert refused.code != 0
            assert "workspaces: give a list of dicts, each with a name" in " ".join(refused.out.split()), refused.out
        refused = world.playbook(workspace_names=["demo", "nope"])
        assert "workspace_names: nope is none of those" in " ".join(refused.out.split()), refused.out
        assert world.cloud.machines("demo") == []

    def test_the_first_run_ends_with_a_workspace(self, first: Run) -> None:
        assert first.code == 0, first.out
        for line in (
            "demo is running (",
            "host:       ssh -F ",
            "container:  ssh -F ",
            "editor:     vscode://",
            "cloud ",
            "ours ",
        ):
            assert line in first.out, first.out
        # Half a minute at most is what is promised; two stories at once on two cores are no place to measure it.
        print(f"first run: {first.seconds:.0f} s, silent for {first.silence:.0f} s at most")
        assert first.silence < 120, f"nothing moved for {first.silence:.0f} s"

    def test_the_host_answers_by_name_with_a_known_key(self, world: RealSandbox, first: Run) -> None:
        answer = world.ssh("demo", "id -un; sudo -n id -un; systemctl is-system-running")
        assert answer.out.split() == ["dev", "root", "running"]

    def test_another_host_key_is_refused(self, world: RealSandbox, first: Run, tmp_path) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
        other = tmp_path / "known_hosts"
        other.write_text(f"{world.machine('demo').id} {(tmp_path / 'other.pub').read_text()}")
        refused = world.ssh("demo", "true", "-o", f"UserKnownHostsFile={other}")
        assert refused.code == 255
        assert "Host key verification failed" in refused.out

    def test_the_container_answers_by_name_and_the_hooks_ran_once(self, world: RealSandbox, first: Run) -> None:
        answer = world.ssh(
            "demo.devcontainer", "id -un; pwd; touch written && rm written && echo writable; cat .hooks.log"
        )
        assert answer.code == 0, answer.out
        user, folder, writable, *hooks = answer.out.split()
        assert (user, folder, writable) == ("vscode", "/workspaces/features-app", "writable")
        assert [hook for hook in hooks if hook != "postAttach"] == HOOKS
        assert world.ssh("demo.devcontainer", "hello").code == 0, "the local Feature is not there"
        assert world.ssh("demo.devcontainer", "exit 7").code == 7

    def test_a_forwarded_port_is_the_containers_own(self, world: RealSandbox, first: Run) -> None:
        listen = 'Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 8123, ReuseAddr => 1'
        serve = (
            f"perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new({listen}) or die;"
            " $c = $s->accept; print $c `hostname`; close $c'"
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = ["ssh", "-F", str(world.ssh_folder / "config"), "-o", "ExitOnForwardFailure=yes"]
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

    def test_the_inventory_shows_it_in_its_groups_and_reaches_it(self, world: RealSandbox, first: Run) -> None:
        graph = world.run("ansible-inventory", "-i", str(world.inventory), "--graph").out
        for group in world.kind.groups:
            assert f"@{group}:" in graph, graph
        assert "|--demo" in graph
        ping = world.run("ansible", "-i", str(world.inventory), "state_running", "-m", "ansible.builtin.ping")
        assert ping.code == 0 and "pong" in ping.out, ping.out

    def test_what_a_role_is_told_is_checked_before_the_first_changes_anything(
        self, world: RealSandbox, first: Run
    ) -> None:
        refused = world.playbook(auto_shutdown_idle_limit="soon", hardening_sshd_options={"LogLevel": "DEBUG"})
        assert refused.code != 0 and refused.changed == 0, refused.out
        assert "auto_shutdown_idle_limit: soon is no duration" in " ".join(refused.out.split()), refused.out

    def test_a_second_run_changes_nothing(self, world: RealSandbox, first: Run) -> None:
        second = world.playbook()
        assert second.code == 0, second.out
        assert second.changed == 0, second.out
        print(f"second run: {second.seconds:.1f} s")

    def test_a_check_after_the_run_changes_nothing_either(self, world: RealSandbox, first: Run) -> None:
        checked = world.playbook("--check")
        assert (checked.code, checked.changed) == (0, 0), checked.out

    def test_parked_and_started_it_comes_back_with_its_disk_and_devcontainer(
        self, world: RealSandbox, first: Run
    ) -> None:
        before = world.machine("demo")
        world.ssh("demo.devcontainer", "echo kept > kept")
        for state, said in world.kind.parked.items():
            parked = world.playbook(workspace_state=state)
            assert parked.code == 0, parked.out
            assert world.machine("demo").state == said
            again = world.playbook()
            assert again.code == 0, again.out
            assert world.machine("demo") == before, f"another one came back from {state}"
            answer = world.ssh("demo.devcontainer", "cat kept; grep -c postCreate .hooks.log")
            assert answer.out.split() == ["kept", "1"]

    def test_a_poweroff_in_the_guest_stops_the_instance_and_a_start_needs_no_ansible(
        self, world: RealSandbox, first: Run
    ) -> None:
        before = world.machine("demo")
        world.ssh("demo", "sudo systemctl poweroff")
        world.wait_for_state("demo", world.kind.parked["stopped"], 60)
        world.cloud.start(world.machine("demo"))
        world.wait_for_state("demo", before.state, 60)
        # On the host first: the door into the container would start it by itself.
        world.wait_for_door("demo", "docker ps --quiet | grep .", 120)
        assert world.wait_for_door("demo.devcontainer", "cat kept", 60).out.split()[-1] == "kept"

    def test_the_sandbox_survives_being_killed(self, world: RealSandbox, first: Run) -> None:
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

    def test_an_up_that_is_killed_is_finished_by_the_next(self, world: RealSandbox, first: Run) -> None:
        half = subprocess.Popen(
            ["python", "-m", "tests.sandbox", "up"], env=world.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(1.0)
        half.kill()
        half.wait()
        assert world.sandbox("up").code == 0
        assert world.sandbox("status").code == 0

    def test_absent_removes_everything_of_ours_and_nothing_else(self, world: RealSandbox, first: Run) -> None:
        cloud = world.cloud
        stranger = cloud.stranger()
        ours = world.machine("demo")
        assert ours.disk in cloud.disks()

        nothing = world.playbook(workspaces=[], workspace_names=[], workspace_state="absent")
        assert (nothing.code, nothing.changed) == (0, 0), nothing.out
        assert cloud.machines("demo") == [ours]

        removed = world.playbook(workspace_state="absent")
        assert removed.code == 0, removed.out
        assert cloud.machines("demo") == []
        assert ours.disk not in cloud.disks()
        names = [container.name for container in docker.from_env().containers.list(all=True)]
        assert not [name for name in names if ours.id in name]
        assert not list(world.ssh_folder.glob("demo*"))
        assert cloud.runs(stranger)
        graph = world.run("ansible-inventory", "-i", str(world.inventory), "--graph").out
        assert "demo" not in graph and stranger not in graph
        again = world.playbook(workspace_state="absent")
        assert (again.code, again.changed) == (0, 0), again.out

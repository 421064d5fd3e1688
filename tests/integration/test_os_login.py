"""OS Login's guest side on a real host, as those see it who log in: one story in the order of the file."""

from __future__ import annotations

import subprocess
import time
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.integration.os_login_host import Account, Host, Metadata
from tests.integration.tools import Ansible, Result

pytestmark = [pytest.mark.hosts, pytest.mark.slow]
ADA = "ext_ada_example_com"
FILES = "/etc/nsswitch.conf /etc/pam.d/sshd /etc/ssh/sshd_config"


def _key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return path


def _public(key: Path) -> str:
    return key.with_suffix(".pub").read_text().strip()


class World:
    """The host, who may use it, and Ansible."""

    def __init__(self, family: str, folder: Path) -> None:
        self.root, self.ada_key, self.other = (_key(folder / name) for name in ("root", "ada", "other"))
        self.metadata = Metadata()
        self.ada = Account(ADA, "ada@example.com", 123456, {_public(self.ada_key): 0}, {"login"}, code="123456")
        self.metadata.accounts.append(self.ada)
        self.host = Host(family, self.root, self.metadata)
        self._ansible = Ansible(folder, {})
        #: Root is to go on getting in, since it is who these tests log in as.
        self.sshd: dict[str, t.Any] = {"PermitRootLogin": "prohibit-password"}
        self.before = self.host.run(f"cat {FILES}")

    def roles(self, *roles: str, check: bool = False, **variables: t.Any) -> Result:
        """A play of these roles."""
        variables.update(hardening_security_updates=False, hardening_sshd_options=self.sshd)
        inventory = self._ansible._file(self.host.inventory, ".inventory.yml")
        play = {
            "hosts": "all",
            "gather_facts": False,
            "tasks": [
                {"ansible.builtin.import_role": {"name": f"devcontainer.cloud.{role}"}, "name": role} for role in roles
            ],
        }
        return self._ansible.playbook(yaml.safe_dump([play]), variables, "-i", str(inventory), check=check, timeout=600)

    def login(self, command: str = "true", key: Path | None = None, user: str = ADA, code: str = "") -> tuple[int, str]:
        return self.host.ssh(user, key or self.ada_key, command, code)

    def close(self) -> None:
        self.metadata.stop()
        self.host.close()


@pytest.fixture(scope="module", params=["debian-12", "debian-13"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[World]:
    made = World(request.param, tmp_path_factory.mktemp("os_login"))
    yield made
    made.close()


def changed(result: Result) -> list[str]:
    """The tasks that changed something."""
    return [task["task"] for task in result.ok().tasks if task.get("changed")]


def test_a_check_of_a_fresh_host_changes_nothing(world: World) -> None:
    checked = world.roles("os_login", check=True)
    assert "Who there is, who gets in, and who may use sudo" in " ".join(changed(checked))
    assert world.host.run(f"cat {FILES}") == world.before
    assert "os-login" not in world.host.run("ls /etc/ssh/sshd_config.d /etc/tmpfiles.d")


def test_hardening_before_and_after_it(world: World) -> None:
    assert changed(world.roles("hardening"))
    assert world.login()[0] == 255
    assert changed(world.roles("os_login"))
    world.sshd["MaxAuthTries"] = 3
    assert changed(world.roles("hardening"))
    assert changed(world.roles("hardening", "os_login")) == []
    said = world.host.run("sshd -T | grep -E '^(authorizedkeyscommand|maxauthtries|passwordauth)' | sort").splitlines()
    assert said == [
        "authorizedkeyscommand /usr/bin/google_authorized_keys",
        "authorizedkeyscommanduser root",
        "maxauthtries 3",
        "passwordauthentication no",
    ]


def test_a_key_that_only_google_knows_gets_in_and_finds_a_home(world: World) -> None:
    world.metadata.asked.clear()
    code, said = world.login('id -un; echo "$HOME"; stat -c %a "$HOME"')
    assert (code, said.splitlines()[-3:]) == (0, [ADA, f"/home/{ADA}", "700"]), said
    assert f"users?username={ADA}" in world.metadata.asked
    assert "authorize?email=ada@example.com&policy=login" in world.metadata.asked
    assert world.host.run(f"grep -c {ADA} /etc/passwd || true") == "0"


def test_sudo_is_for_those_whom_iam_lets(world: World) -> None:
    assert world.login("sudo -n id -un")[0] == 1
    world.ada.policies.add("adminLogin")
    assert world.login("sudo -n id -un") == (0, "root")
    world.ada.policies.remove("adminLogin")
    assert world.login("sudo -n id -un")[0] == 1


def test_what_iam_takes_is_gone_at_the_next_login(world: World) -> None:
    world.ada.policies.clear()
    assert world.login()[0] == 255
    world.ada.policies.add("adminLogin")  # without login
    assert world.login()[0] == 255
    world.ada.policies = {"login"}
    assert world.login()[0] == 0


def test_nothing_else_opens_the_door(world: World) -> None:
    assert world.login(key=world.other)[0] == 255
    assert world.login(user="ext_eve_example_com")[0] == 255
    code, said = world.host.ssh(ADA, world.other, "true", "123456", "-o", "PreferredAuthentications=password")
    assert (code, "Permission denied (publickey)" in said) == (255, True), said


def test_a_key_gets_in_until_its_end(world: World) -> None:
    world.ada.keys[_public(world.other)] = time.time() - 5
    assert world.login(key=world.other)[0] == 255
    world.ada.keys[_public(world.other)] = time.time() + 600
    assert world.login(key=world.other)[0] == 0
    del world.ada.keys[_public(world.other)]


def test_without_an_answer_only_the_machines_own_accounts_get_in(world: World) -> None:
    world.metadata.silent = True
    try:
        assert world.login()[0] == 255
        assert world.login(user="root", key=world.root)[0] == 0
    finally:
        world.metadata.silent = False
    assert world.login()[0] == 0


def test_a_second_factor(world: World) -> None:
    assert changed(world.roles("os_login", os_login_2fa=True))
    assert changed(world.roles("hardening", "os_login", os_login_2fa=True)) == []
    assert world.login()[0] == 255
    assert world.login(code="654321")[0] == 255
    code, said = world.login("id -un", code="123456")
    assert (code, said.splitlines()[-1]) == (0, ADA), said
    assert world.login(user="root", key=world.root)[0] == 0
    assert world.login(key=world.other, code="123456")[0] == 255


def test_who_would_lock_out_the_run_itself_changes_nothing(world: World) -> None:
    now = f"cat {FILES} /etc/ssh/sshd_config.d/*"
    before = world.host.run(now)
    refused = world.roles("os_login", os_login_2fa=True, os_login_2fa_exempt=[])
    assert refused.rc != 0
    assert "no new connection got into host, so the former files were put back" in refused.output
    assert world.host.run(now) == before
    assert world.login(user="root", key=world.root)[0] == 0


def test_what_sshd_does_not_reload_with_changes_nothing(world: World) -> None:
    now = "cat /etc/ssh/sshd_config.d/*"
    world.host.run("echo Nonsense yes > /etc/ssh/sshd_config.d/50-theirs.conf")
    before = world.host.run(now)
    sshd, world.sshd = world.sshd, {**world.sshd, "MaxAuthTries": 2}
    refused = world.roles("hardening")
    world.sshd = sshd
    assert refused.rc != 0
    assert "sshd did not reload on host, so the former files were put back" in refused.output
    assert world.host.run(now) == before
    world.host.run("rm /etc/ssh/sshd_config.d/50-theirs.conf")
    assert world.login(user="root", key=world.root)[0] == 0


def test_it_goes_without_a_trace(world: World) -> None:
    gone = world.roles("os_login", os_login_state="absent")
    assert changed(gone)
    assert world.host.run(f"cat {FILES}") == world.before
    assert world.host.run("ls -d /var/google* /etc/sudoers.d/google* 2>/dev/null || true") == ""
    assert "oslogin" not in world.host.run("dpkg -l")
    assert world.login()[0] == 255
    assert world.login(user="root", key=world.root)[0] == 0
    assert changed(world.roles("os_login", os_login_state="absent")) == []


def test_an_image_that_has_it_gets_no_line_twice(world: World) -> None:
    theirs = "account [success=ok default=ignore] pam_oslogin_admin.so"
    world.host.run(
        f"echo '{theirs}' >> /etc/pam.d/sshd; sed -i '/^passwd:/ s/$/ cache_oslogin oslogin/' /etc/nsswitch.conf"
    )
    checked = world.roles("os_login", check=True).ok()
    files = next(task["files"] for task in checked.tasks if task["task"].endswith("who may use sudo"))
    assert "/etc/pam.d/sshd" not in files
    assert "/etc/ssh/sshd_config.d/10-devcontainer-cloud-os-login.conf" in files

"""The role gcsfuse with a real FUSE mount, a real server and a container, on one host: a story in the file's order."""

from __future__ import annotations

import json
import subprocess
import time
import typing as t
from pathlib import Path

import docker
import pytest

from tests.integration.tools import Ansible, Result
from tests.sandbox import gcsfuse, images
from tests.sandbox.gcsfuse import archive
from tests.sandbox.gcsfuse.peers import Peer, Storage
from tests.sandbox.hosts import CAPABILITIES, remove

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

DATA, MODELS = "/srv/gcs/data", "/srv/gcs/models-v1"
UNIT = "gcsfuse-srv-gcs-data.service"
# systemd makes / shared on a machine, and leaves it as it is in a container.
SHARED = """[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=mount --make-rshared /
[Install]
WantedBy=sysinit.target
"""


class World:
    """A host with the account dev, the two servers, and ansible-playbook for the role."""

    def start(self, folder: Path) -> None:
        self.folder = folder
        self.programs = gcsfuse.build()
        engine = docker.from_env()
        self.container = engine.containers.create(
            images.image(engine, images.host("debian-12")),
            ["/lib/systemd/systemd", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"],
            labels={"devcontainer-cloud-test": "gcsfuse"},
            cap_add=CAPABILITIES,
            security_opt=["seccomp=unconfined", "apparmor=unconfined"],
            cgroupns="host",
            tmpfs={"/run": "exec", "/run/lock": ""},
            volumes={"/sys/fs/cgroup": {"bind": "/sys/fs/cgroup", "mode": "rw"}},
            mounts=[docker.types.Mount("/var/lib/docker", None, type="volume")],
            devices=["/dev/fuse"],
            stop_signal="SIGRTMIN+4",
        )
        self.engine = engine
        self.container.start()
        self.container.reload()
        gateway = self.container.attrs["NetworkSettings"]["Gateway"]
        self.served = folder / "served"
        self.served.mkdir()
        self.peer = Peer(self.served, gateway)
        self.storage = Storage(self.programs.server, gateway, 4543, folder / "storage.log")
        (folder / "ansible").mkdir()
        self.ansible = Ansible(folder / "ansible", {"ANSIBLE_HOST_KEY_CHECKING": "false"})
        self._prepare()

    def _prepare(self) -> None:
        key = self.folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        public = key.with_suffix(".pub").read_text()
        self.sh(f"mkdir -p -m 700 /root/.ssh; echo '{public.strip()}' > /root/.ssh/authorized_keys; ssh-keygen -A")
        self.sh(f"printf '{SHARED}' > /etc/systemd/system/shared.service; systemctl enable --now shared ssh")
        self.sh("useradd -m -u 1500 dev; useradd -m -u 1600 other")

    def sh(self, command: str, user: str = "root", fails: bool = False) -> str:
        """What a command on the host prints; a failure is one of the test unless it ``fails``."""
        done = self.container.exec_run(["sh", "-c", command], user=user)
        text = str(done.output.decode(errors="replace"))
        assert (done.exit_code != 0) == fails, f"{command}: {done.exit_code}: {text}"
        return text

    def role(self, *mounts: dict[str, t.Any], check: bool = False, **variables: t.Any) -> Result:
        """The role with these mounts on the host."""
        self.container.reload()
        inventory = {"all": {"hosts": {"host": {"ansible_host": self.container.attrs["NetworkSettings"]["IPAddress"]}}}}
        file = self.folder / "inventory.json"
        file.write_text(json.dumps(inventory))
        play = self.folder / "ansible" / "play.yml"
        play.write_text("- {hosts: all, gather_facts: false, roles: [devcontainer.cloud.gcsfuse]}\n")
        given = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.folder / "key"),
            "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null",
            "ansible_python_interpreter": "/usr/bin/python3",
            "gcsfuse_mounts": list(mounts),
            "gcsfuse_user": "dev",
            "gcsfuse_endpoint": self.storage.url,
            "gcsfuse_anonymous": True,
            "gcsfuse_url": f"{self.peer.url}/gcsfuse",
            "gcsfuse_sha256": self.digest,
            **variables,
        }
        return self.ansible.playbook(play, given, "-i", str(file), check=check, timeout=300)

    @property
    def digest(self) -> str:
        return subprocess.run(["sha256sum", self.programs.gcsfuse], capture_output=True, text=True, check=True).stdout[
            :64
        ]

    def reboot(self) -> None:
        """Off and on again; systemd has to come to its end by itself."""
        self.container.stop(timeout=120)
        self.container.reload()
        assert self.container.attrs["State"]["ExitCode"] != 137, "killed: a mount held the shutdown up"
        self.container.start()
        self.until("systemctl is-active multi-user.target", 60)

    def until(self, command: str, seconds: float) -> str:
        """The first good answer of a command on the host."""
        until = time.monotonic() + seconds
        while True:
            done = self.container.exec_run(["sh", "-c", command])
            if done.exit_code == 0:
                return str(done.output.decode())
            assert time.monotonic() < until, f"{command}: {done.output.decode()}"
            time.sleep(0.2)

    def close(self) -> None:
        remove(self.engine, self.container.id)
        for server in ("peer", "storage"):
            if hasattr(self, server):
                getattr(self, server).stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[World]:
    world = World()
    try:
        world.start(tmp_path_factory.mktemp("gcsfuse"))
        world.storage.make("team-data")
        world.storage.put("team-data", "in/api.txt", b"from the API")
        world.storage.put("team-data", "models/big.bin", bytes(range(256)) * 4096)
        (world.served / "gcsfuse").symlink_to(world.programs.gcsfuse)
        yield world
    finally:
        if hasattr(world, "container"):
            world.close()


def data(**more: t.Any) -> dict[str, t.Any]:
    """The writable mount; what is known of objects is asked for each time, so that a test need not wait."""
    return {"bucket": "team-data", "path": DATA, "metadata_ttl": 0, "negative_ttl": 0, **more}


def models(**more: t.Any) -> dict[str, t.Any]:
    return {
        **{"bucket": "team-data", "path": MODELS, "only_dir": "models", "read_only": True, "file_cache_mb": 64},
        **more,
    }


def named(result: Result, name: str) -> dict[str, t.Any]:
    """What the role's task of this name returned."""
    return result[f"devcontainer.cloud.gcsfuse : {name}"]


def changed(result: Result) -> list[str]:
    """Names of the tasks that changed something."""
    return [task["task"].rpartition(" : ")[2] for task in result.tasks if task.get("changed")]


def test_a_check_of_a_fresh_host_says_what_would_be_and_does_nothing(world: World) -> None:
    checked = world.role(data(), models(), check=True).ok()
    assert named(checked, "Look at the mounts")["mounted"] == [DATA, MODELS]
    assert "Look at the mounts" in changed(checked)
    world.sh("test -e /etc/gcsfuse || test -e /srv/gcs || test -e /usr/local/bin/gcsfuse", fails=True)


def test_what_cannot_be_is_refused_before_anything_is_installed(world: World) -> None:
    world.sh("mkdir -p /srv/full && echo precious > /srv/full/file && ln -s /srv/full /srv/link")
    for mount, said in (
        (data(path="/srv/full"), "mounts: /srv/full holds files, which a mount would hide"),
        (data(path="/srv/link/data"), "mounts: /srv/link/data leads through a symbolic link to /srv/full/data"),
        (data(path="/srv/full/file"), "mounts: /srv/full/file is no folder"),
        (data(user="nobody-here"), "mounts: there is no account nobody-here for /srv/gcs/data; make it first"),
    ):
        refused = world.role(mount, models())
        assert refused.rc == 2 and said in refused.output, refused.output
    refused = world.role(data(), gcsfuse_anonymous=False, gcsfuse_key_file="/root/none.json")
    assert "key_file: there is no file /root/none.json" in refused.output
    world.sh("test -e /etc/gcsfuse || test -e /usr/local/bin/gcsfuse", fails=True)
    assert world.sh("cat /srv/full/file") == "precious\n"


def test_two_folders_of_a_bucket_are_mounted(world: World) -> None:
    made = world.role(data(), models()).ok()
    assert changed(made) == ["Install what mounts, and what a file needs", "Fetch gcsfuse", "Mount"]
    assert "fuse.gcsfuse" in world.sh(f"findmnt -n -o FSTYPE {DATA}")
    assert world.sh(f"stat -c '%U %a' {DATA}/in/api.txt {DATA}/in") == "dev 644\ndev 755\n"


def test_a_second_run_changes_nothing_with_one_execution(world: World) -> None:
    again = world.role(data(), models()).ok()
    assert changed(again) == []
    ran = [task["task"].rpartition(" : ")[2] for task in again.tasks if task["kind"] != "skipped"]
    # The other two are answered by ansible itself.
    assert [task for task in ran if not task.startswith("Validating")] == ["Check the options", "Look at the mounts"]


def test_bytes_go_both_ways_as_the_account(world: World) -> None:
    assert world.sh(f"cat {DATA}/in/api.txt", user="dev") == "from the API"
    world.sh(f"mkdir -p {DATA}/out && echo from dev > {DATA}/out/file", user="dev")
    assert world.storage.get("team-data", "out/file") == b"from dev\n"
    world.sh(f"echo no > {DATA}/out/other", user="other", fails=True)
    assert world.sh(f"cat {DATA}/out/file", user="other") == "from dev\n"
    assert world.storage.get("team-data", "out/other") is None


def test_one_folder_read_only_and_cached_on_the_disk(world: World) -> None:
    assert world.sh(f"ls {MODELS}") == "big.bin\n"
    assert "Read-only" in world.sh(f"touch {MODELS}/new", user="dev", fails=True)
    world.sh(f"cat {MODELS}/big.bin > /dev/null && du -s /var/cache/gcsfuse/srv-gcs-models--v1")
    assert "big.bin" in world.until("find /var/cache/gcsfuse -type f | grep big.bin", 20)
    assert world.sh("stat -c %a /var/cache/gcsfuse/srv-gcs-models--v1") == "700\n"


def test_a_container_has_it_through_the_folder_above(world: World) -> None:
    world.sh(
        "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "
        "docker.io busybox-static psmisc"
    )
    world.sh(
        "mkdir -p /t/bin && cp /bin/busybox /t/bin && for a in sh cat sleep id; do ln -s busybox /t/bin/$a; done "
        "&& tar -C /t -c . | docker import - box"
    )
    world.sh(
        "docker run -d --name work --restart always -u 1500:1500 "
        "--mount type=bind,source=/srv/gcs,target=/srv/gcs,bind-propagation=rslave box sleep 100000"
    )
    assert world.sh(f"docker exec work cat {DATA}/in/api.txt") == "from the API"
    world.sh(f"docker exec work sh -c 'echo from a container > {DATA}/out/container'")
    assert world.storage.get("team-data", "out/container") == b"from a container\n"


def test_a_mount_in_use_is_left_as_it_is(world: World) -> None:
    world.sh(f"docker exec -d work sh -c 'exec 3> {DATA}/held; exec sleep 1000'")
    world.until("docker exec work sh -c 'cat /proc/*/cmdline' | tr '\\0' ' ' | grep -q 'sleep 1000 '", 10)
    before = world.sh("cat /etc/gcsfuse/srv-gcs-data.yaml")
    refused = world.role(data(file_mode="0664"), models())
    assert refused.rc == 2 and f"mounts: {DATA} is in use, so everything was left as it is" in refused.output
    assert world.sh("cat /etc/gcsfuse/srv-gcs-data.yaml") == before
    assert world.sh(f"docker exec work cat {DATA}/in/api.txt") == "from the API"
    world.sh("docker exec work sh -c 'kill $(busybox pgrep -f \"sleep 1000$\")' || pkill -fx 'sleep 1000'")


def test_other_options_reach_the_container_that_runs(world: World) -> None:
    world.until("! pgrep -fx 'sleep 1000'", 10)
    made = world.role(data(file_mode="0664"), models()).ok()
    assert (named(made, "Mount")["unmounted"], named(made, "Mount")["mounted"]) == ([DATA], [DATA])
    assert world.sh(f"stat -c %a {DATA}/in/api.txt") == "664\n"
    assert world.sh(f"docker exec work cat {DATA}/in/api.txt") == "from the API"


def test_a_gcsfuse_that_dies_comes_back_here_and_in_the_container(world: World) -> None:
    world.sh(f"systemctl kill --signal=KILL {UNIT}")
    world.until(f"systemctl is-active {UNIT} && mountpoint -q {DATA}", 30)
    world.sh(f"docker exec work sh -c 'echo again > {DATA}/out/again'")
    assert world.storage.get("team-data", "out/again") == b"again\n"


def test_a_reboot_brings_it_back_before_the_containers(world: World) -> None:
    world.reboot()
    world.until("docker exec work sh -c 'cat /srv/gcs/data/out/again'", 60)
    world.sh(f"docker exec work sh -c 'echo after > {DATA}/out/reboot'")
    assert world.storage.get("team-data", "out/reboot") == b"after\n"
    assert changed(world.role(data(file_mode="0664"), models()).ok()) == []


def test_without_the_mount_nobody_writes_into_the_folder_beneath(world: World) -> None:
    world.sh(f"systemctl stop {UNIT}")
    world.sh(f"echo lost > {DATA}/file", user="dev", fails=True)
    assert changed(world.role(data(file_mode="0664"), models()).ok()) == ["Mount"]
    world.sh(f"echo kept > {DATA}/file", user="dev")


def test_an_instance_and_a_key_each_get_a_token(world: World) -> None:
    world.peer.tokens.clear()
    environment = {"GCE_METADATA_HOST": world.peer.host}
    world.role(data(), gcsfuse_anonymous=False, gcsfuse_environment=environment).ok()
    assert world.sh(f"cat {DATA}/in/api.txt") == "from the API"
    assert set(world.peer.tokens) == {"instance"}

    private = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA"], capture_output=True, text=True, check=True
    ).stdout
    key = {"type": "service_account", "client_email": "a@test", "private_key": private, "token_uri": world.peer.url}
    (world.served / "key.json").write_text(json.dumps({**key, "private_key_id": "1", "project_id": "test"}))
    fetch = f"import urllib.request as u; print(u.urlopen('{world.peer.url}/key.json').read().decode())"
    world.sh(f'umask 022; python3 -c "{fetch}" > /root/key.json')
    refused = world.role(data(), gcsfuse_anonymous=False, gcsfuse_key_file="/root/key.json")
    assert "others than its owner may use /root/key.json; chmod 600 it" in refused.output
    world.sh("chmod 600 /root/key.json")
    world.peer.tokens.clear()
    world.role(data(), gcsfuse_anonymous=False, gcsfuse_key_file="/root/key.json").ok()
    assert world.sh(f"cat {DATA}/in/api.txt") == "from the API"
    assert set(world.peer.tokens) == {"key"}


def test_a_mount_that_fails_says_why(world: World) -> None:
    failed = world.role(data(options={"file-cache": {"max-size-mb": -7}}))
    assert failed.rc == 2 and f"mounts: {DATA} could not be mounted" in failed.output
    assert "max-size-mb" in failed.output, failed.output
    world.role(data()).ok()


def test_absent_unmounts_and_deletes_nothing_in_the_bucket(world: World) -> None:
    gone = world.role({"path": DATA, "state": "absent"}, {"path": MODELS, "state": "absent"}).ok()
    assert named(gone, "Mount")["removed"] == [DATA, MODELS]
    places = "/etc/gcsfuse/* /etc/systemd/system/gcsfuse-* /var/cache/gcsfuse/*"
    assert world.sh(f"ls -d {places} 2>/dev/null; true") == ""
    assert "gcsfuse" not in world.sh("cat /proc/self/mounts; systemctl list-units --all --plain 'gcsfuse*' --no-legend")
    assert world.storage.get("team-data", "out/reboot") == b"after\n"
    assert changed(world.role({"path": DATA, "state": "absent"}).ok()) == []


def test_the_repository_counts_only_with_a_known_key(world: World) -> None:
    other, signer = archive.make(world.served, world.programs.gcsfuse, "gcsfuse-bookworm")
    apt = {
        "gcsfuse_url": "",
        "gcsfuse_apt_url": world.peer.url,
        "gcsfuse_apt_key_url": f"{world.peer.url}/key.gpg",
    }
    refused = world.role(data(), **apt)
    assert refused.rc == 2 and "gcsfuse_apt_key_fingerprints:" in refused.output and signer in refused.output
    refused = world.role(data(), **apt, gcsfuse_apt_key_fingerprints=[other])
    assert refused.rc == 2 and "NO_PUBKEY" in refused.output, refused.output
    assert f"gcsfuse could not be installed from {world.peer.url}, which was taken out again" in refused.output
    world.sh("test -e /usr/bin/gcsfuse || ls /etc/apt/sources.list.d/devcontainer*", fails=True)
    known = {**apt, "gcsfuse_apt_key_fingerprints": [signer], "gcsfuse_version": archive.VERSION}
    world.role(data(), **known).ok()
    assert world.sh(f"cat {DATA}/in/api.txt", user="dev") == "from the API"
    assert "ExecStart=/usr/bin/gcsfuse" in world.sh(f"systemctl cat {UNIT}")
    assert changed(world.role(data(), **known).ok()) == []

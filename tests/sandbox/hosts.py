"""Hosts as containers that run systemd: an instance's machine, as far as a container can be one.

Not like a machine: /proc/uptime and the kernel are the outer machine's, /proc/sys is read-only, there are no modules.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import time
import typing as t
from pathlib import Path

import docker
import docker.errors
from docker.types import Mount

from tests.sandbox import cgroups, images, network, seed, settings
from tests.sandbox.errors import SandboxError
from tests.sandbox.host import Host, HostError

#: What systemd, an inner Docker engine and an administrator need; never --privileged. Neither SYS_TIME nor SYS_MODULE:
#: clock and kernel are the outer machine's.
CAPABILITIES = [
    *("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_BOOT", "SYS_NICE", "MAC_ADMIN", "SYSLOG", "IPC_LOCK"),
    *("DAC_READ_SEARCH", "LINUX_IMMUTABLE", "NET_BROADCAST", "BLOCK_SUSPEND", "LEASE", "AUDIT_CONTROL", "AUDIT_READ"),
]
INSTANCE = f"{settings.LABEL}-instance"
#: address -> what the metadata service tells the instance that has it; its container sees this folder.
TABLE = settings.STATE / "metadata" / "instances.json"
_UP_SECONDS = 30
_POWEROFF_SECONDS = 30
_UP = {"initializing", "starting", "running", "degraded"}


class Hosts:
    """A HostDriver of one Docker engine."""

    def __init__(self, engine: docker.DockerClient) -> None:
        self._engine = engine
        self._lock = threading.Lock()  # the table's

    def start(self, host: Host) -> None:
        """See HostDriver."""
        recipe = images.host(host.family)
        try:
            self.describe(host)
            container = self._find(host.instance_id)
            if container is not None and container.status == "created":  # somebody was killed before its first start
                remove(self._engine, container.id)
                container = None
            if container is None:
                container = self._create(host, recipe)
            if container.status != "running":
                container.start()
            self._wait(container, host.instance_id)
        except (docker.errors.APIError, SandboxError, OSError) as error:
            raise HostError(f"{host.instance_id} could not be started: {_said(error)}") from error

    def stop(self, instance_id: str) -> None:
        """See HostDriver. systemd powers off at the container's stop signal; what does not end in time is killed."""
        container = self._find(instance_id)
        if container is not None and container.status == "running":
            with contextlib.suppress(docker.errors.NotFound):
                container.stop(timeout=_POWEROFF_SECONDS)

    def terminate(self, instance_id: str) -> None:
        """See HostDriver."""
        container = self._find(instance_id)
        if container is not None:
            remove(self._engine, container.id)
        self._change(lambda table: {ip: row for ip, row in table.items() if row["instance_id"] != instance_id})

    def stopped(self) -> set[str]:
        """See HostDriver; one call to the engine."""
        filters = {"label": [f"{settings.LABEL}={settings.STATE}", INSTANCE], "status": ["exited", "dead"]}
        return {found["Labels"][INSTANCE] for found in self._engine.api.containers(all=True, filters=filters)}

    def describe(self, host: Host) -> None:
        """See HostDriver."""
        row = {**dataclasses.asdict(dataclasses.replace(host, user_data=b"", tags={})), "tags": dict(host.tags)}
        del row["user_data"]  # it holds the host's private key; nobody reads it from there
        row["account"] = settings.ACCOUNT
        row["hostname"] = seed.hostname(host.private_ip)
        self._change(lambda table: {**table, host.private_ip: row})

    def _find(self, instance_id: str) -> t.Any:
        try:
            return self._engine.containers.get(_name(instance_id))
        except docker.errors.NotFound:
            return None

    def _create(self, host: Host, recipe: images.Recipe) -> t.Any:
        volume = network.labels()
        container = self._engine.containers.create(
            images.image(self._engine, recipe),
            # systemd of Debian 13 wants to be told twice that the machine has cgroup v1 only; others ignore it.
            ["/lib/systemd/systemd", *([] if _unified() else ["SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"])],
            name=_name(host.instance_id),
            hostname=seed.hostname(host.private_ip),
            labels=network.labels(**{INSTANCE: host.instance_id}),
            cap_add=CAPABILITIES,
            security_opt=["seccomp=unconfined", "apparmor=unconfined"],
            # cgroup v1 and v2 alike: the machine's own tree and namespace, since on v1 an inner engine needs paths
            # that it finds under the same names in /proc and in the mount.
            cgroupns="host",
            tmpfs={"/run": "exec", "/run/lock": ""},
            mounts=[
                Mount("/sys/fs/cgroup", "/sys/fs/cgroup", type="bind"),
                # overlay cannot lie on overlay: an inner engine's store is a volume, anonymous so that it goes with us.
                Mount("/var/lib/docker", None, type="volume", labels=volume),
            ],
            devices=["/dev/fuse"] if Path("/dev/fuse").exists() else [],
            extra_hosts=dict.fromkeys(settings.NAMES, settings.SERVICES_ADDRESS),
            stop_signal="SIGRTMIN+4",  # systemd's word for poweroff
            **network.at(self._engine, host.private_ip),
        )
        container.put_archive("/", seed.archive(seed.files(host, seed.upstream())))
        return container

    def _wait(self, container: t.Any, instance_id: str) -> None:
        """Until systemd's bus answers."""
        until = time.monotonic() + _UP_SECONDS
        said = ""
        while time.monotonic() < until:
            container.reload()
            if container.status != "running":
                break
            said = container.exec_run(["systemctl", "is-system-running"]).output.decode(errors="replace").strip()
            if said in _UP:
                return
            time.sleep(0.2)
        log = container.logs(tail=3).decode(errors="replace").strip()
        raise HostError(
            f"{instance_id}: systemd was not up after {_UP_SECONDS} s (container {container.status}; {said or log})"
        )

    def _change(self, change: t.Callable[[dict[str, t.Any]], dict[str, t.Any]]) -> None:
        with self._lock:
            TABLE.parent.mkdir(parents=True, exist_ok=True)
            table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
            half = TABLE.with_suffix(".half")
            half.write_text(json.dumps(change(table), indent=1, sort_keys=True))
            half.replace(TABLE)


def remove(engine: docker.DockerClient, container_id: str) -> None:
    """Remove a container with its disk and what it left in the machine's cgroup tree. Gone already is done."""
    with contextlib.suppress(docker.errors.NotFound):
        pid = engine.api.inspect_container(container_id)["State"]["Pid"]
        groups = cgroups.ids_below(pid) if pid else set()
        engine.api.remove_container(container_id, force=True, v=True)
        cgroups.sweep(groups | {container_id})


def _name(instance_id: str) -> str:
    return f"{settings.NETWORK}-{instance_id}"


def _unified() -> bool:
    return Path("/sys/fs/cgroup/cgroup.controllers").exists()


def _said(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)

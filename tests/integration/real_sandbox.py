"""A sandbox of the tests' own, beside the one of `make demo`: another state folder, ports and address range."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import docker

from tests.integration.real_clouds import Cloud, Machine
from tests.sandbox import settings

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


#: Variables that say whose account, or how Ansible is to work: the user's own take no part.
_ACCOUNTS = ("AWS_", "ANSIBLE_", "GCP_", "GOOGLE_", "CLOUDSDK_", "GCE_", "DEVCONTAINER_")


@dataclasses.dataclass(frozen=True)
class Run:
    """A command that ended: what it said, and the longest it was silent, in seconds."""

    code: int
    out: str
    silence: float
    seconds: float

    @property
    def changed(self) -> int:
        """The sum of changed= of a play's recap."""
        return sum(int(number) for number in re.findall(r"changed=(\d+)", self.out))


class RealSandbox:
    """Starts it, runs a user's commands against one of its clouds, removes it."""

    def __init__(self, folder: Path, kind: type[Cloud]) -> None:
        self.kind = kind
        self.state = folder / "sandbox"
        self.inventory = folder / "inventory"
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(_ACCOUNTS)},
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "DEVCONTAINER_SANDBOX_STATE": str(self.state),
            "DEVCONTAINER_SANDBOX_PORT": kind.port,
            "DEVCONTAINER_SANDBOX_PREFIX": kind.prefix,
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONUNBUFFERED": "1",
        }
        shutil.copytree(ROOT / "inventories" / kind.inventory, self.inventory)

    def run(self, *command: str, timeout: float = 900) -> Run:
        """Run a command from the checkout's root; stdout and stderr together, in the order in which they came."""
        began = last = time.monotonic()
        silence = 0.0
        lines: list[str] = []
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        killer = threading.Timer(timeout, process.kill)
        killer.start()
        assert process.stdout is not None
        for line in process.stdout:
            now = time.monotonic()
            silence, last = max(silence, now - last), now
            lines.append(line)
        code = process.wait()
        killer.cancel()
        return Run(code, "".join(lines), silence, time.monotonic() - began)

    def sandbox(self, verb: str) -> Run:
        """python -m tests.sandbox up, down or status."""
        return self.run("python", "-m", "tests.sandbox", verb)

    def playbook(self, *arguments: str, **variables: t.Any) -> Run:
        """The main playbook, with variables as JSON."""
        extra = ("-e", json.dumps(variables)) if variables else ()
        return self.run("ansible-playbook", "-i", str(self.inventory), "playbooks/workspace.yml", *extra, *arguments)

    def ssh(self, door: str, command: str, *options: str, timeout: float = 60) -> Run:
        """A command through one of the printed doors, with the printed configuration."""
        return self.run("ssh", "-F", str(self.ssh_folder / "config"), *options, door, command, timeout=timeout)

    @property
    def ssh_folder(self) -> Path:
        """Where the playbook writes the doors."""
        return self.state / self.kind.ssh

    @property
    def facts(self) -> dict[str, t.Any]:
        """What the sandbox says of itself."""
        return dict(json.loads((self.state / "sandbox.json").read_text()))

    @property
    def cloud(self) -> Cloud:
        """The sandbox's API, as it is now."""
        return self.kind(self.facts)

    def machine(self, name: str) -> Machine:
        """The workspace's one machine."""
        (machine,) = self.cloud.machines(name)
        return machine

    def wait_for_state(self, name: str, state: str, timeout: float) -> float:
        """Seconds until the workspace's one machine is in that state of the API. Raises AssertionError."""
        began = time.monotonic()
        while True:
            seen = self.machine(name).state
            waited = time.monotonic() - began
            if seen == state:
                return waited
            assert waited < timeout, f"{name} is {seen} after {waited:.0f} s, not {state}"
            time.sleep(1)

    def wait_for_door(self, door: str, command: str, timeout: float) -> Run:
        """The first answer that a door gives. Raises AssertionError with the last refusal."""
        began = time.monotonic()
        while True:
            answer = self.ssh(door, command, "-o", "ConnectTimeout=5")
            if answer.code == 0:
                return answer
            assert time.monotonic() - began < timeout, answer.out
            time.sleep(2)


@contextlib.contextmanager
def brought_up(folder: Path, kind: type[Cloud]) -> t.Iterator[RealSandbox]:
    """A sandbox that answers; nothing of it is left at the end. Raises AssertionError."""
    sandbox = RealSandbox(folder, kind)
    up = sandbox.sandbox("up")
    try:
        assert up.code == 0, up.out
        assert up.silence < 60, "up was silent for too long"
        assert docker_objects(sandbox.state), "what is to be gone at the end is not found while it is there"
        yield sandbox
    finally:
        down = sandbox.sandbox("down")
    assert down.code == 0, down.out
    assert not docker_objects(sandbox.state)
    assert not sandbox.state.exists()


def docker_objects(state: Path) -> list[t.Any]:
    """What of the engine belongs to the sandbox with this state folder."""
    engine, ours = docker.from_env(), {"label": f"{settings.LABEL}={state}"}
    return [
        *engine.containers.list(all=True, filters=ours),
        *engine.networks.list(filters=ours),
        *engine.volumes.list(filters=ours),
    ]

"""A sandbox of the tests' own, beside the one of `make demo`: another state folder, port and address range."""

from __future__ import annotations

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

import boto3

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PORT = "5571"
PREFIX = "10.217"


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
    """Starts it, runs a user's commands against it, removes it."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "sandbox"
        self.inventory = folder / "inventory"
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ANSIBLE_"))},
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "DEVCONTAINER_SANDBOX_STATE": str(self.state),
            "DEVCONTAINER_SANDBOX_PORT": PORT,
            "DEVCONTAINER_SANDBOX_PREFIX": PREFIX,
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONUNBUFFERED": "1",
        }
        shutil.copytree(ROOT / "inventories" / "sandbox", self.inventory)

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
        return self.run("ssh", "-F", str(self.state / "ssh" / "config"), *options, door, command, timeout=timeout)

    @property
    def facts(self) -> dict[str, t.Any]:
        """What the sandbox says of itself."""
        return dict(json.loads((self.state / "sandbox.json").read_text()))

    @property
    def ec2(self) -> t.Any:
        """A client of the sandbox's API."""
        facts = self.facts
        return boto3.client(
            "ec2",
            region_name=facts["region"],
            endpoint_url=facts["endpoint"],
            aws_access_key_id="AKIASANDBOXSANDBOX00",
            aws_secret_access_key="x",
        )

    def instances(self, name: str) -> list[dict[str, t.Any]]:
        """The workspace's instances that are not terminated."""
        pages = self.ec2.describe_instances(Filters=[{"Name": "tag:devcontainer:workspace", "Values": [name]}])
        found = [instance for page in pages["Reservations"] for instance in page["Instances"]]
        return [i for i in found if i["State"]["Name"] not in ("terminated", "shutting-down")]

    def wait_for_state(self, name: str, state: str, timeout: float) -> float:
        """Seconds until the workspace's one instance is in that state of the API. Raises AssertionError."""
        began = time.monotonic()
        while True:
            (instance,) = self.instances(name)
            waited = time.monotonic() - began
            if instance["State"]["Name"] == state:
                return waited
            assert waited < timeout, f"{name} is {instance['State']['Name']} after {waited:.0f} s, not {state}"
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

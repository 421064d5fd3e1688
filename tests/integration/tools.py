"""Real ansible-playbook and ansible-inventory processes, away from the user's own configuration; and the test cloud."""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import boto3
import yaml
from botocore.config import Config

from tests.sandbox import settings
from tests.sandbox.api import Api, Delays

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
ACCESS_KEY, SECRET_KEY = "AKIASANDBOXSANDBOX00", "the-sandbox-takes-any-key-this-is-no-secret"
FAST = Delays(pending=0.2, stopping=0.2, terminating=0.2, visible=0.2)
#: Calls that change nothing.
READING = ("Describe", "Get", "List")
#: The variables of a user's own accounts and settings.
_OTHERS = ("AWS_", "ANSIBLE_", "BOTO", "CLOUDSDK_", "GCE_", "GCP_", "GOOGLE_")


@functools.cache
def _client(service: str, endpoint: str, region: str) -> t.Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"total_max_attempts": 1}),
    )


class Cloud:
    """A clean account of the in-process API, as a test sees it."""

    def __init__(self, api: Api, region: str = settings.REGION) -> None:
        self.api = api
        self.region = region
        api.reset()
        api.world.delays = FAST
        self.facts = api.seed(region)

    @property
    def endpoint(self) -> str:
        return self.api.endpoint

    @property
    def env(self) -> dict[str, str]:
        """For a process that is to use this cloud without an option."""
        return {**self.credentials, "AWS_ENDPOINT_URL": self.endpoint}

    @property
    def credentials(self) -> dict[str, str]:
        """For a process that is given the option endpoint_url."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def options(self) -> dict[str, str]:
        """The same as a module's options."""
        return {
            "endpoint_url": self.endpoint,
            "region": self.region,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
        }

    def client(self, service: str, region: str | None = None) -> t.Any:
        """A boto3 client that never tries again; its calls count like everybody's."""
        return _client(service, self.endpoint, region or self.region)

    @property
    def ec2(self) -> t.Any:
        return self.client("ec2")

    @property
    def subnet_ids(self) -> list[str]:
        return list(self.facts["subnet_ids"])

    @property
    def security_group_id(self) -> str:
        return str(self.facts["security_group_id"])

    @property
    def calls(self) -> collections.Counter[str]:
        """How often each action was called since the last reset, over all regions."""
        total: collections.Counter[str] = collections.Counter()
        for counts in list(self.api.front.calls.values()):
            total.update(counts)
        return total

    @property
    def changing_calls(self) -> dict[str, int]:
        return {action: count for action, count in self.calls.items() if not action.startswith(READING)}

    def reset_calls(self) -> None:
        self.api.front.forget(faults=False)

    def fault(self, action: str, **more: t.Any) -> None:
        """Play a fault; see tests.sandbox.api.front.Fault."""
        self.api.front.fault(action=action, **more)

    def forget_faults(self) -> None:
        self.api.front.forget(calls=False)

    def slower(self, **delays: float) -> None:
        """Other delays, in seconds, from now on."""
        self.api.world.delays = dataclasses.replace(self.api.world.delays, **delays)

    def instances(self, *states: str, region: str | None = None) -> list[dict[str, t.Any]]:
        """All instances in these states (all that are not terminated where none is given), straight from the API.

        Those that do not show yet are waited for, and its calls do not count.
        """
        unseen = max((track.visible_at - time.time() for track in self.api.world.tracks.values()), default=0.0)
        time.sleep(max(0.0, unseen))
        before = {region: counts.copy() for region, counts in self.api.front.calls.items()}
        try:
            ec2 = self.client("ec2", region) if region else self.ec2
            pages = ec2.get_paginator("describe_instances").paginate()
            found = [i for page in pages for group in page["Reservations"] for i in group["Instances"]]
        finally:
            self.api.front.calls.clear()
            self.api.front.calls.update(before)
        if states:
            return [i for i in found if i["State"]["Name"] in states]
        return [i for i in found if i["State"]["Name"] not in ("shutting-down", "terminated")]


@dataclasses.dataclass
class Result:
    """What a process left: exit status, everything it printed, and for a playbook each task's result."""

    rc: int
    output: str
    tasks: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)

    def __getitem__(self, task: str) -> dict[str, t.Any]:
        """The last result of the task of this name."""
        return [result for result in self.tasks if result["task"] == task][-1]

    def ok(self) -> Result:
        """Itself, or an AssertionError with the whole output."""
        assert self.rc == 0, self.output
        return self


class Ansible:
    """Starts processes of the virtual environment that the tests run in."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._folder = folder
        self._env = env
        self._number = 0

    def _environment(self, more: t.Mapping[str, str] | None) -> dict[str, str]:
        """The caller's without its variables of clouds and Ansible: neither a user's account nor settings take part."""
        home = self._folder / "home"
        home.mkdir(exist_ok=True)
        (self._folder / "ansible.cfg").touch()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_OTHERS)}
        return {
            **kept,
            "HOME": str(home),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(self._folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(home / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "results_file",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_NOCOLOR": "true",
            **self._env,
            **(more or {}),
        }

    def _file(self, content: t.Any, suffix: str) -> Path:
        """A path as it is; text, or a structure as YAML, in a new file."""
        if isinstance(content, Path):
            return content
        self._number += 1
        path = self._folder / f"{self._number}{suffix}"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return path

    def _run(self, command: list[str], env: t.Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self._folder, env=dict(env), text=True, capture_output=True, timeout=timeout, check=False
        )

    def playbook(
        self,
        play: t.Any,
        extra_vars: t.Mapping[str, t.Any] | None = None,
        *args: str,
        check: bool = False,
        diff: bool = False,
        env: t.Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> Result:
        """Run a playbook's path, or a list of tasks on localhost; an empty value in ``env`` takes a variable away."""
        if isinstance(play, list):
            play = [{"hosts": "localhost", "gather_facts": False, "tasks": play}]
        path = self._file(play, ".yml")
        results = path.with_suffix(".results") if path.parent == self._folder else self._folder / "results"
        results.unlink(missing_ok=True)
        command = [str(BIN / "ansible-playbook"), str(path), *args]
        if not any(arg in ("-i", "--inventory") for arg in args):
            command += ["-i", str(self._file(_LOCALHOST, ".inventory.yml"))]
        if extra_vars:
            command += ["-e", json.dumps(extra_vars)]
        command += ["--check"] * check + ["--diff"] * diff
        environment = {**self._environment(env), "DEVCONTAINER_TEST_RESULTS": str(results)}
        done = self._run(command, {k: v for k, v in environment.items() if v}, timeout)
        lines = results.read_text().splitlines() if results.exists() else []
        return Result(done.returncode, done.stdout + done.stderr, [json.loads(line) for line in lines])

    def inventory(
        self,
        source: t.Any,
        *args: str,
        env: t.Mapping[str, str] | None = None,
        name: str = "cloud.ec2.yml",
        timeout: float = 120,
    ) -> t.Any:
        """Run ansible-inventory over a path, text or structure (saved as ``name``): with --list (the default) or --host
        the parsed JSON, else the raw text. Raises AssertionError with the output where it fails; see ``inventory_run``.
        """
        done = self.inventory_run(source, *args, env=env, name=name, timeout=timeout)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if not args or args[0] in ("--list", "--host") else done.stdout

    def inventory_run(
        self,
        source: t.Any,
        *args: str,
        env: t.Mapping[str, str] | None = None,
        name: str = "cloud.ec2.yml",
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """The same, whatever becomes of it: .returncode, .stdout, .stderr."""
        if not isinstance(source, Path):
            path = self._folder / name
            path.write_text(source if isinstance(source, str) else yaml.safe_dump(source, sort_keys=False))
            source = path
        command = [str(BIN / "ansible-inventory"), "-i", str(source), *(args or ("--list",))]
        environment = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true", **self._environment(env)}
        return self._run(command, {k: v for k, v in environment.items() if v}, timeout)

    def adhoc(
        self, source: Path, pattern: str, *args: str, env: t.Mapping[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run the command ansible over an inventory, whatever becomes of it."""
        command = [str(BIN / "ansible"), "-i", str(source), pattern, *args]
        return self._run(command, {k: v for k, v in self._environment(env).items() if v}, timeout)


_LOCALHOST = {
    "all": {
        "hosts": {"localhost": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}},
    }
}

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""One devcontainer to its state: look, decide, act, remember. All of it under one lock for the whole host."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import time
import typing as t
from pathlib import Path

from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import cli, content, state
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import config as configs
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer.tree import Folder, Tree
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput, Timeout

Result = dict[str, t.Any]
_OUTCOMES = {
    "recreate": "recreated",
    "restart": "started",
    "stop": "stopped",
    "remove": "removed",
    "build": "built",
    "none": "unchanged",
}


@dataclasses.dataclass(frozen=True)
class Request:
    """What the module was asked for; ``timeout`` in seconds, for the lock and the CLI together."""

    workspace_folder: str
    state: str = "up"
    config: str = ""
    cli: str = "/usr/local/bin/devcontainer"
    recreate: bool = False
    timeout: float = 3600
    check: bool = False


@dataclasses.dataclass(frozen=True)
class Account:
    """Who runs it."""

    name: str
    uid: int
    home: str


def validate(request: Request, account: Account) -> Request:
    """The request with the folder's real path, which is what the containers' labels hold. Raises InvalidInput."""
    if account.uid == 0:
        raise InvalidInput(
            "devcontainer: this runs as root, and then the container's user could not write to the workspace; "
            "run the task with become_user: the account that owns workspace_folder"
        )
    folder = Path(os.path.realpath(Path(request.workspace_folder).expanduser()))
    if not folder.is_dir():
        raise InvalidInput(f"workspace_folder: there is no folder {str(folder)!r}; clone the repository there first")
    if folder.stat().st_uid != account.uid:
        raise InvalidInput(
            f"workspace_folder: {str(folder)!r} does not belong to {account.name}, so the container's user could not "
            f"write to it; use the owner as become_user, or chown it"
        )
    return dataclasses.replace(request, workspace_folder=str(folder))


def converge(request: Request, account: Account, environment: t.Mapping[str, str], docker: cli.Docker) -> Result:
    """Bring it to its state. Returns the module's result. Raises WorkspaceError."""
    request = validate(request, account)
    tree = Folder(request.workspace_folder)
    relative = configs.find(tree, request.config)
    # What is to end may be stopped and removed even where its devcontainer.json is broken by now.
    used = configs.load(tree, relative) if request.state in ("up", "built") else {}
    if request.check:
        return _Run(request, account, environment, docker, tree, relative, used).check()
    started = time.monotonic()
    with lock(request.cli, request.timeout) as held:
        left = max(1.0, request.timeout - (time.monotonic() - started))
        return _Run(request, account, environment, docker, tree, relative, used).converge(left, held)


@contextlib.contextmanager
def lock(path: str, timeout: float) -> t.Iterator[int]:
    """Hold the host's lock: the CLI's own file, which every account can open and which no reboot removes.

    Two runs for one workspace would make two containers, and parallel builds share the names of their images.
    Raises InvalidInput, Timeout.
    """
    try:
        held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidInput(
            f"cli: {path!r} cannot be opened ({error.strerror}); run the role devcontainer first"
        ) from None
    deadline = time.monotonic() + timeout
    try:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Timeout(
                        f"timeout: another devcontainer run held this host for {timeout:.0f} s; try again after it"
                    ) from None
                time.sleep(0.2)
        yield held
    finally:
        os.close(held)


class _Run:
    """One look and what follows from it."""

    def __init__(
        self,
        request: Request,
        account: Account,
        environment: t.Mapping[str, str],
        docker: cli.Docker,
        tree: Tree,
        relative: str,
        used: configs.Config,
    ) -> None:
        self.request = request
        self.account = account
        self.environment = environment
        self.docker = docker
        self.tree = tree
        self.relative = relative
        self.used = used
        self.config = f"{request.workspace_folder}/{relative}"
        self.slug = state.slug(request.workspace_folder, self.config)
        folder = state.directory(account.home)
        self.record_path = folder / f"{self.slug}.json"
        self.log_path = folder / f"{self.slug}.log"
        self.temporary = str(Path(account.home) / ".cache/devcontainer-cloud")
        self.record = state.load(self.record_path, request.workspace_folder, self.config)
        self.version = cli.version(request.cli) if used and not self._bare() else ""

    def _bare(self) -> bool:
        """A host that has nothing yet, looked at in check mode."""
        return self.request.check and not Path(self.request.cli).exists()

    def look(self) -> tuple[state.Step, list[state.Container], content.Inputs]:
        """What is there, and what is to be done about it."""
        containers = [] if self._bare() else self.docker.containers(self.request.workspace_folder, self.config)
        now = self.inputs() if self.used else {}
        built = self.request.state == "built"
        before = self.record.image_inputs if built else self.record.inputs
        step = state.next_step(
            self.request.state,
            self.record,
            containers,
            content.difference(before, now) if before else [],
            recreate=self.request.recreate,
            image_exists=built and bool(self.record.image) and bool(self.docker.image_ids([self.record.image])),
        )
        return step, containers, now

    def inputs(self) -> content.Inputs:
        images = {} if self._bare() else self.docker.image_ids(content.base_images(self.tree, self.relative, self.used))
        return content.inputs(self.tree, self.relative, self.used, self.environment, self.version, images)

    def check(self) -> Result:
        step, containers, now = self.look()
        return self.result(step, containers, now, 0.0)

    def converge(self, timeout: float, held: int) -> Result:
        started = time.monotonic()
        step, containers, now = self.look()
        before = self.record
        if step.word in ("up", "restart", "recreate"):
            self.up(step, containers, now, timeout, held)
        elif step.word == "build":
            self.build(now, timeout, held)
        elif step.word in ("stop", "remove"):
            self.end(step.word, containers)
        wanted = (
            "up" if self.request.state == "up" else "" if self.request.state in ("stopped", "absent") else before.wanted
        )
        if step.word == "remove":
            self.record_path.unlink(missing_ok=True)
        elif step.word != "none" or wanted != self.record.wanted:
            self.record = dataclasses.replace(self.record, wanted=wanted)
            if step.word != "none" or self.record_path.exists():
                state.save(self.record_path, self.record)
        return self.result(step, containers, now, time.monotonic() - started, before)

    def call(self, command: str, remove_existing: bool = False) -> cli.Call:
        locked = self.tree.read(configs.lock_file(self.relative)) is not None
        return cli.call(
            self.request.cli,
            command,
            self.request.workspace_folder,
            self.config,
            self.docker.engine(),
            self.temporary,
            locked,
            remove_existing,
        )

    def drive(self, made: cli.Call, timeout: float, held: int) -> dict[str, t.Any]:
        cli.seed(self.temporary, self.account.name)
        try:
            return cli.run(made, self.log_path, timeout, self.request.workspace_folder, held)
        except cli.CliError as error:
            # A hook may print what it was given.
            said = cli.hidden(str(error), self.environment, content.local_env(self.used))
            raise cli.CliError(said) from None
        finally:
            cli.tidy(self.temporary)

    def up(
        self,
        step: state.Step,
        containers: t.Sequence[state.Container],
        now: content.Inputs,
        timeout: float,
        held: int,
    ) -> None:
        if step.word == "recreate" and any(one.status == "running" for one in containers):
            # What does not build must not cost the container that works; `up` finds the layers in the cache.
            began = time.monotonic()
            self.drive(self.call("build"), timeout, held)
            timeout = max(1.0, timeout - (time.monotonic() - began))
        # Remembered as not done until it is: a run that is killed on the way is one that failed.
        made_anew = step.word == "recreate" or not containers
        self.record = dataclasses.replace(self.record, outcome="creating" if made_anew else "starting")
        state.save(self.record_path, self.record)
        if step.word == "restart":
            self.docker.ask("stop", *(one.id for one in containers), timeout=120)
        found = self.drive(self.call("up", step.word == "recreate"), timeout, held)
        again = self.call("up")
        # What the run itself made (a lock, an .env of initializeCommand, the pulled base image) belongs to its inputs.
        # What was edited meanwhile does not: the next run is to see it.
        self.record = dataclasses.replace(
            self.record,
            outcome="success",
            container_id=str(found["containerId"]),
            inputs={**self.inputs(), **now},
            remote_user=str(found.get("remoteUser") or "root"),
            remote_workspace_folder=str(found.get("remoteWorkspaceFolder") or "/"),
            remote_env=dict((found.get("mergedConfiguration") or {}).get("remoteEnv") or {}),
            compose_project=str(found.get("composeProjectName") or ""),
            up=again.argv,
            environment=again.environment,
        )

    def build(self, now: content.Inputs, timeout: float, held: int) -> None:
        found = self.drive(self.call("build"), timeout, held)["imageName"]
        image = found[0] if isinstance(found, list) else str(found)
        self.record = dataclasses.replace(self.record, image=image, image_inputs={**self.inputs(), **now})

    def end(self, word: str, containers: t.Sequence[state.Container]) -> None:
        """Stop or remove the containers; named volumes stay, they are data."""
        project = self.record.compose_project
        ids = [one.id for one in containers] + (self.docker.of_project(project) if project else [])
        command = ("stop",) if word == "stop" else ("rm", "--force", "--volumes")
        self.docker.ask(*command, *ids, timeout=120)
        if word == "remove" and project:
            for network in self.docker.networks_of(project):
                self.docker.ask("network", "rm", network)

    def result(
        self,
        step: state.Step,
        containers: t.Sequence[state.Container],
        now: content.Inputs,
        seconds: float,
        before: t.Optional[state.Record] = None,
    ) -> Result:
        outcome = _OUTCOMES.get(step.word) or ("started" if containers else "created")
        old = before or self.record
        shown_before = {"state": _shown(containers), **(old.inputs if self.request.state == "up" else old.image_inputs)}
        changed = step.word != "none"
        reached = {"up": "running", "stopped": "exited", "absent": "absent"}.get(self.request.state)
        after = {"state": reached or shown_before["state"], **now} if changed else shown_before
        return {
            "changed": changed,
            "outcome": outcome,
            "reasons": list(step.reasons),
            "container_id": "" if step.word == "remove" else self.record.container_id,
            "remote_user": self.record.remote_user,
            "remote_workspace_folder": self.record.remote_workspace_folder,
            "image": self.record.image,
            "hash": content.content_hash(now) if now else "",
            "config": self.config,
            "log": str(self.log_path),
            "seconds": round(seconds, 1),
            "diff": {"before": _lines(shown_before), "after": _lines(after)},
        }


def _shown(containers: t.Sequence[state.Container]) -> str:
    return ", ".join(one.status for one in containers) or "absent"


def _lines(shown: t.Mapping[str, str]) -> str:
    return "".join(f"{name}: {value[:16]}\n" for name, value in sorted(shown.items()))

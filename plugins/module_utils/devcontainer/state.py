# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the host remembers of a devcontainer, and what follows from it.

One file per devcontainer in the account's ``~/.local/state/devcontainer-cloud``. The script that brings devcontainers
up at boot and the door into the container read it too.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import typing as t
from pathlib import Path

from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer.content import Inputs

VERSION = 1
RUNNING = "running"


@dataclasses.dataclass
class Record:
    """The last run's end. What is empty is not known."""

    workspace_folder: str
    config: str  # absolute
    wanted: str = ""  # "up" where the boot is to bring it up
    outcome: str = ""  # "success"; or "creating", "starting" from the start of a run until its success
    container_id: str = ""
    inputs: Inputs = dataclasses.field(default_factory=dict)
    remote_user: str = ""
    remote_workspace_folder: str = ""
    remote_env: dict[str, t.Optional[str]] = dataclasses.field(default_factory=dict)  # for the door; may hold secrets
    compose_project: str = ""
    image: str = ""  # of the last build
    image_inputs: Inputs = dataclasses.field(default_factory=dict)
    up: list[str] = dataclasses.field(default_factory=list)  # the command that brings it up again
    environment: dict[str, str] = dataclasses.field(default_factory=dict)  # that this command wants besides its own


@dataclasses.dataclass(frozen=True)
class Container:
    """A devcontainer's container as Docker shows it; ``status`` is Docker's word: running, exited, created, ..."""

    id: str
    status: str


@dataclasses.dataclass(frozen=True)
class Step:
    """What is to be done. ``word`` is none, up, restart, recreate, stop, remove or build; ``reasons`` says why."""

    word: str
    reasons: tuple[str, ...] = ()


def next_step(
    state: str,
    record: Record,
    containers: t.Sequence[Container],
    changed: t.Sequence[str],
    recreate: bool = False,
    image_exists: bool = False,
) -> Step:
    """What leads from what is there to ``state``. Pure.

    ``changed`` names the inputs that differ from those of the last success; for ``built``, of the last build.
    """
    if state == "absent":
        return Step("remove", ("it exists",)) if containers else Step("none")
    if state == "stopped":
        runs = [one for one in containers if one.status not in ("exited", "created", "dead")]
        return Step("stop", ("it runs",)) if runs else Step("none")
    if state == "built":
        if not image_exists:
            return Step("build", ("there is no image",))
        return Step("build", tuple(changed)) if changed else Step("none")
    if not containers:
        return Step("up", ("there is no container",))
    reasons = [
        reason
        for reason, holds in (
            ("it was asked for", recreate),
            ("there are several containers", len(containers) > 1),
            # Its docker run failed; the CLI would find it and never get it to run.
            ("its container never started", any(one.status in ("created", "dead", "removing") for one in containers)),
            # The CLI marks a hook as done before it runs it: only a new container runs them all.
            ("the last run failed", record.outcome == "creating"),
            ("another tool made its container", record.outcome == "" or record.container_id != containers[0].id),
        )
        if holds
    ]
    if reasons or changed:
        return Step("recreate", (*reasons, *changed))
    if containers[0].status != RUNNING:
        return Step("up", (f"its container is {containers[0].status}",))
    if record.outcome == "starting":
        # postStartCommand's mark holds the time of the start: a new start runs it again, and keeps the container.
        return Step("restart", ("the last start failed",))
    return Step("none")


def slug(workspace_folder: str, config: str) -> str:
    """A file name for a devcontainer; both paths are absolute."""
    digest = hashlib.sha256("\0".join((workspace_folder, config)).encode()).hexdigest()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(workspace_folder).name).strip("-.") or "workspace"
    return f"{name}-{digest[:8]}"


def directory(home: str) -> Path:
    """Where an account's records lie."""
    return Path(home) / ".local/state/devcontainer-cloud"


def load(path: Path, workspace_folder: str, config: str) -> Record:
    """The record, or an empty one where there is none or it cannot be read: then nothing is known."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return Record(workspace_folder, config)
    if not isinstance(found, dict) or found.get("version") != VERSION:
        return Record(workspace_folder, config)
    known = {field.name for field in dataclasses.fields(Record)}
    values = {name: value for name, value in found.items() if name in known}
    return Record(**{**values, "workspace_folder": workspace_folder, "config": config})


def save(path: Path, record: Record) -> None:
    """Write it at once or not at all, for its account only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(0o600)
    partial.write_text(json.dumps({"version": VERSION, **dataclasses.asdict(record)}, indent=1) + "\n")
    partial.replace(path)

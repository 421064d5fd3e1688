# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Drives the reference CLI, @devcontainers/cli, and Docker's own command. Nothing else here starts a process."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import time
import typing as t
from pathlib import Path

from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer.state import Container
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput, WorkspaceError

#: Colours, and the times before the CLI's own lines.
_NOISE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|^\[\d{4}-\d\d-\d\dT[0-9:.]+Z\] ")
_QUIET = 60  # seconds for a question to Docker
#: Words in Docker's environment that are no secrets even where a devcontainer.json uses them.
_PLAIN = {"HOME", "HOSTNAME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "TZ", "USER", "WORKSPACE"}


class CliError(WorkspaceError):
    """The CLI or Docker failed; the text is one sentence with what the log last said."""


@dataclasses.dataclass(frozen=True)
class Engine:
    """What the flags depend on. ``major`` is the server's; ``buildx`` whether the client has that plugin."""

    major: int
    buildx: bool


@dataclasses.dataclass(frozen=True)
class Call:
    """A command, and the variables that it wants besides the account's own."""

    argv: list[str]
    environment: dict[str, str]


def engine_of(version: str, buildx: bool) -> Engine:
    """``version`` as the server gives it, such as 20.10.24+dfsg1. Raises CliError."""
    found = re.match(r"(\d+)\.", version)
    if not found:
        raise CliError(f"docker: the engine says that its version is {version!r}, which is none")
    return Engine(int(found.group(1)), buildx)


def call(
    cli: str,
    command: str,
    workspace_folder: str,
    config: str,
    engine: Engine,
    temporary: str,
    locked: bool = False,
    remove_existing: bool = False,
) -> Call:
    """The command line for ``up`` or ``build``. Pure. ``locked``: the repository has a devcontainer-lock.json."""
    argv = [cli, command, "--workspace-folder", workspace_folder, "--config", config]
    # The CLI writes a lock into the repository unless told; one that is there is held to.
    argv.append("--frozen-lockfile" if locked else "--no-lockfile")
    environment = {"TMPDIR": temporary}
    if engine.major < 23:
        # Before Docker 23 BuildKit is inside the engine; with buildx the CLI would fetch docker/dockerfile:1.4.
        argv += ["--buildkit", "never", "--omit-syntax-directive"]
        environment["DOCKER_BUILDKIT"] = "1"
    elif not engine.buildx:
        # From 23 on the client refuses BuildKit without the plugin.
        argv += ["--buildkit", "never"]
        environment["DOCKER_BUILDKIT"] = "0"
    if command == "up":
        # Nobody attaches here; and what a tool runs then may never end.
        argv += ["--skip-post-attach", "--include-merged-configuration"]
        if remove_existing:
            argv.append("--remove-existing-container")
    return Call(argv, environment)


def answer(stdout: str) -> dict[str, t.Any]:
    """The CLI's one JSON line; empty where it gave none."""
    for line in reversed(stdout.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}


def failure(command: str, code: int, found: t.Mapping[str, t.Any], log: str, log_path: str) -> str:
    """One sentence for a failed call: what the CLI says, then the end of its log."""
    said = [str(found[key]).strip() for key in ("description", "message") if found.get(key)]
    said = [text for index, text in enumerate(said) if not any(text in other for other in said[:index])]
    what = "; ".join(" ".join(text.split()).rstrip(".") for text in said) or f"it gave no reason and ended with {code}"
    if found.get("disallowedFeatureId"):
        what += f" (Feature {found['disallowedFeatureId']})"
    lines = [_NOISE.sub("", line).strip() for line in log.splitlines()]
    # Not what was said above, and no stack traces of the CLI's own.
    lines = [line for line in lines if line and not line.startswith(("at ", "{", "Error: Command failed"))][-5:]
    tail = f"; the log ends with: {' | '.join(lines)}" if lines else ""
    return f"devcontainer {command} failed: {what}{tail} (all of it: {log_path})"


def hidden(text: str, environment: t.Mapping[str, str], used: t.Iterable[str]) -> str:
    """The text without the values of the host's variables that a devcontainer.json uses."""
    for name in used:
        value = environment.get(name, "")
        if len(value) >= 4 and name not in _PLAIN and not name.startswith("LC_"):
            text = text.replace(value, "***")
    return text


def run(made: Call, log_path: Path, timeout: float, folder: str, lock: t.Optional[int] = None) -> dict[str, t.Any]:
    """Run the CLI to its end; its words go to the log. Returns its JSON. Raises CliError.

    ``lock`` is a file descriptor that the CLI keeps open, so that the lock holds even if this process is killed.
    """
    log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    log_path.touch(0o600)
    with log_path.open("w") as log:
        log.write(f"+ {' '.join(made.argv)}\n")
        log.flush()
        process = subprocess.Popen(
            made.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env={**os.environ, **made.environment},
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
        )
        try:
            stdout = process.communicate(timeout=timeout)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
            text = _text(log_path)
            late = {"message": f"it did not end within timeout ({timeout:.0f} s)"}
            raise CliError(failure(made.argv[1], -1, late, text, str(log_path))) from None
    found = answer(stdout)
    if process.returncode or found.get("outcome") != "success":
        raise CliError(failure(made.argv[1], process.returncode, found, _text(log_path), str(log_path)))
    return found


def tidy(temporary: str) -> None:
    """Remove the copies of Features that the CLI leaves with every run. Only under the lock."""
    for folder in Path(temporary).glob("devcontainercli*/container-features"):
        shutil.rmtree(folder, ignore_errors=True)


def seed(temporary: str, user: str) -> None:
    """Make the CLI's folder, with a list of withdrawn Features that it finds fresh.

    Else it fetches one on every run, and waits minutes for it where a firewall drops its packets.
    """
    folder = Path(temporary) / f"devcontainercli-{user}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    manifest = folder / "control-manifest.json"
    if not manifest.exists() or manifest.stat().st_mtime < time.time():
        manifest.write_text('{"disallowedFeatures":[],"featureAdvisories":[]}')
        os.utime(manifest, (4102444800, 4102444800))  # the year 2100


class Docker:
    """Questions to Docker, 0.02 s each, and what the CLI has no command for."""

    def __init__(self, path: str = "docker") -> None:
        self.path = path

    def ask(self, *arguments: str, timeout: float = _QUIET) -> str:
        """A command's output. Raises CliError."""
        try:
            done = subprocess.run(
                [self.path, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except OSError as error:
            raise CliError(
                f"docker: cannot be started ({error.strerror}); install it, or run the role docker"
            ) from None
        except subprocess.TimeoutExpired:
            raise CliError(f"docker: no answer to docker {arguments[0]} within {timeout:.0f} s") from None
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"it ended with {done.returncode}"
            hint = "; the account must be in the group docker" if "permission denied" in said.lower() else ""
            raise CliError(f"docker {arguments[0]} failed: {said}{hint}")
        return done.stdout

    def engine(self) -> Engine:
        version = self.ask("version", "--format", "{{.Server.Version}}").strip()
        try:
            self.ask("buildx", "version")
        except CliError:
            return engine_of(version, False)
        return engine_of(version, True)

    def containers(self, workspace_folder: str, config: str) -> list[Container]:
        """Those of one devcontainer, found as the CLI finds them."""
        labels = {"devcontainer.local_folder": workspace_folder, "devcontainer.config_file": config}
        filters = [f"--filter=label={name}={value}" for name, value in labels.items()]
        lines = self.ask("ps", "--all", "--no-trunc", *filters, "--format={{.ID}} {{.State}}").splitlines()
        return [Container(*line.split()[:2]) for line in lines]

    def image_ids(self, names: t.Iterable[str]) -> dict[str, str]:
        """Name -> id of those images that are here."""
        found = {}
        for name in names:
            try:
                found[name] = self.ask("image", "inspect", "--format={{.Id}}", name).strip()
            except CliError as error:
                if "no such image" not in str(error).lower():
                    raise
        return found

    def of_project(self, project: str) -> list[str]:
        """The ids of all containers of a Compose project."""
        return self.ask("ps", "--all", "--quiet", f"--filter=label=com.docker.compose.project={project}").split()

    def networks_of(self, project: str) -> list[str]:
        return self.ask("network", "ls", "--quiet", f"--filter=label=com.docker.compose.project={project}").split()


def version(cli: str) -> str:
    """The CLI's version. Raises InvalidInput, since the option names a program that is none."""
    try:
        done = subprocess.run(
            [cli, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_QUIET, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InvalidInput(f"cli: {cli!r} cannot be started ({error}); install @devcontainers/cli there") from None
    if done.returncode or not done.stdout.strip():
        raise InvalidInput(f"cli: {cli!r} does not tell its version ({' '.join(done.stderr.split())[-200:]})")
    return done.stdout.split()[0]


def _text(path: Path) -> str:
    return path.read_text(errors="replace")[-20000:]

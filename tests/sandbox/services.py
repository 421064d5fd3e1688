"""The container that stands for what surrounds the hosts: registry, git server, files, instance metadata."""

from __future__ import annotations

import contextlib
import hashlib
import io
import socket
import tarfile
import time
import typing as t
from pathlib import Path

import docker
import docker.errors
from docker.types import Mount

from tests.sandbox import images, network, registry, settings
from tests.sandbox.errors import SandboxError
from tests.sandbox.hosts import TABLE
from tests.sandbox.progress import step

NAME = f"{settings.NETWORK}-services"
FILES = settings.STATE / "files"
#: name -> port, on SERVICES_ADDRESS; the metadata service has an address of its own.
PORTS = {"registry": 5000, "git": 9418, "files": 8000}
BASE = ("devcontainers/base", "debian-12")
_INSIDE = Path(__file__).parent / "inside"
_REPOS = Path(__file__).parent / "repos"
_CONTENT = f"{settings.LABEL}-content"
_SECONDS = 30


def ensure(engine: docker.DockerClient) -> None:
    """Make or repair the container, fill it, and wait until all of it answers. Raises SandboxError."""
    image = images.image(engine, images.services())
    base = images.tarball(images.base())
    for folder in (FILES, TABLE.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with step("Starting registry, git server and metadata service"):
        container = _container(engine, image)
        if container.status != "running":
            container.start()
        _wait(container)
        export(container, _REPOS)
    try:
        registry.push(
            f"http://{settings.SERVICES_ADDRESS}:{PORTS['registry']}",
            *BASE,
            base,
            {"devcontainer.metadata": '[{"remoteUser":"vscode"}]'},
        )
    except OSError as error:
        raise SandboxError(f"{':'.join(BASE)} could not be put into the sandbox's registry: {error}") from error


def export(container: t.Any, repos: Path) -> None:
    """Make the folders in ``repos`` the git server's repositories. Raises SandboxError."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for folder in sorted(path for path in repos.glob("*") if path.is_dir()):
            tar.add(folder, f"sources/{folder.name}", filter=_plain)
    container.exec_run(["rm", "-rf", "/srv/sources"])
    container.put_archive("/srv", made.getvalue())
    done = container.exec_run(["sh", "/opt/sandbox/export.sh"])
    if done.exit_code:
        raise SandboxError(f"The folders of {repos} did not become repositories: {done.output.decode().strip()}")


def answering() -> dict[str, bool]:
    """name -> whether something listens on its port."""
    found = {}
    for name, port in PORTS.items():
        found[name] = False
        with contextlib.suppress(OSError), socket.create_connection((settings.SERVICES_ADDRESS, port), timeout=1):
            found[name] = True
    return found


def _container(engine: docker.DockerClient, image: str) -> t.Any:
    """The container; one of another image or with other programs makes room for the new one."""
    content = hashlib.sha256(image.encode())
    for file in sorted(_INSIDE.glob("*.*")):
        content.update(file.read_bytes())
    label = content.hexdigest()
    with contextlib.suppress(docker.errors.NotFound):
        known = engine.containers.get(NAME)
        if known.labels.get(_CONTENT) == label and known.status != "created":
            return known
        known.remove(force=True, v=True)
    return engine.containers.create(
        image,
        ["python3", "/opt/sandbox/supervise.py"],
        name=NAME,
        hostname="services",
        labels=network.labels(**{_CONTENT: label}),
        cap_add=["NET_ADMIN"],  # for the metadata service's address
        restart_policy={"Name": "on-failure"},
        mounts=[
            Mount("/opt/sandbox", str(_INSIDE), type="bind", read_only=True),
            Mount("/srv/files", str(FILES), type="bind", read_only=True),
            Mount("/srv/metadata", str(TABLE.parent), type="bind", read_only=True),
            Mount("/var/lib/registry", None, type="volume", labels=network.labels()),
        ],
        **network.at(engine, settings.SERVICES_ADDRESS),
    )


def _wait(container: t.Any) -> None:
    until = time.monotonic() + _SECONDS
    while not all(answering().values()):
        container.reload()
        if time.monotonic() > until or container.status == "exited":
            log = container.logs(tail=3).decode(errors="replace").strip()
            lacking = ", ".join(name for name, up in answering().items() if not up)
            raise SandboxError(f"The sandbox's services do not answer ({lacking}); the last they said: {log}")
        time.sleep(0.2)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Root's, and without what a test run leaves."""
    if Path(entry.name).name in (".git", "__pycache__"):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry

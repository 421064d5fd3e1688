"""The machine's Docker engine and tools: what is lacking is installed where we may, and is one sentence elsewhere."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

import docker
import docker.errors

from tests.sandbox import settings
from tests.sandbox.errors import SandboxError
from tests.sandbox.progress import step

#: A dockerd that we start belongs to the machine from then on, as if its administrator had: other things may use it
#: soon, so `down` leaves it running. Hence its log is not in the state folder, which `down` removes.
DOCKERD_LOG = Path("/var/log/devcontainer-cloud-sandbox-dockerd.log")
_DOCKERD_SECONDS = 60
#: Docker 20.10, the first with a choice of cgroup namespaces.
_LOWEST_API = (1, 41)
_ENGINE = "The sandbox needs a Docker engine"


def client() -> docker.DockerClient:
    """The engine, by the environment's DOCKER_HOST or on its usual socket. Raises SandboxError if none answers."""
    try:
        engine = docker.from_env(timeout=120)
        engine.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise SandboxError(_why_no_answer(error)) from error
    version = engine.version()
    if tuple(int(part) for part in version["ApiVersion"].split(".")) < _LOWEST_API:
        raise SandboxError(f"{_ENGINE} of version 20.10 or newer, and {version['Version']} runs here; upgrade it")
    if any("rootless" in option for option in engine.info().get("SecurityOptions") or []):
        raise SandboxError(
            f"{_ENGINE} that runs as root, and the one that answers is rootless: it cannot run systemd as a host does; "
            "unset DOCKER_HOST or switch the context"
        )
    return engine


def prepare() -> docker.DockerClient:
    """Install and start what is lacking (as root on Debian and Ubuntu), and return the engine.

    Raises SandboxError with one sentence otherwise.
    """
    settings.CACHE.mkdir(parents=True, exist_ok=True)
    with (settings.CACHE / "engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two sandboxes that come up together would both install and both start
        return _prepare()


def _prepare() -> docker.DockerClient:
    _install({"dockerd": "docker.io"} if not _answers() else {}, {"mmdebstrap": "mmdebstrap"})
    if not _answers() and os.geteuid() == 0:
        _start_dockerd()
    engine = client()
    if os.geteuid() != 0:
        _check_unshare()
    return engine


def _answers() -> bool:
    try:
        return bool(docker.from_env(timeout=10).ping())
    except (docker.errors.DockerException, OSError):
        return False


def _why_no_answer(error: Exception) -> str:
    if "Permission" in repr(error):
        return f"{_ENGINE} and your user may not use the one of this machine; run: sudo usermod -aG docker $USER"
    if os.geteuid() == 0:
        return f"{_ENGINE} and none answers at {os.environ.get('DOCKER_HOST', '/var/run/docker.sock')}; start one"
    return f"{_ENGINE} and none answers; install docker.io and start it, or run this once as root"


def _install(*wanted: dict[str, str]) -> None:
    """``wanted``: command -> package."""
    lacking = [package for pairs in wanted for command, package in pairs.items() if not shutil.which(command)]
    if not lacking:
        return
    names = " and ".join(lacking)
    if not shutil.which("apt-get"):
        raise SandboxError(f"The sandbox needs {names}, and this machine has no apt-get to install them; install them")
    if os.geteuid() != 0:
        raise SandboxError(f"The sandbox needs {names}; run: sudo apt-get install {' '.join(lacking)}")
    if "mmdebstrap" in lacking:
        lacking.append("debian-archive-keyring")  # a hard dependency on Debian only
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step(f"Installing {names}"):
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *lacking]):
            done = subprocess.run(
                ["apt-get", *command], env=environment, capture_output=True, text=True, check=False, timeout=900
            )
            if done.returncode:
                said = (done.stderr.strip().splitlines() or ["no word why"])[-1]
                raise SandboxError(f"The sandbox needs {names}, and apt-get {command[0]} failed: {said}")


def _start_dockerd() -> None:
    with step("Starting the Docker engine"):
        if Path("/run/systemd/system").is_dir():
            subprocess.run(["systemctl", "start", "docker"], check=False, timeout=120)
        else:
            with DOCKERD_LOG.open("ab") as log:
                subprocess.Popen(
                    ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
                )
        until = time.monotonic() + _DOCKERD_SECONDS
        while not _answers():
            if time.monotonic() > until:
                raise SandboxError(
                    f"{_ENGINE}, and the one that was started does not answer after {_DOCKERD_SECONDS} s; see "
                    + ("journalctl -u docker" if Path("/run/systemd/system").is_dir() else str(DOCKERD_LOG))
                )
            time.sleep(0.3)


def _check_unshare() -> None:
    """Without root, mmdebstrap needs user namespaces with a range of ids."""
    names = {str(os.getuid()), pwd.getpwuid(os.getuid()).pw_name}
    ranges = Path("/etc/subuid").read_text().splitlines() if Path("/etc/subuid").exists() else []
    lacking = [
        what
        for what, there in {
            "the package uidmap": bool(shutil.which("newuidmap")),
            "a range of your user in /etc/subuid": any(line.split(":")[0] in names for line in ranges),
            "a kernel that lets users unshare": not subprocess.run(
                ["unshare", "--user", "true"], capture_output=True, check=False
            ).returncode,
        }.items()
        if not there
    ]
    if lacking:
        raise SandboxError(
            f"Without root the sandbox needs {' and '.join(lacking)}, so that mmdebstrap can unshare; "
            "see to that, or run this as root"
        )

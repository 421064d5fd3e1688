"""The sandbox's root file systems: Debian, made once by mmdebstrap, kept as tarballs, imported as Docker images."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

import docker
import docker.errors

from tests.sandbox import apt, seed, settings
from tests.sandbox.errors import SandboxError
from tests.sandbox.host import HostError
from tests.sandbox.progress import step

_FOLDER = Path(__file__).parent / "rootfs"
_REPOSITORY = "devcontainer-cloud-sandbox"
#: Family -> suite. Each is made when it is first asked for.
FAMILIES = {"debian-12": "bookworm", "debian-13": "trixie"}
_HOST = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "cloud-init", "python3", "python3-apt", "sudo"),
    *("iproute2", "iptables", "netbase", "ca-certificates", "curl", "git", "procps"),
)
_SECONDS = 1200
_MONTH = 30 * 86400


@dataclasses.dataclass(frozen=True)
class Recipe:
    """``hooks``: shell lines run outside of the root file system, which is "$1". ``overlay``: path -> content."""

    name: str
    suite: str
    packages: tuple[str, ...]
    hooks: tuple[str, ...] = ()
    overlay: t.Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    package_lists: bool = False  #: kept, as a cloud's images have them


def host(family: str) -> Recipe:
    """A host as a cloud's image of ``family`` is: systemd, sshd and cloud-init. Raises HostError for one we lack."""
    if family not in FAMILIES:
        raise HostError(f"The sandbox has no image of the family {family!r}; use {' or '.join(FAMILIES)}")
    return Recipe(
        f"host-{family}",
        FAMILIES[family],
        _HOST,
        (
            # A host's keys come with its user data; an image that has some would answer with them first.
            'rm -f "$1"/etc/ssh/ssh_host_*',
            'mkdir -p -m 700 "$1"/var/lib/cloud/seed/nocloud',
            'chroot "$1" systemctl enable sandbox-network.service',
            # They would hold apt's lock at some moment of a test.
            'chroot "$1" systemctl mask apt-daily.timer apt-daily-upgrade.timer',
        ),
        _overlay("host"),
        package_lists=True,
    )


def services() -> Recipe:
    """What the container of registry, git server and metadata service runs."""
    return Recipe("services", "bookworm", ("python3", "git", "docker-registry", "iproute2", "netbase"))


def base() -> Recipe:
    """``devcontainers/base:debian-12`` as far as a test needs it: a shell, git, sudo and the user vscode."""
    return Recipe(
        "base-debian-12",
        "bookworm",
        ("bash", "git", "sudo", "procps", "ca-certificates", "curl"),
        (
            'chroot "$1" useradd --uid 1000 --user-group --create-home --shell /bin/bash vscode',
            "echo 'vscode ALL=(ALL) NOPASSWD:ALL' > \"$1\"/etc/sudoers.d/vscode",
            'chmod 440 "$1"/etc/sudoers.d/vscode',
        ),
    )


def image(engine: docker.DockerClient, recipe: Recipe) -> str:
    """The recipe's image in the engine, made if it is not there. Its name. Raises SandboxError."""
    chosen = _apt(recipe.suite)
    name = f"{_REPOSITORY}/{recipe.name}:{_digest(recipe, chosen)}"
    try:
        engine.api.inspect_image(name)
    except docker.errors.ImageNotFound:
        tarball = _tarball(recipe, chosen)
        with step(f"Importing the image {recipe.name}"):
            repository, tag = name.rsplit(":", 1)
            engine.api.import_image(
                str(tarball), repository, tag, changes=[f"LABEL {settings.IMAGE_LABEL}=1", "ENV container=docker"]
            )
    return name


def tarball(recipe: Recipe) -> Path:
    """The recipe's root file system as a tar in the cache, made if it is not there. Raises SandboxError."""
    return _tarball(recipe, _apt(recipe.suite))


def _tarball(recipe: Recipe, chosen: apt.Apt) -> Path:
    settings.CACHE.mkdir(parents=True, exist_ok=True)
    made = settings.CACHE / f"{recipe.name}-{_digest(recipe, chosen)}.tar"
    with (settings.CACHE / f"{recipe.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another sandbox may be at it; the kernel drops the lock of one that died
        if not made.exists():
            # What a killed run left half-made, and what no checkout has used for a month.
            for old in settings.CACHE.glob(f"{recipe.name}-*"):
                if old.suffix == ".half" or old.stat().st_mtime < time.time() - _MONTH:
                    old.unlink()
            with step(f"Making the root file system {recipe.name} (a minute or so, once)"):
                _mmdebstrap(recipe, chosen, made)
        os.utime(made)
    return made


def _mmdebstrap(recipe: Recipe, chosen: apt.Apt, made: Path) -> None:
    half = made.with_suffix(f".{os.getpid()}.half")  # a run that was killed may have left its mmdebstrap at work
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder, "debian.sources")
        sources.write_text(chosen.sources)
        configuration = Path(folder, "apt.conf")
        configuration.write_text(chosen.settings)
        overlay = Path(folder, "overlay.tar")
        overlay.write_bytes(seed.archive(recipe.overlay))
        for file in Path(folder).iterdir():
            file.chmod(0o644)
        Path(folder).chmod(0o755)
        command = [
            "mmdebstrap",
            "--variant=minbase",
            *([] if os.geteuid() == 0 else ["--mode=unshare"]),
            "--format=tar",
            f"--include={','.join(recipe.packages)}",
            *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")),
            *(["--skip=cleanup/apt/lists"] if recipe.package_lists else []),
            *([f"--aptopt={configuration}"] if chosen.settings else []),
            f"--customize-hook=tar-in {overlay} /",
            *(f'--customize-hook=mkdir -p "$1{Path(key).parent}"' for key in chosen.keys),
            *(f"--customize-hook=copy-in {key} {Path(key).parent}" for key in chosen.keys),
            *(f"--customize-hook={hook}" for hook in recipe.hooks),
            recipe.suite,
            str(half),
            str(sources),
        ]
        log = made.with_suffix(".log")
        with log.open("w") as written:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=written, stderr=written, check=False, timeout=_SECONDS
            )
    if done.returncode:
        said = [line for line in log.read_text().splitlines() if line.startswith("E: ")] or ["no word why"]
        raise SandboxError(f"mmdebstrap could not make {recipe.name} ({said[0]}); see {log}")
    log.unlink()
    half.rename(made)


def _apt(suite: str) -> apt.Apt:
    system = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    codename = system.get("VERSION_CODENAME", "").strip('"') if system.get("ID") == "debian" else ""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return apt.choose(suite, codename, apt.read_sources(), dump)


def _overlay(name: str) -> dict[str, bytes]:
    folder = _FOLDER / name
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def _digest(recipe: Recipe, chosen: apt.Apt) -> str:
    """The same for the same recipe on the same machine."""
    said = {
        **dataclasses.asdict(recipe),
        "overlay": {path: data.decode() for path, data in recipe.overlay.items()},
        "apt": dataclasses.asdict(chosen),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]

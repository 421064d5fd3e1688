"""gcsfuse and a Cloud Storage server, built from their Go modules, of the versions in the two go.mod beside this."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.sandbox import settings
from tests.sandbox.errors import SandboxError
from tests.sandbox.progress import step

_FOLDER = Path(__file__).parent
#: Program -> (folder of its go.mod, package).
_PROGRAMS = {
    "gcsfuse": (_FOLDER, "github.com/googlecloudplatform/gcsfuse/v3"),
    "fake-gcs-server": (_FOLDER / "server", "github.com/fsouza/fake-gcs-server"),
}
_SECONDS = 3600


@dataclasses.dataclass(frozen=True)
class Programs:
    """Where the two lie."""

    gcsfuse: Path
    server: Path


def build() -> Programs:
    """Both programs, built if the cache lacks them (minutes, once per version). Raises SandboxError."""
    return Programs(_build("gcsfuse"), _build("fake-gcs-server"))


def _build(name: str) -> Path:
    folder, package = _PROGRAMS[name]
    pinned = hashlib.sha256(b"".join((folder / file).read_bytes() for file in ("go.mod", "go.sum"))).hexdigest()[:12]
    made = settings.CACHE / f"{name}-{pinned}"
    settings.CACHE.mkdir(parents=True, exist_ok=True)
    with (settings.CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test may be at it; the kernel drops the lock of one that died
        if made.exists():
            return made
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
        if go is None:
            raise SandboxError(f"{name} is built from its Go module: install Go 1.26 or newer, then run this again")
        half = made.with_suffix(".half")
        # No C library of this machine, since other systems run it; one compiler at a time, behind others' work.
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
        command = ["nice", "-n", "10", go, "build", "-p=1", "-trimpath", "-ldflags=-s -w", "-o", str(half), package]
        with step(f"Building {name} from its Go module (minutes, once)"):
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS
            )
        if done.returncode:
            raise SandboxError(f"{name} could not be built: {done.stderr.strip()[-1000:]}")
        half.rename(made)
    return made

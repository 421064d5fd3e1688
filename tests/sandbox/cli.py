"""The reference CLI's package: fetched once from the npm registry, served to hosts that cannot reach it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from tests.sandbox import settings
from tests.sandbox.errors import SandboxError
from tests.sandbox.progress import step

VERSION = "0.89.0"
FILE = f"devcontainers-cli-{VERSION}.tgz"
_NAME = "@devcontainers/cli"
_SECONDS = 300


def ensure(folder: Path) -> str:
    """Put the package into ``folder``, by way of the cache. Its sha256 in hex. Raises SandboxError."""
    kept = settings.CACHE / FILE
    if not kept.exists():
        settings.CACHE.mkdir(parents=True, exist_ok=True)
        with (
            step(f"Fetching {_NAME} {VERSION} from the npm registry"),
            tempfile.TemporaryDirectory(dir=settings.CACHE) as half,
        ):
            try:
                made = _npm(Path(half)) if shutil.which("npm") else _download(Path(half))
            except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
                said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
                raise SandboxError(
                    f"{_NAME} {VERSION} could not be fetched ({said[-1] if said else error!r}); "
                    f"check npm's registry setting, or put the package there yourself: {kept}"
                ) from error
            made.replace(kept)
    data = kept.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / FILE).exists() or (folder / FILE).read_bytes() != data:
        (folder / FILE).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _npm(folder: Path) -> Path:
    subprocess.run(
        ["npm", "pack", "--silent", f"{_NAME}@{VERSION}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=_SECONDS,
    )
    return folder / FILE


def _download(folder: Path) -> Path:
    """Where npm is lacking: the same file from the same registry, checked against what the registry says of it."""
    registry = os.environ.get("NPM_CONFIG_REGISTRY") or "https://registry.npmjs.org"
    with urllib.request.urlopen(f"{registry.rstrip('/')}/{_NAME}/{VERSION}", timeout=60) as answer:
        described = json.load(answer)["dist"]
    with urllib.request.urlopen(described["tarball"], timeout=_SECONDS) as answer:
        data = answer.read()
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != described["integrity"].removeprefix("sha512-"):
        raise ValueError("its sha512 is not what the registry says")
    (folder / FILE).write_bytes(data)
    return folder / FILE

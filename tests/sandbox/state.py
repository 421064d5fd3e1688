"""The state folder: whose it is, who works in it, and files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import typing as t
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.sandbox import settings
from tests.sandbox.errors import SandboxError
from tests.sandbox.progress import say

#: In every state folder that we made: what has none is never removed.
_MARK = "this-is-a-devcontainer-sandbox"


@contextlib.contextmanager
def locked() -> t.Iterator[None]:
    """One `up` or `down` at a time. The kernel drops the lock of one that was killed. Raises SandboxError."""
    folder = settings.STATE
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise SandboxError(
            f"The folder {folder} holds something else than a sandbox; set DEVCONTAINER_SANDBOX_STATE to a new one"
        )
    while True:
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        with (folder / _MARK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Waiting for another `up` or `down` of this sandbox to end ...")
                fcntl.flock(lock, fcntl.LOCK_EX)
            # A `down` that held it has removed the folder: then this lock is on a file that nobody else will see.
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(lock.fileno()).st_ino == (folder / _MARK).stat().st_ino:
                    yield
                    return


def write(file: Path, value: t.Any) -> None:
    """As JSON, at once."""
    half = file.with_suffix(".half")
    half.write_text(json.dumps(value, indent=1) + "\n")
    half.replace(file)


def read(file: Path) -> dict[str, t.Any]:
    """What write() wrote; empty if it did not."""
    try:
        return dict(json.loads(file.read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def ssh_key() -> Path:
    """The private key of the sandbox's user, beside its public half; made once."""
    private = settings.STATE / "id_ed25519"
    public = Path(f"{private}.pub")
    if not (private.exists() and public.exists()):
        key = Ed25519PrivateKey.generate()
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        private.unlink(missing_ok=True)
        with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(secret)
        shown = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        public.write_bytes(shown + b" sandbox\n")
    return private


def remove() -> None:
    """The whole folder, the lock in it included."""
    shutil.rmtree(settings.STATE)

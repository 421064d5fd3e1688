"""The process that answers as the cloud: python -m tests.sandbox.daemon STATE_FOLDER. A kill loses nothing.

The rest of this module finds, starts and ends it. It is found by its command line and never by a noted pid, which the
kernel may have given to somebody else, or which may be lost with the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

from tests.sandbox import settings, state
from tests.sandbox.errors import SandboxError
from tests.sandbox.progress import step

_MODULE = "tests.sandbox.daemon"
LOG = settings.STATE / "daemon.log"
#: pid, version, endpoint and what the API was seeded with: written when it answers.
READY = settings.STATE / "daemon.json"
_UP_SECONDS = 60
_END_SECONDS = 20


def ensure() -> dict[str, t.Any]:
    """Start the daemon unless it runs and is of these very sources. What it says of itself. Raises SandboxError."""
    said = state.read(READY)
    if said.get("pid") in pids() and said.get("version") == _version() and answers():
        return said
    with step("Starting the cloud's API"):
        end()
        READY.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "DEVCONTAINER_SANDBOX_STATE": str(settings.STATE),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(settings.ROOT), os.environ.get("PYTHONPATH")])),
        }
        with LOG.open("ab") as log:
            began = log.tell()
            child = subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(settings.STATE)],
                cwd=settings.ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + _UP_SECONDS
        while not (said := state.read(READY)):
            if child.poll() is not None or time.monotonic() > until:
                end()
                lines = LOG.read_bytes()[began:].decode(errors="replace").strip().splitlines()
                raise SandboxError(f"The cloud's API did not start ({lines[-1] if lines else 'no word'}); see {LOG}")
            time.sleep(0.1)
    return said


def pids() -> set[int]:
    """The daemons of this state folder that run: none or one."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if words[1:4] == ["-m", _MODULE, str(settings.STATE)]:
                found.add(int(process.name))
    return found


def end() -> None:
    """Ask it to end, and make it end if it does not."""
    for chosen, seconds in ((signal.SIGTERM, _END_SECONDS), (signal.SIGKILL, 5)):
        for pid in pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, chosen)
        until = time.monotonic() + seconds
        while pids() and time.monotonic() < until:
            time.sleep(0.1)
        if not pids():
            return


def answers() -> bool:
    """Whether something listens on its ports."""
    return all(listens(port) for port in (settings.API_PORT, settings.GCE_PORT))


def listens(port: int) -> bool:
    """Whether something listens on this port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def main() -> None:
    """Serve until told to end. What goes wrong is one sentence on the log's last line."""
    # Not imported by who only looks for the daemon.
    from tests.sandbox import compute, engine
    from tests.sandbox.api import Api
    from tests.sandbox.hosts import Hosts

    ended = threading.Event()
    for chosen in (signal.SIGTERM, signal.SIGINT):
        signal.signal(chosen, lambda *_signal: ended.set())
    # Looked at beforehand: the server itself prints advice of its own and exits where the port is taken.
    for port, variable in (
        (settings.API_PORT, "DEVCONTAINER_SANDBOX_PORT"),
        (settings.GCE_PORT, "DEVCONTAINER_SANDBOX_GCE_PORT"),
    ):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            sys.exit(f"port {port} of 127.0.0.1 cannot be had: {error}; set {variable} to another")
    try:
        # One driver for both clouds: their hosts share a network and the table of who has which address.
        driver = Hosts(engine.client())
        api = Api(driver=driver, state=settings.STATE / "api", port=settings.API_PORT)
        api.start()
        gce, gce_facts = compute.start(driver)
    except (SandboxError, OSError) as error:
        sys.exit(str(error))
    said = {"pid": os.getpid(), "version": _version(), "endpoint": api.endpoint, **api.seed(), "gce": gce_facts}
    state.write(READY, said)
    ended.wait()
    gce.stop()
    api.stop()


def _version() -> str:
    """Changes with the sandbox's sources: a daemon of older ones is replaced."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    main()

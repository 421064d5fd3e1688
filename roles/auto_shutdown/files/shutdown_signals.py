# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The signs of work that a host shows: read from /proc and /sys, so that nothing need be installed or asked.

``memory`` is a dict that the caller keeps from tick to tick as JSON. A sensor raises where it cannot read what it
must; read_all() turns that into a signal, since what cannot be read counts as work.
"""

from __future__ import annotations

import os
import re
import typing as t
from pathlib import Path

from shutdown_cpu import containers
from shutdown_decision import UNKNOWN, Signal
from shutdown_proc import Process, io_bytes, processes

#: A session that moves no more than this in a minute shows only that its other end still answers.
KEEPALIVE_BYTES = 1024
#: An authenticated session only: "[accepted]", "[net]" and "[priv]" may be anyone who knocks.
_SSHD = re.compile(r"^sshd(?:-session)?: (?P<user>[^\s@\[]+)(?:@(?P<ttys>\S+))?\s*$")
_DOCKER_WORK = ("build", "buildx", "pull", "push", "load", "save", "import")
#: Whose flock or fcntl lock means work.
LOCKS = {
    "/usr/local/bin/devcontainer": "a devcontainer is being built",
    "/var/lib/dpkg/lock-frontend": "packages are being installed",
    "/var/lib/dpkg/lock": "packages are being installed",
    "/var/lib/apt/lists/lock": "package lists are being read",
    "/var/cache/apt/archives/lock": "packages are being fetched",
    "/var/lib/rpm/.rpm.lock": "packages are being installed",
    "/usr/lib/sysimage/rpm/.rpm.lock": "packages are being installed",
}
Memory = dict[str, t.Any]


class Host(t.NamedTuple):
    """What all sensors look at."""

    now: float
    memory: Memory
    table: list[Process]
    cpu_percent: float
    walled_at: float | None = None  #: when we last wrote to every terminal ourselves
    root: Path = Path("/")


def session_of(process: Process) -> tuple[str, str] | None:
    """(kind, detail) of a process that is one person's connection; None for any other."""
    title = " ".join(process.argv)
    found = _SSHD.match(title) if process.comm.startswith("sshd") else None
    if found:
        return "ssh", f"SSH session of {found['user']}" + (f" on {found['ttys']}" if found["ttys"] else "")
    if process.comm == "ssm-session-wor":  # the kernel keeps 15 characters
        return "ssm", "Session Manager session"
    if _docker_verb(process.argv) == "exec":
        return "exec", "docker exec session"
    return None


def work_of(process: Process) -> str | None:
    """What piece of work a process is; None for one that says nothing."""
    if _docker_verb(process.argv) in _DOCKER_WORK:
        return f"docker {_docker_verb(process.argv)}"
    if "/buildkit/" in process.cgroup:
        return "docker build"
    if any(Path(word).name == "ansible-pull" or "/.ansible/tmp/" in word for word in process.argv[:4]):
        return "Ansible run"
    return None


def _docker_verb(argv: t.Sequence[str]) -> str:
    """``exec`` of ``docker --context x exec -it web sh``; empty for anything but a docker client."""
    if not argv or Path(argv[0]).name not in ("docker", "podman", "nerdctl"):
        return ""
    words = iter(argv[1:])
    for word in words:
        if word in ("-H", "--host", "-c", "--context", "-l", "--log-level", "--config"):
            next(words, None)
        elif word in ("container", "image"):
            continue
        elif not word.startswith("-"):
            return word
    return ""


def sessions(host: Host) -> list[Signal]:
    """Connections of people. The age is that of the last keystroke, output or traffic beyond a keep-alive's."""
    seen = host.memory.setdefault("sessions", {})
    found, alive = [], {}
    for process in host.table:
        session = session_of(process)
        if session is None:
            continue
        key = f"{process.pid}:{process.start}"
        count, moved_at, counted_at = seen.get(key, (None, host.now, host.now))
        total = io_bytes(host.root, process.pid)
        if total is None:
            continue  # it has just ended
        minutes = max(1.0, (host.now - counted_at) / 60)
        if count is not None and total - count > KEEPALIVE_BYTES * minutes:
            moved_at = host.now
        alive[key] = (total, moved_at, host.now)
        ages = [host.now - moved_at]
        typed = _tty_moment(host, process)
        if typed is not None:
            ages.append(host.now - typed)
        found.append(Signal(session[0], session[1], max(0.0, min(ages))))
    host.memory["sessions"] = alive
    return found


def _tty_moment(host: Host, process: Process) -> float | None:
    """Of the terminals that sshd names in its title, or of the process's own one."""
    found = _SSHD.match(" ".join(process.argv))
    names = [name for name in (found["ttys"] or "").split(",") if name.startswith("pts/")] if found else []
    if process.pts is not None:
        names.append(f"pts/{process.pts}")
    moments = [_touched(host, host.root / "dev" / name) for name in names]
    return max((moment for moment in moments if moment is not None), default=None)


def _touched(host: Host, path: Path) -> float | None:
    """When a terminal last had input or output; our own warning does not count. The kernel counts in 8 seconds."""
    try:
        status = path.stat()
    except OSError:
        return None
    wall = host.walled_at
    ours = wall is not None and wall - 8 <= status.st_mtime <= wall + 30
    return status.st_atime if ours else max(status.st_atime, status.st_mtime)


def terminals(host: Host) -> list[Signal]:
    """The terminal, on the host or in a container, that last had input or output: tmux, a shell, an editor's own."""
    best: tuple[float, Process] | None = None
    for process in host.table:
        if process.pts is None:
            continue
        # Through the process's own root: a container's /dev/pts is another one.
        moment = _touched(host, host.root / "proc" / str(process.pid) / f"root/dev/pts/{process.pts}")
        if moment is not None and (best is None or moment > best[0]):
            best = (moment, process)
    if best is None:
        return []
    moment, process = best
    return [Signal("terminal", f"terminal pts/{process.pts} ({process.comm})", max(0.0, host.now - moment))]


def work(host: Host) -> list[Signal]:
    """Builds, image transfers and Ansible's own runs; the oldest process of each sort. The age is since it began."""
    oldest: dict[str, float] = {}
    for process in host.table:
        name = work_of(process)
        if name and process.pid != os.getpid():
            oldest[name] = max(oldest.get(name, 0.0), process.age)
    return [Signal("work", f"{name}, begun", age) for name, age in sorted(oldest.items())]


def locks(host: Host) -> list[Signal]:
    """Held locks of builds and package managers. Reading /proc/locks disturbs nobody, unlike trying the lock."""
    ages = {process.pid: process.age for process in host.table}
    text = (host.root / "proc/locks").read_text()
    found: dict[str, float] = {}
    for pid, device, inode in parse_locks(text):
        for name, meaning in LOCKS.items():
            path = host.root / name.lstrip("/")
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            same = (os.major(status.st_dev), os.minor(status.st_dev)) == device
            # Overlay and btrfs show one device to stat() and another one here: then the holder's open files tell.
            if status.st_ino == inode and (same or _has_open(host, pid, name)):
                found[meaning] = max(found.get(meaning, 0.0), ages.get(pid, 0.0))
    return [Signal("lock", f"{meaning}, begun", age) for meaning, age in sorted(found.items())]


def parse_locks(text: str) -> list[tuple[int, tuple[int, int], int]]:
    """(pid, (major, minor), inode) of each held lock in /proc/locks; waiting ones (``->``) hold nothing."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 8 or words[1] == "->":
            continue
        major, minor, inode = words[5].split(":")
        found.append((int(words[4]), (int(major, 16), int(minor, 16)), int(inode)))
    return found


def _has_open(host: Host, pid: int, name: str) -> bool:
    try:
        return any(str(item.readlink()) == name for item in (host.root / f"proc/{pid}/fd").iterdir())
    except OSError:
        return False


SENSORS: dict[str, t.Callable[[Host], list[Signal]]] = {
    "sessions": sessions,
    "terminals": terminals,
    "work": work,
    "locks": locks,
    "processor time of containers": lambda host: containers(
        host.root, host.memory, host.table, host.now, host.cpu_percent
    ),
}


def read_all(
    now: float,
    memory: Memory,
    cpu_percent: float,
    walled_at: float | None = None,
    root: Path = Path("/"),
    sensors: t.Optional[t.Mapping[str, t.Callable[[Host], list[Signal]]]] = None,
) -> list[Signal]:
    """Every signal; a sensor that fails becomes one of kind ``unknown``."""
    try:
        host = Host(now, memory, processes(root), cpu_percent, walled_at, root)
    except (OSError, ValueError) as error:
        return [Signal(UNKNOWN, f"the processes cannot be read ({error})", 0.0)]
    found = []
    for name, sensor in (sensors or SENSORS).items():
        try:
            found += sensor(host)
        except Exception as error:  # whatever is wrong with one of them, the others must be heard
            memory.clear()
            found.append(Signal(UNKNOWN, f"{name} cannot be read ({error})", 0.0))
    return found

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The process table, from /proc."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

HERTZ = os.sysconf("SC_CLK_TCK")


class Process(t.NamedTuple):
    """One process; ``start`` in clock ticks, ``age`` in seconds, ``pts`` the number of its terminal /dev/pts/N."""

    pid: int
    ppid: int
    comm: str
    argv: list[str]
    pts: int | None
    start: int
    age: float
    cgroup: str


def parse_stat(text: str) -> tuple[str, int, int | None, int]:
    """(comm, ppid, pts, start) of /proc/PID/stat. The name may hold anything, spaces and parentheses too."""
    left, right = text.index("("), text.rindex(")")
    words = text[right + 2 :].split()
    device = int(words[4])
    # linux/kdev_t.h: minor in bits 0-7 and 20-31, major in bits 8-19; Unix98 terminals have majors 136 to 143.
    major, minor = (device >> 8) & 0xFFF, (device & 0xFF) | ((device >> 12) & 0xFFF00)
    pts = (major - 136) * 256 + minor if 136 <= major <= 143 else None
    return text[left + 1 : right], int(words[1]), pts, int(words[19])


def uptime(root: Path) -> float:
    """Seconds since the kernel booted: in a container that is the outer machine's."""
    return float((root / "proc/uptime").read_text().split()[0])


def boot(root: Path, now: float) -> tuple[str, float]:
    """(identity, moment) of this boot: PID 1 tells, in a container as on a machine."""
    start = parse_stat((root / "proc/1/stat").read_text())[3]
    kernel = (root / "proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{kernel}:{start}", now - (uptime(root) - start / HERTZ)


def processes(root: Path) -> list[Process]:
    """All that can be seen; one that ends meanwhile is left out."""
    up = uptime(root)
    found = []
    for folder in (root / "proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            comm, ppid, pts, start = parse_stat((folder / "stat").read_text(errors="replace"))
            argv = (folder / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
            cgroup = (folder / "cgroup").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        age = max(0.0, up - start / HERTZ)
        found.append(Process(int(folder.name), ppid, comm, argv, pts, start, age, cgroup))
    return found


def io_bytes(root: Path, pid: int) -> int | None:
    """Bytes that a process has read and written, of sockets too; None if it has ended."""
    try:
        lines = (root / f"proc/{pid}/io").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    counts = dict(line.split(": ") for line in lines)
    return int(counts["rchar"]) + int(counts["wchar"])

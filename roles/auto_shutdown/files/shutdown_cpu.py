# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processor time of containers and of people's own processes, from cgroups of either version."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

from shutdown_decision import Signal
from shutdown_proc import Process

_ID = re.compile(r"[0-9a-f]{64}")


def parse_cgroup(text: str) -> dict[str, str]:
    """Controller -> path of /proc/PID/cgroup; the unified hierarchy stands under the empty name."""
    found = {}
    for line in text.splitlines():
        _number, names, path = line.split(":", 2)
        found.update(dict.fromkeys(names.split(","), path))
    return found


def usage_files(text: str) -> list[str]:
    """Where the processor time of the cgroup may stand, below /sys/fs/cgroup; the first that exists counts."""
    paths = parse_cgroup(text)
    found = []
    if "cpuacct" in paths:
        found = [f"{folder}{paths['cpuacct']}/cpuacct.usage" for folder in ("cpuacct", "cpu,cpuacct", "cpuacct,cpu")]
    if "" in paths:
        found.append(f"{paths[''].lstrip('/')}/cpu.stat")
    return found


def container_of(text: str, own: t.Collection[str]) -> tuple[str, str] | None:
    """(id, its own cgroup lines) of a process in a container; None outside. ``own``: ids that we run in ourselves."""
    ids = [found for found in _ID.findall(text) if found not in own]
    if not ids:
        return None
    inner = ids[-1]
    lines = [
        line[: line.index("/", line.index(inner))] if "/" in line[line.index(inner) :] else line
        for line in text.splitlines()
        if inner in line
    ]
    return inner, "\n".join(lines)


def parse_usage(text: str) -> float:
    """Seconds of processor time of cpuacct.usage (v1: nanoseconds) or cpu.stat (v2: microseconds)."""
    if text.strip().isdigit():
        return int(text) / 1e9
    return int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6


class Load(t.NamedTuple):
    """What is remembered of one cgroup: seconds of processor time, when it was read, and the hysteresis."""

    used: float
    at: float
    high: int = 0  #: looks in a row at or above the limit
    busy_at: float | None = None  #: when it was busy last


def step(before: Load | None, used: float, now: float, percent: float) -> Load:
    """Busy from the second look in a row at ``percent`` of a core, until one below half of it.

    So a job of a few seconds does not hold, and a build that waits for its network for a moment does.
    """
    if before is None or used < before.used or now <= before.at:
        return Load(used, now)
    share = 100 * (used - before.used) / (now - before.at)
    was_busy = before.busy_at == before.at
    high = before.high + 1 if share >= percent else 0
    busy = high >= 2 or (was_busy and share >= percent / 2)
    return Load(used, now, high, now if busy else before.busy_at)


def containers(
    root: Path, memory: dict[str, t.Any], table: t.Iterable[Process], now: float, percent: float
) -> list[Signal]:
    """One signal for each container (or for people's own processes) that was busy."""
    groups = _groups(root, table)
    seen = memory.get("cpu", {})
    loads, found = {}, []
    for name, text in groups.items():
        used = _used(root, text)
        if used is None:
            continue  # it ended meanwhile, or nobody counts there
        before = Load(*seen[name]) if name in seen else None
        load = loads[name] = step(before, used, now, percent)
        if load.busy_at is not None:
            found.append(Signal("cpu", f"{_label(root, name)} was busy", max(0.0, now - load.busy_at)))
    memory["cpu"] = loads
    return found


def _groups(root: Path, table: t.Iterable[Process]) -> dict[str, str]:
    """Container id, or ``user.slice``, -> the lines of its cgroup."""
    table = list(table)
    first = next((process.cgroup for process in table if process.pid == 1), "")
    own = set(_ID.findall(first))
    groups = {}
    for process in table:
        container = container_of(process.cgroup, own)
        if container:
            groups[container[0]] = container[1]
        elif "/user.slice/" in process.cgroup:
            ours = [line.partition("/user.slice/") for line in process.cgroup.splitlines()]
            groups["user.slice"] = "\n".join(f"{start}/user.slice" for start, found, _rest in ours if found)
    return groups


def _used(root: Path, text: str) -> float | None:
    for name in usage_files(text):
        try:
            return parse_usage((root / "sys/fs/cgroup" / name).read_text())
        except (FileNotFoundError, NotADirectoryError):
            continue
    return None


def _label(root: Path, name: str) -> str:
    if name == "user.slice":
        return "a user's own process"
    try:
        known = json.loads((root / f"var/lib/docker/containers/{name}/config.v2.json").read_text())["Name"]
        return f"container {known.lstrip('/')}"
    except (OSError, ValueError, KeyError):
        return f"container {name[:12]}"

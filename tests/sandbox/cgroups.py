"""The groups that a host leaves in the machine's cgroup tree, since it works in that tree itself.

Its systemd's lie below the host's own; its inner engine's lie beside it, as docker/ID at the top of the tree.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

_TREE = Path("/sys/fs/cgroup")
_ID = re.compile(r"[0-9a-f]{64}")


def ids_below(pid: int) -> set[str]:
    """The ids of the containers, inner ones above all, that the descendants of this process are in."""
    parents: dict[int, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            # "PID (name) STATE PARENT ...", and the name may hold anything
            parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    found: set[str] = set()
    for child in parents:
        ancestor = child
        while ancestor not in (0, pid):
            ancestor = parents.get(ancestor, 0)
        if ancestor == pid:
            with contextlib.suppress(OSError):
                found.update(_ID.findall(Path("/proc", str(child), "cgroup").read_text()))
    return found


def sweep(ids: set[str]) -> None:
    """Remove the groups of these containers; the kernel refuses one in which a process lives."""
    for root in _TREE, *_TREE.glob("*"):
        for key in ids:
            for group in root / "docker" / key, root / "system.slice" / f"docker-{key}.scope":
                if group.is_dir():
                    for folder, _folders, _files in os.walk(group, topdown=False):
                        with contextlib.suppress(OSError):
                            Path(folder).rmdir()

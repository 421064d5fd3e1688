"""A host as a folder: what the sensors read of /proc, /sys and /dev."""

from __future__ import annotations

import os
from pathlib import Path

from shutdown_proc import HERTZ

UPTIME = 10_000
V2 = "0::/init.scope\n"


class FakeHost:
    """``now`` is 1,000,000; PID 1 began 9,000 seconds ago, inside a machine that is up for 10,000."""

    now = 1_000_000.0

    def __init__(self, root: Path, cgroup: str = V2) -> None:
        self.root = root
        self.write("proc/uptime", f"{UPTIME}.00 1.00\n")
        self.write("proc/sys/kernel/random/boot_id", "7e30f7c1\n")
        self.write("proc/locks", "")
        self.process(1, "systemd", ["/lib/systemd/systemd"], age=9000, cgroup=cgroup)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def process(self, pid, comm, argv, *, age=100, tty=0, cgroup=V2, io=0, ppid=1):
        start = (UPTIME - age) * HERTZ
        self.write(
            f"proc/{pid}/stat",
            f"{pid} ({comm}) S {ppid} {pid} {pid} {tty} -1 4194560 2865 12307 26 38 7 11 11 16 20 0 1 0 {start} 2028",
        )
        self.write(f"proc/{pid}/cmdline", "\0".join(argv) + "\0")
        self.write(f"proc/{pid}/cgroup", cgroup)
        self.io(pid, io)

    def io(self, pid, count):
        self.write(f"proc/{pid}/io", f"rchar: {count}\nwchar: 0\nsyscr: 1\nsyscw: 1\nread_bytes: 0\nwrite_bytes: 0\n")

    def terminal(self, name, *, typed, printed):
        """Ages of its last input and output."""
        path = self.write(name, "")
        os.utime(path, (self.now - typed, self.now - printed))

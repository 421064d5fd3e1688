"""PID 1 of the services container: starts every service and ends when one of them does; Docker starts it again then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
METADATA = "169.254.169.254"
COMMANDS = (
    ["docker-registry", "serve", str(HERE / "registry.yml")],
    ["git", "daemon", "--export-all", "--reuseaddr", "--base-path=/srv/git", "/srv/git"],
    [sys.executable, "-m", "http.server", "8000", "--directory", "/srv/files"],
    [sys.executable, str(HERE / "imds.py"), METADATA, "80", "/srv/metadata/instances.json"],
)


def main() -> None:
    Path("/srv/git").mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # PID 1 has no default for it
    subprocess.run(["ip", "address", "replace", f"{METADATA}/32", "dev", "eth0"], check=True)
    children = {subprocess.Popen(command).pid: command for command in COMMANDS}
    while True:
        pid, status = os.wait()
        if pid in children:
            sys.exit(f"{' '.join(children[pid])} ended with status {status}")


if __name__ == "__main__":
    main()

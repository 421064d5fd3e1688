"""python -m tests.sandbox up|down|status: a cloud and its hosts on this machine."""

from __future__ import annotations

import argparse
import sys

from tests.sandbox import bring_up, cleaning, status
from tests.sandbox.errors import SandboxError
from tests.sandbox.host import HostError


def main() -> int:
    """The exit status: 0, or 1 with one sentence."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="make it, or repair it; what is there already stays")
    down = verbs.add_parser("down", help="remove it and all it made but the cache of root file systems")
    down.add_argument("--all", action="store_true", help="remove that cache too")
    verbs.add_parser("status", help="show its instances and services; exit status 1 if something is down")
    chosen = parser.parse_args()
    try:
        if chosen.verb == "status":
            return 0 if status.status() else 1
        bring_up.up() if chosen.verb == "up" else cleaning.down(chosen.all)
    except (SandboxError, HostError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the same command again goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""devcontainer-keep-awake: a hold that a person or a script asks for, and that always ends.

Each hold is one small JSON file in a folder that anybody may write to and nobody may clear of other people's files:
{"until": epoch seconds, "reason": text, "pid": number or null, "start": clock ticks of that process or null}.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import re
import sys
import time
import typing as t
from pathlib import Path

from shutdown_decision import Signal, clock
from shutdown_proc import parse_stat

FOLDER = Path("/run/devcontainer-cloud/keep-awake")
#: A hold that names no time: as long as a working day's end and a night.
DEFAULT = 12 * 3600
_DURATION = re.compile(r"^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")
_LARGEST = 4096
#: More holds than this are not looked at, and a longer one is a typing error.
MOST = 100
LONGEST = 10 * 365 * 86400


def parse_duration(text: str) -> int:
    """Seconds of ``90s``, ``30m``, ``8h``, ``1h30m``. Raises ValueError with the sentence for the user."""
    found = _DURATION.fullmatch(text.strip().lower())
    seconds = sum(int(n) * size for n, size in zip(found.groups(), (86400, 3600, 60, 1)) if n) if found else 0
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"{text!r} is no duration; write for example 90s, 30m, 8h or 1h30m")
    return seconds


def start_of(pid: int, root: Path = Path("/")) -> int | None:
    """Clock ticks at which the process began, which tell a later one of the same number; None if it is gone."""
    try:
        return parse_stat((root / f"proc/{pid}/stat").read_text(errors="replace"))[3]
    except (FileNotFoundError, ProcessLookupError):
        return None


def signals(now: float, folder: Path = FOLDER, root: Path = Path("/")) -> list[Signal]:
    """The holds that last; removes the others' files. A file that cannot be read holds, from its last change on."""
    found = []
    for path in sorted(folder.iterdir())[:MOST]:
        if path.name.startswith("."):
            continue  # being written
        signal = _signal(now, path, root)
        if signal is None:
            path.unlink(missing_ok=True)
        else:
            found.append(signal)
    return found


def _signal(now: float, path: Path, root: Path) -> Signal | None:
    try:
        # Anybody may put anything here: follow no link, wait for no pipe, read no more than a hold needs.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            hold = json.loads(file.read(_LARGEST))
        until, pid, reason = float(hold["until"]), hold.get("pid"), str(hold.get("reason") or "no reason given")[:200]
        if until - now > LONGEST:
            raise ValueError("its end lies too far ahead")
        began, user = status.st_mtime, _name(status.st_uid)
        start = None if pid is None else start_of(int(pid), root)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        return Signal(
            "keep-awake", f"keep-awake {path.name[:80]!r}, unreadable ({error}), made", now - path.lstat().st_mtime
        )
    if not until > now or (pid is not None and (start is None or start != hold.get("start"))):
        return None
    what = f"keep-awake of {user}" + (f" while process {pid} lives" if pid is not None else "")
    return Signal("keep-awake", f"{what}: {reason}", now - began, until)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def main(argv: t.Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="devcontainer-keep-awake",
        description="Keep this workspace from its idle shutdown for a while. The lease and the longest lifetime still "
        "end it. A later hold of yours replaces the earlier one.",
    )
    parser.add_argument("time", nargs="?", help="how long: 30m, 2h, 1h30m (with --while-pid: at most; default 12h)")
    parser.add_argument("reason", nargs="*", help="why; shown by devcontainer-idle-status")
    parser.add_argument("--while-pid", type=int, metavar="PID", help="only while that process lives")
    parser.add_argument("--off", action="store_true", help="end your holds (as root: everybody's)")
    options = parser.parse_args(argv)
    uid = os.getuid()
    try:
        if options.off:
            return _off(folder, uid)
        if options.time is None and options.while_pid is None:
            parser.error("say how long, for example: devcontainer-keep-awake 2h nightly tests")
        seconds = parse_duration(options.time) if options.time else DEFAULT
        start = None
        if options.while_pid is not None:
            start = start_of(options.while_pid)
            if start is None:
                raise ValueError(f"--while-pid: there is no process {options.while_pid}")
        until = int(time.time()) + seconds
        hold = {"until": until, "reason": " ".join(options.reason), "pid": options.while_pid, "start": start}
        name = str(uid) if options.while_pid is None else f"{uid}-{options.while_pid}"
        partial = folder / f".{name}.{os.getpid()}"
        partial.write_text(json.dumps(hold))
        partial.replace(folder / name)
    except ValueError as error:
        print(f"devcontainer-keep-awake: {error}", file=sys.stderr)
        return 2
    except FileNotFoundError:
        print(
            f"devcontainer-keep-awake: {folder} is not there yet; the agent makes it within a minute", file=sys.stderr
        )
        return 1
    except OSError as error:
        print(f"devcontainer-keep-awake: the hold cannot be written: {error}", file=sys.stderr)
        return 1
    living = f", while process {options.while_pid} lives" if options.while_pid is not None else ""
    print(f"No idle shutdown until {clock(until)}{living}. Its lease and longest lifetime still count.")
    return 0


def _off(folder: Path, uid: int) -> int:
    ended = 0
    for path in folder.iterdir():
        if uid in (0, path.lstat().st_uid):
            path.unlink(missing_ok=True)
            ended += 1
    print(f"Ended {ended} hold{'' if ended == 1 else 's'}.")
    return 0

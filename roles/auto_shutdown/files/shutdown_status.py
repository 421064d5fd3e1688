# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The decision log, and devcontainer-idle-status, which reads it: why is it still up, and why did it stop."""

from __future__ import annotations

import argparse
import json
import sys
import time
import typing as t
from pathlib import Path

import shutdown_proc
from shutdown_decision import Config, Decision, Signal, clock, parse_time, plain, span

LOG = Path("/var/log/devcontainer-cloud/auto-shutdown.jsonl")
#: About five days of minutes; one older file of the same size is kept.
LARGEST_LOG = 4 * 1024 * 1024
#: The agent runs each minute; two may fail.
STALE = 180
_CAUSES = {"idle": "its idle limit", "lease": "the end of its lease", "lifetime": "its longest lifetime"}


Line = t.Mapping[str, t.Any]


def line_of(now: float, decision: Decision, signals: t.Sequence[Signal], config: Config, boot: str) -> dict[str, t.Any]:
    """One decision as it stands in the log; times in UTC, durations in seconds."""
    return {
        "time": clock(now),
        "action": decision.action,
        "reason": "; ".join(decision.reasons),
        "reasons": list(decision.reasons),
        "idle_seconds": int(decision.idle_seconds),
        "idle_limit": config.idle_limit,
        "up_seconds": int(now - decision.state.started),
        "stops_at": None if decision.stops_at is None else clock(decision.stops_at),
        "stops_for": decision.stops_for,
        "signals": [
            {"kind": signal.kind, "detail": plain(signal.detail), "age": int(signal.age)}
            | ({} if signal.until is None else {"until": clock(signal.until)})
            for signal in signals
        ],
        "boot": boot,
    }


def append(line: t.Mapping[str, t.Any], log: Path = LOG, largest: int = LARGEST_LOG) -> None:
    """Add one line; a log that has grown too large becomes the older one. Raises OSError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > largest:
        log.replace(log.with_name(f"{log.name}.1"))
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def lines(log: Path = LOG) -> t.Iterator[dict[str, t.Any]]:
    """The log from its newest line to its oldest; a line that a power cut tore is left out. Raises OSError."""
    for path in (log, log.with_name(f"{log.name}.1")):
        if path.exists():
            for text in reversed(path.read_text(encoding="utf-8", errors="replace").splitlines()):
                try:
                    yield json.loads(text)
                except ValueError:
                    continue


def sentences(newest: Line | None, stopped: Line | None, now: float) -> list[str]:
    """What devcontainer-idle-status says: of the newest decision since the boot, and of the last stop before it."""
    found = (
        _present(newest, now) if newest else ["There is no decision since the boot yet; the agent makes one a minute."]
    )
    if stopped:
        found.append(f"It last stopped itself at {stopped['time']}: {stopped['reason']}.")
    return found


def _present(newest: Line, now: float) -> list[str]:
    found = []
    late = now - _moment(newest["time"])
    if late > STALE:
        found.append(f"The agent last ran {span(late)} ago: is cron running? What follows is as old.")
    if newest["action"] == "poweroff":
        return [*found, f"This workspace is powering itself off: {newest['reason']}."]
    if newest["action"] == "warn" or newest["reason"].startswith("warned: "):
        found.append(f"This workspace powers itself off soon: {newest['reason'].replace('warned: ', '', 1)}.")
    else:
        found.append("This workspace is up:")
        found += [f"- {reason}" for reason in newest["reasons"]]
    if not newest["stops_at"]:
        return [*found, "No limit stops it while this lasts."]
    left = _moment(newest["stops_at"]) - now
    when = newest["stops_at"] + (f" (in {span(left)})" if left > 0 else "")
    latest = "at the latest " if newest["action"] in ("hold", "cancel") and newest["stops_for"] != "idle" else ""
    return [*found, f"It stops {latest}at {when}, by {_CAUSES.get(newest['stops_for'], 'its limits')}."]


def _moment(text: str) -> float:
    return parse_time(text) or 0.0


def main(argv: t.Sequence[str] | None = None, log: Path = LOG, root: Path = Path("/")) -> int:
    """The command. Returns its exit code: 1 where the agent has not run of late."""
    parser = argparse.ArgumentParser(
        prog="devcontainer-idle-status",
        description=f"Why this workspace is up, when it will stop, and why it last stopped. The whole log: {log}",
    )
    parser.add_argument("--json", action="store_true", help="the newest decision and the last stop as JSON")
    options = parser.parse_args(argv)
    now = time.time()
    try:
        boot, booted = shutdown_proc.boot(root, now)
        newest = stopped = None
        for line in lines(log):
            if line["boot"] == boot:
                newest = newest or line
            elif line["action"] == "poweroff":
                stopped = line
                break
    except OSError as error:
        print(f"devcontainer-idle-status: the log cannot be read: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({"decision": newest, "last_stop": stopped}, indent=2))
    else:
        print("\n".join(sentences(newest, stopped, now)))
    return 1 if now - (_moment(newest["time"]) if newest else booted) > STALE else 0

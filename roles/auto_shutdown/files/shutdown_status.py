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

from shutdown_decision import Config, Decision, Signal, clock, parse_time, plain, span

LOG = Path("/var/log/devcontainer-cloud/auto-shutdown.jsonl")
#: About five days of minutes; one older file of the same size is kept.
LARGEST_LOG = 4 * 1024 * 1024
#: The agent runs each minute; two may fail.
STALE = 180
_CAUSES = {"idle": "its idle limit", "lease": "the end of its lease", "lifetime": "its longest lifetime"}


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


def sentences(newest: t.Mapping[str, t.Any], stopped: t.Mapping[str, t.Any] | None, now: float) -> list[str]:
    """What devcontainer-idle-status says."""
    found = []
    late = now - _moment(newest["time"])
    if late > STALE:
        found.append(f"The agent last ran {span(late)} ago: is cron running? What follows is as old.")
    if newest["action"] == "poweroff":
        found.append(f"This workspace is powering itself off: {newest['reason']}.")
    elif newest["action"] == "warn" or newest["reason"].startswith("warned: "):
        found.append(f"This workspace powers itself off soon: {newest['reason'].replace('warned: ', '', 1)}.")
    else:
        found.append("This workspace is up:")
        found += [f"- {reason}" for reason in newest["reasons"]]
    if newest["stops_at"]:
        left = _moment(newest["stops_at"]) - now
        when = newest["stops_at"] + (f" (in {span(left)})" if left > 0 else "")
        latest = "at the latest " if newest["action"] in ("hold", "cancel") and newest["stops_for"] != "idle" else ""
        found.append(f"It stops {latest}at {when}, by {_CAUSES.get(newest['stops_for'], 'its limits')}.")
    else:
        found.append("No limit will stop it while this lasts.")
    if stopped:
        found.append(f"It last stopped itself at {stopped['time']}: {stopped['reason']}.")
    return found


def _moment(text: str) -> float:
    return parse_time(text) or 0.0


def main(argv: t.Sequence[str] | None = None, log: Path = LOG) -> int:
    """The command. Returns its exit code: 1 where the agent does not run."""
    parser = argparse.ArgumentParser(
        prog="devcontainer-idle-status",
        description=f"Why this workspace is up, when it will stop, and why it last stopped. The whole log: {log}",
    )
    parser.add_argument("--json", action="store_true", help="the newest decision as JSON")
    options = parser.parse_args(argv)
    try:
        every = lines(log)
        newest = next(every, None)
        stopped = None
        if newest is not None and not options.json:
            stopped = next(
                (line for line in every if line["action"] == "poweroff" and line["boot"] != newest["boot"]), None
            )
    except OSError as error:
        print(f"devcontainer-idle-status: the log cannot be read: {error}", file=sys.stderr)
        return 1
    if newest is None:
        print("devcontainer-idle-status: there is no decision yet; the agent makes one each minute", file=sys.stderr)
        return 1
    now = time.time()
    print(json.dumps(newest, indent=2) if options.json else "\n".join(sentences(newest, stopped, now)))
    return 1 if now - _moment(newest["time"]) > STALE else 0

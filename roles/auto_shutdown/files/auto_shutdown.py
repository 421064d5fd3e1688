# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The idle shutdown agent: ``auto_shutdown.py tick`` runs each minute as root; ``keep`` and ``status`` are people's.

A tick reads the signals and the lease, asks decide(), remembers, writes one line to the log, and acts.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import shutdown_keep
import shutdown_lease
import shutdown_proc
import shutdown_signals
import shutdown_status
from shutdown_decision import UNKNOWN, Config, Decision, Lease, Signal, State, carry_on, decide, span

CONFIG = Path("/etc/devcontainer-cloud/auto_shutdown.json")
#: In memory: a full disk must not keep the agent from counting, and a boot begins anew.
STATE = Path("/run/devcontainer-cloud/auto_shutdown.json")


class Settings(t.NamedTuple):
    """The configuration file."""

    config: Config
    cpu_percent: float
    metadata_url: str


def read_settings(path: Path) -> Settings:
    """Raises OSError, ValueError, KeyError or TypeError: without limits to go by there is nothing to decide."""
    raw = json.loads(path.read_text())
    limit = raw["idle_limit"]
    seconds = {key: shutdown_keep.parse_duration(raw[key]) for key in ("grace", "max_lifetime", "hold_limit")}
    config = Config(None if limit in ("never", "none") else shutdown_keep.parse_duration(limit), **seconds)
    return Settings(config, float(raw["cpu_percent"]), str(raw["metadata_url"]))


def read_memory(path: Path) -> tuple[State | None, dict[str, t.Any], Lease]:
    """What the last tick left. None or empty for what is not there, or was torn."""
    try:
        raw = json.loads(path.read_text())
        return State(**raw["state"]), dict(raw["memory"]), Lease(**raw["lease"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, {}, Lease()


def write_memory(state: State, memory: t.Mapping[str, t.Any], lease: Lease, path: Path) -> None:
    """At once or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".new")
    partial.write_text(
        json.dumps({"state": dataclasses.asdict(state), "memory": memory, "lease": dataclasses.asdict(lease)})
    )
    partial.replace(path)


def wall(text: str) -> str:
    """Tell everybody who is logged in. Returns what went wrong, or nothing."""
    return _run(["wall", text])


def poweroff() -> str:
    """Returns what went wrong, or nothing. The next tick tries again."""
    failed = _run(["systemctl", "poweroff"])
    return f"{failed}; {_run(['shutdown', '-h', 'now'])}" if failed else ""


def _run(command: t.Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(command)}: {error}"
    return f"{' '.join(command)}: {done.stderr.strip() or f'exit code {done.returncode}'}" if done.returncode else ""


def act(decision: Decision, config: Config) -> str:
    """Returns what went wrong, or nothing."""
    if decision.action == "warn":
        way_out = " To stay, press a key or run: devcontainer-keep-awake 2h" if decision.stops_for == "idle" else ""
        return wall(f"This workspace powers itself off in {span(config.grace)}: {decision.reasons[0]}.{way_out}")
    if decision.action == "cancel":
        return wall(f"This workspace stays up: {decision.reasons[0]}.")
    return poweroff() if decision.action == "poweroff" else ""


def this_minute(now: float) -> float:
    """Cron starts a tick some moments after the full minute: all ticks are to be whole minutes apart."""
    return now - now % 60 if now % 60 < 10 else now


def holds(now: float, folder: Path, root: Path) -> list[Signal]:
    """The keep-awake files; their folder is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o1777)
        return shutdown_keep.signals(now, folder, root)
    except OSError as error:
        return [Signal(UNKNOWN, f"keep-awake files cannot be read ({error})", 0.0)]


def tick(now: float, root: Path = Path("/")) -> int:
    """One minute's work. Returns the exit code. Raises what read_settings() does."""
    config, state_file, folder, log = (
        root / path.relative_to("/") for path in (CONFIG, STATE, shutdown_keep.FOLDER, shutdown_status.LOG)
    )
    settings = read_settings(config)
    before, memory, lease = read_memory(state_file)
    boot, boot_time = shutdown_proc.boot(root, now)
    state = carry_on(before, boot, boot_time, now)
    if before is None or before.boot != boot:
        lease = Lease()
    signals = shutdown_signals.read_all(now, memory, settings.cpu_percent, memory.get("walled_at"), root)
    signals += holds(now, folder, root)
    tags = shutdown_lease.read_tags(settings.metadata_url)
    if tags is not None:
        lease = shutdown_lease.lease_of(tags)
    decision = decide(now, signals, settings.config, state, lease)
    line = shutdown_status.line_of(now, decision, signals, settings.config, boot)
    if decision.action in ("warn", "cancel"):
        memory["walled_at"] = now
    errors = []
    # Before a poweroff, which leaves no time for it afterwards.
    for write in (
        lambda: write_memory(decision.state, memory, lease, state_file),
        lambda: shutdown_status.append(line, log),
    ):
        try:
            write()
        except OSError as error:
            errors.append(str(error))
    failed = act(decision, settings.config)
    if failed:
        errors.append(failed)
        try:
            shutdown_status.append({**line, "error": failed}, log)
        except OSError as error:
            errors.append(str(error))
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


COMMANDS: dict[str, t.Callable[[], int]] = {
    "tick": lambda: tick(this_minute(time.time())),
    "keep": lambda: shutdown_keep.main(sys.argv[2:]),
    "status": lambda: shutdown_status.main(sys.argv[2:]),
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"usage: {sys.argv[0]} {{{'|'.join(COMMANDS)}}}")
    sys.exit(COMMANDS[sys.argv[1]]())

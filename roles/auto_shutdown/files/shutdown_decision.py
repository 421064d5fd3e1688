# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""decide(): why this host stays up, or that it powers itself off. Pure: it reads no file and no clock.

Times are seconds since the epoch (UTC), durations and ages are seconds. Runs on the host's own Python, 3.9 or newer.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

#: Longer between two ticks than this, and the machine slept or the clock was set.
LONGEST_TICK = 300

#: These are signs of work only at the moment at which they were seen.
MOMENTARY = ("terminal", "cpu")
#: What could not be read is taken for work; the lease and the longest lifetime bound it.
UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Config:
    """The limits, in seconds; an ``idle_limit`` of None switches the idle rule off."""

    idle_limit: t.Optional[int]
    grace: int
    max_lifetime: int
    hold_limit: int  #: how long one silent session, or one piece of work, holds


@dataclasses.dataclass(frozen=True)
class Signal:
    """One sign of work. ``age``: since a session's last sign of life, or since a piece of work began.

    ``until`` is the end that a keep-awake names itself.
    """

    kind: str
    detail: str
    age: float
    until: t.Optional[float] = None


@dataclasses.dataclass(frozen=True)
class Lease:
    """What the cloud says of the workspace: its lease, and its pin (``keep``), which suspends each limit for a time."""

    until: t.Optional[float] = None
    kept_until: t.Optional[float] = None
    kept_for: str = ""


@dataclasses.dataclass(frozen=True)
class State:
    """What is remembered from tick to tick, within one boot."""

    boot: str  #: tells one boot from the next
    started: float  #: the boot, moved on by the time that was slept
    last_tick: float
    idle_since: float
    warned_at: t.Optional[float] = None
    warned_for: str = ""  #: lifetime, lease or idle
    held: bool = False  #: whether something held that may end at any moment


@dataclasses.dataclass(frozen=True)
class Decision:
    """``action`` is hold, none, warn, cancel or poweroff; ``reasons`` are sentences, one at least.

    ``stops_at`` is when it will stop if nothing happens, None where nothing but a person will stop it.
    """

    action: str
    reasons: tuple[str, ...]
    idle_seconds: float
    stops_at: t.Optional[float]
    stops_for: str
    state: State


def carry_on(state: State | None, boot: str, boot_time: float, now: float) -> State:
    """The state to decide with. Time that was slept, or that the clock jumped over, is neither idle time nor life."""
    if state is None or state.boot != boot:
        return State(boot, min(boot_time, now), now, now)
    jump = now - state.last_tick
    if 0 <= jump <= LONGEST_TICK:
        return state
    return State(boot, min(state.started + jump, now), now, now)


def last_sign(signal: Signal, now: float, config: Config) -> float | None:
    """When the signal last was work: now, for as long as it holds; None if it never was."""
    seen = now - max(0.0, signal.age)
    if signal.kind == UNKNOWN:
        return now
    if signal.until is not None:
        return now if signal.until > now else None
    if signal.kind in MOMENTARY:
        return seen
    return now if now - seen < config.hold_limit else seen


def decide(
    now: float, signals: t.Sequence[Signal], config: Config, state: State, lease: Lease | None = None
) -> Decision:
    """One tick. The lifetime beats the lease, the lease the idle rule, and a pin of the cloud's suspends all three."""
    lease = lease or Lease()
    signs = [(signal, sign) for signal in signals for sign in [last_sign(signal, now, config)] if sign is not None]
    lasts = any(sign >= now for _signal, sign in signs)
    # What held at the last tick ended at some moment since: nobody shall lose a part of the limit by that.
    since = now if state.held else state.idle_since
    idle_since = max([since, *(sign for _signal, sign in signs)])
    holds = [describe(signal) for signal, sign in signs if _holds(now, sign, config)]
    kept = lease.kept_until is not None and lease.kept_until > now
    stops = [] if kept else _stops(config, state, lease, idle_since)
    # Warned ahead of a time that is known, so that it is kept.
    due = next(((at, cause) for at, cause in stops if now >= at - config.grace), None)
    # When the idle rule will stop it is unknown while a hold lasts.
    at, cause = due or min((stop for stop in stops if not (lasts and stop[1] == "idle")), default=(None, ""))

    def result(action: str, *reasons: str, warned_at: float | None = None) -> Decision:
        after = dataclasses.replace(
            state,
            last_tick=now,
            idle_since=idle_since,
            held=lasts,
            warned_at=warned_at,
            warned_for="" if warned_at is None else cause,
        )
        stops_at = at if warned_at is None else warned_at + config.grace
        return Decision(action, reasons, now - idle_since, stops_at, cause, after)

    if due:
        why = _why(cause, now, config, idle_since)
        if state.warned_at is None or state.warned_for != cause:
            return result("warn", why, warned_at=now)
        if now < state.warned_at + config.grace:
            return result("none", f"warned: {why}", warned_at=state.warned_at)
        return result("poweroff", why, warned_at=state.warned_at)
    if kept and lease.kept_until:
        holds.insert(0, f"it is kept until {clock(lease.kept_until)}: {lease.kept_for or 'no reason given'}")
    if state.warned_at is not None:
        return result("cancel", *(holds or [f"the limit has moved to {clock(at)}" if at else "no limit is left"]))
    return result("hold", *holds) if holds else result("none", _quiet(now, config, idle_since))


def _holds(now: float, sign: float, config: Config) -> bool:
    return sign >= now or (config.idle_limit is not None and now - sign < config.idle_limit)


def _stops(config: Config, state: State, lease: Lease, idle_since: float) -> list[tuple[float, str]]:
    """(moment, cause), the cause that no activity can move first."""
    stops = [(state.started + config.max_lifetime, "lifetime")]
    if lease.until is not None:
        stops.append((lease.until, "lease"))
    if config.idle_limit is not None:
        stops.append((idle_since + config.idle_limit + config.grace, "idle"))
    return stops


def _why(cause: str, now: float, config: Config, idle_since: float) -> str:
    if cause == "lifetime":
        return f"it has been up for its longest lifetime, {span(config.max_lifetime)}"
    if cause == "lease":
        return "its lease ends"
    return f"no sign of work for {span(now - idle_since)}, and the idle limit is {span(config.idle_limit or 0)}"


def _quiet(now: float, config: Config, idle_since: float) -> str:
    limit = "there is no idle limit" if config.idle_limit is None else f"the idle limit is {span(config.idle_limit)}"
    return f"no sign of work for {span(now - idle_since)}; {limit}"


def plain(text: str) -> str:
    """Without control characters and the like: anybody may name a process or a hold, and everybody reads the reason."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def describe(signal: Signal) -> str:
    """One sentence with the signal's reason and age."""
    detail = plain(signal.detail)
    if signal.until is not None:
        return f"{detail}, until {clock(signal.until)}"
    if signal.kind == UNKNOWN:
        return f"{detail}: taken for work"
    return f"{detail} ({span(signal.age)} ago)"


def span(seconds: float) -> str:
    """``1h30m``; seconds only below ten minutes."""
    left, parts = max(0, int(seconds)), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count and not (unit == "s" and seconds >= 600):
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def clock(moment: float) -> str:
    """ISO 8601 in UTC, whole seconds, as in the cloud's tags."""
    return dt.datetime.fromtimestamp(int(moment), dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> float | None:
    """Seconds since the epoch of ``2026-11-24T17:00:00Z``; None for what is no time with a zone."""
    try:  # Python 3.9's fromisoformat knows no Z
        moment = dt.datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
        return moment.astimezone(dt.timezone.utc).timestamp() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Durations and points in time, as users write them and as resources carry them."""

from __future__ import annotations

import datetime as dt
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"^(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?$")
#: Ten years; a longer one is a typing error.
_LONGEST = 10 * 365 * 86400


def parse_duration(text: str, option: str = "duration") -> int | None:
    """Return seconds for ``90s``, ``30m``, ``8h``, ``2d`` or ``1h30m``; None for ``none``. Raises InvalidInput."""
    value = text.strip().lower()
    if value == "none":
        return None
    match = _DURATION.fullmatch(value)
    seconds = sum(int(n) * _UNITS[unit] for unit, n in match.groupdict().items() if n) if match else 0
    if not 0 < seconds <= _LONGEST:
        raise InvalidInput(f"{option}: {text!r} is no duration; write for example 90s, 30m, 8h, 2d, 1h30m, or none")
    return seconds


def format_duration(seconds: int | None) -> str:
    """The shortest text that parse_duration reads back: 5400 is ``1h30m``, None is ``none``."""
    if seconds is None:
        return "none"
    parts: list[str] = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def parse_time(text: str, option: str = "time") -> dt.datetime:
    """Return an aware UTC time, whole seconds, for ISO 8601 such as ``2026-11-24T17:00:00Z``. Raises InvalidInput.

    A time without a zone is refused: the machine that reads it may stand in another zone than the one that wrote it.
    """
    value = text.strip()
    try:  # Python 3.9's fromisoformat knows no Z
        moment = dt.datetime.fromisoformat(value[:-1] + "+00:00" if value[-1:] in "zZ" else value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput(f"{option}: {text!r} is no time with a zone; write for example 2026-11-24T17:00:00Z")
    try:
        return moment.astimezone(dt.timezone.utc).replace(microsecond=0)
    except OverflowError:
        raise InvalidInput(f"{option}: {text!r} lies outside the calendar") from None


def format_time(moment: dt.datetime) -> str:
    """ISO 8601 in UTC with a Z and whole seconds: what the contract writes into tags and annotations."""
    return moment.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def after(now: dt.datetime, seconds: int | None) -> dt.datetime | None:
    """``now`` plus a duration, whole seconds; None for a duration of none."""
    return None if seconds is None else (now + dt.timedelta(seconds=seconds)).replace(microsecond=0)


class Clock(t.Protocol):
    """Time as the core sees it, so that tests need not wait."""

    def now(self) -> dt.datetime: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...

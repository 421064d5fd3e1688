"""decide() as a table: what is seen, what is done, and with what reason."""

from __future__ import annotations

import pytest
from shutdown_decision import Config, Lease, Signal, State, carry_on, decide, parse_time, span

NOW = 1_000_000.0
M, H = 60, 3600
CONFIG = Config(idle_limit=30 * M, grace=2 * M, max_lifetime=24 * H, hold_limit=12 * H)
NEVER = Config(idle_limit=None, grace=2 * M, max_lifetime=24 * H, hold_limit=12 * H)


def state(idle=0, up=2 * H, warned=None, warned_for="idle"):
    return State(
        boot="b",
        started=NOW - up,
        last_tick=NOW - M,
        idle_since=NOW - idle,
        warned_at=None if warned is None else NOW - warned,
        warned_for="" if warned is None else warned_for,
    )


SSH = Signal("ssh", "SSH session of ada on pts/0", 3 * H)
TERMINAL = Signal("terminal", "terminal pts/1 (tmux)", 10 * M)
OLD_TERMINAL = Signal("terminal", "terminal pts/1 (bash)", 31 * M)
KEEP = Signal("keep-awake", "keep-awake of ada: tests", M, until=NOW + H)
UNKNOWN = Signal("unknown", "locks cannot be read", 0)
GONE = Lease(until=NOW - 1)

TABLE = [
    # what it is about                signals, state, lease, config -> action, a part of the reason
    ("just quiet", [], state(idle=10 * M), None, CONFIG, "none", "no sign of work for 10m; the idle limit is 30m"),
    ("quiet too long", [], state(idle=30 * M), None, CONFIG, "warn", "no sign of work for 30m, and"),
    ("in the grace", [], state(idle=31 * M, warned=M), None, CONFIG, "none", "warned: no sign of work"),
    ("past the grace", [], state(idle=32 * M, warned=2 * M), None, CONFIG, "poweroff", "no sign of work for 32m"),
    ("it failed: again", [], state(idle=40 * M, warned=9 * M), None, CONFIG, "poweroff", "no sign of work for 40m"),
    ("back in the grace", [SSH], state(idle=31 * M, warned=M), None, CONFIG, "cancel", "SSH session of ada"),
    ("back at the last moment", [SSH], state(idle=32 * M, warned=2 * M), None, CONFIG, "cancel", "SSH session"),
    ("a silent session", [SSH], state(idle=10 * M), None, CONFIG, "hold", "SSH session of ada on pts/0 (3h ago)"),
    (
        "a session silent for too long",
        [Signal("ssh", "SSH session of ada", 12 * H)],
        state(idle=30 * M),
        None,
        CONFIG,
        "warn",
        "no sign of work",
    ),
    ("a build that began long ago", [Signal("work", "build", 12 * H)], state(idle=30 * M), None, CONFIG, "warn", ""),
    ("a build", [Signal("work", "build, begun", H)], state(idle=30 * M), None, CONFIG, "hold", "build, begun (1h ago)"),
    ("a terminal just now", [TERMINAL], state(idle=30 * M), None, CONFIG, "hold", "tmux"),
    ("a terminal long ago", [OLD_TERMINAL], state(idle=31 * M), None, CONFIG, "warn", "no sign of work for 31m"),
    ("kept awake", [KEEP], state(idle=30 * M), None, CONFIG, "hold", "until 1970-01-12T14:46:40Z"),
    (
        "kept awake no more",
        [Signal("keep-awake", "k", M, until=NOW)],
        state(idle=30 * M),
        None,
        CONFIG,
        "warn",
        "no sign of work",
    ),
    ("unreadable counts as work", [UNKNOWN], state(idle=30 * M), None, CONFIG, "hold", "taken for work"),
    ("a lease that ended", [SSH, KEEP, UNKNOWN], state(), GONE, CONFIG, "warn", "its lease ends"),
    ("warned ahead of the lease", [SSH], state(), Lease(until=NOW + 2 * M), CONFIG, "warn", "its lease ends"),
    ("not sooner", [SSH], state(), Lease(until=NOW + 2 * M + 1), CONFIG, "hold", "SSH session"),
    (
        "the lease and its grace ended",
        [SSH, KEEP],
        state(warned=2 * M, warned_for="lease"),
        GONE,
        CONFIG,
        "poweroff",
        "its lease ends",
    ),
    (
        "a lease renewed in the grace",
        [],
        state(warned=2 * M, warned_for="lease"),
        Lease(until=NOW + H),
        CONFIG,
        "cancel",
        "the limit has moved to",
    ),
    ("too long up", [SSH, KEEP], state(up=24 * H), None, CONFIG, "warn", "its longest lifetime, 1d"),
    (
        "too long up, warned",
        [SSH, KEEP],
        state(up=24 * H, warned=2 * M, warned_for="lifetime"),
        None,
        CONFIG,
        "poweroff",
        "its longest lifetime, 1d",
    ),
    (
        "warned of one thing, stopped by another: warned again",
        [SSH],
        state(idle=31 * M, warned=2 * M),
        GONE,
        CONFIG,
        "warn",
        "its lease ends",
    ),
    (
        "pinned by the cloud",
        [],
        state(idle=9 * H, up=99 * H),
        Lease(NOW - 1, NOW + H, "demo"),
        CONFIG,
        "hold",
        "it is kept until 1970-01-12T14:46:40Z: demo",
    ),
    ("a pin that ended", [], state(idle=9 * H), Lease(None, NOW, "demo"), CONFIG, "warn", "no sign of work for 9h"),
    ("no idle limit", [], state(idle=9 * H, up=9 * H), None, NEVER, "none", "there is no idle limit"),
    ("no idle limit, but a lease", [], state(idle=9 * H), GONE, NEVER, "warn", "its lease ends"),
]


@pytest.mark.parametrize(
    ("signals", "before", "lease", "config", "action", "reason"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_decide(signals, before, lease, config, action, reason):
    decision = decide(NOW, signals, config, before, lease)
    assert decision.action == action
    assert reason in "; ".join(decision.reasons)


@pytest.mark.parametrize(
    ("signals", "lease", "expected"),
    [
        ([], None, (NOW + 22 * M, "idle")),
        ([SSH], None, (NOW + 22 * H, "lifetime")),
        ([SSH], Lease(until=NOW + H), (NOW + H, "lease")),
        ([TERMINAL], None, (NOW + 22 * M, "idle")),
        ([], Lease(until=NOW + H, kept_until=NOW + 2 * H), (None, "")),
    ],
)
def test_it_says_when_it_will_stop(signals, lease, expected):
    decision = decide(NOW, signals, CONFIG, state(idle=10 * M), lease)
    assert (decision.stops_at, decision.stops_for) == expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        # (started, idle_since, warned_at)
        (None, 1000, (900, 1000, None)),
        (State("other", 1, 2, 3, 4, "idle"), 1000, (900, 1000, None)),
        (State("b", 900, 940, 930, 935, "idle"), 1000, (900, 930, 935)),
        (State("b", 900, 700, 650, 690, "idle"), 1000, (900, 650, 690)),
        (State("b", 100, 699, 650, 690, "idle"), 1000, (401, 1000, None)),  # slept
        (State("b", 900, 5000, 4000, 4900, "idle"), 1000, (-3100, 1000, None)),  # the clock was set back
    ],
    ids=["first tick", "another boot", "a minute later", "the longest tick", "slept", "clock set back"],
)
def test_carry_on(before, now, expected):
    after = carry_on(before, "b", 900, now)
    assert (after.started, after.idle_since, after.warned_at) == expected


def test_a_resume_is_no_reason_to_stop():
    before = State("b", NOW - 70 * H, NOW - 60 * H, NOW - 61 * H, NOW - 60 * H, "idle")
    decision = decide(NOW, [], CONFIG, carry_on(before, "b", NOW - 70 * H, NOW))
    assert decision.action == "none"
    assert decision.stops_at == NOW + 32 * M


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (-5, "0s"), (59.9, "59s"), (90, "1m30s"), (600, "10m"), (659, "10m"), (5400, "1h30m"), (90000, "1d1h")],
)
def test_span(seconds, text):
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T01:00:00Z", 3600),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T01:00:00", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("9999-12-31T23:59:59-23:00", None),
        ("", None),
        ("soon", None),
    ],
)
def test_parse_time(text, moment):
    assert parse_time(text) == moment


def test_the_limit_counts_from_the_first_look_without_the_hold():
    first = decide(NOW, [SSH], CONFIG, state(idle=0))
    second = decide(NOW + M, [], CONFIG, carry_on(first.state, "b", 0, NOW + M))
    third = decide(NOW + 2 * M, [], CONFIG, carry_on(second.state, "b", 0, NOW + 2 * M))
    assert [first.idle_seconds, second.idle_seconds, third.idle_seconds] == [0, 0, M]

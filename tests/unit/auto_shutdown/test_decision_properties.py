"""What must hold for every history: ticks of a minute (or a jump of the clock), any signals, any lease."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from shutdown_decision import UNKNOWN, Config, Lease, Signal, carry_on, decide
from shutdown_status import line_of

START = 1_700_000_000.0
KINDS = ["ssh", "ssm", "exec", "terminal", "cpu", "work", "lock", UNKNOWN]

configs = st.builds(
    Config,
    idle_limit=st.none() | st.integers(60, 3600),
    grace=st.integers(1, 600),
    max_lifetime=st.integers(600, 6000),
    hold_limit=st.integers(60, 7200),
)
signals = st.builds(Signal, kind=st.sampled_from(KINDS), detail=st.just("x"), age=st.floats(-600, 90000))
leases = st.builds(
    Lease,
    until=st.none() | st.floats(START - 600, START + 6000),
    kept_until=st.none() | st.floats(START - 600, START + 3000),
)
steps = st.sampled_from([60.0] * 8 + [300.0, 301.0, 7200.0, -400.0])
histories = st.lists(st.tuples(steps, st.lists(signals, max_size=3), leases), min_size=1, max_size=90)


def run(config, history):
    """Yields (now, signals, lease, decision) for each tick; ends with a poweroff, as a host does."""
    now, state = START, None
    for step, seen, lease in history:
        now += step
        decision = decide(now, seen, config, carry_on(state, "b", START, now), lease)
        yield now, seen, lease, decision
        if decision.action == "poweroff":
            return
        state = decision.state


@given(configs, histories)
def test_no_poweroff_without_a_warning_that_stood_for_the_grace(config, history):
    warned_at = None
    for now, _seen, _lease, decision in run(config, history):
        if decision.action == "warn":
            warned_at = now
        elif decision.action in ("cancel", "hold"):
            warned_at = None
        elif decision.action == "poweroff":
            assert warned_at is not None
            assert now - warned_at >= config.grace


@given(configs, histories)
def test_a_fresh_hold_stops_nothing_but_the_lease_and_the_lifetime(config, history):
    for now, seen, lease, decision in run(config, history):
        fresh = any(signal.kind == UNKNOWN or signal.age < 60 for signal in seen)
        if fresh and decision.action == "poweroff":
            assert decision.stops_for in ("lease", "lifetime")
            ends = decision.state.started + config.max_lifetime if decision.stops_for == "lifetime" else lease.until
            assert now >= ends


@given(configs, histories)
def test_a_pin_that_lasts_stops_everything(config, history):
    for now, _seen, lease, decision in run(config, history):
        if lease.kept_until is not None and lease.kept_until > now:
            assert decision.action in ("hold", "cancel")
            assert decision.state.warned_at is None


@given(configs, histories)
def test_it_always_stops_in_the_end(config, history):
    """Whatever came before, and whatever holds: a lifetime, two warnings and a few minutes later it is off."""
    holding = [Signal("ssh", "x", 0.0), Signal(UNKNOWN, "x", 0.0)]
    quiet = [(60.0, holding, Lease())] * ((config.max_lifetime + 2 * config.grace) // 60 + 5)
    assert [tick[3].action for tick in run(config, [*history, *quiet])][-1] == "poweroff"


@given(configs.filter(lambda config: config.idle_limit is not None), histories)
def test_with_no_signal_it_stops_within_limit_and_grace(config, history):
    quiet = [(60.0, [], Lease())] * ((config.idle_limit + config.grace) // 60 + 4 + config.grace // 60)
    assert [tick[3].action for tick in run(config, [*history, *quiet])][-1] == "poweroff"


@given(configs, histories)
def test_every_line_has_a_reason_and_says_the_same_as_the_decision(config, history):
    for now, seen, _lease, decision in run(config, history):
        line = json.loads(json.dumps(line_of(now, decision, seen, config, "b")))
        assert line["action"] in ("hold", "none", "warn", "cancel", "poweroff")
        assert line["reason"]
        assert all(line["reasons"])
        assert line["idle_seconds"] >= 0
        assert len(line["signals"]) == len(seen)


@given(configs, histories)
def test_idle_time_never_runs_backwards_within_ticks(config, history):
    """idle_since only ever moves on, but where the clock was set."""
    before = None
    for now, _seen, _lease, decision in run(config, history):
        if before is not None and 0 <= now - before.last_tick <= 300:
            assert decision.state.idle_since >= before.idle_since
        assert decision.state.idle_since <= now
        before = decision.state

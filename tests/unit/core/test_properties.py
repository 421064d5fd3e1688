"""What must hold for every spec, every start and every crash: next_steps() and converge() against a pure cloud."""

from __future__ import annotations

import copy

from ansible_collections.devcontainer.cloud.plugins.module_utils.fleet import converge
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, Spec, identity
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.simulator import Cloud, Crash, FakeClock, Simulated

STATES = st.sampled_from(["running", "stopped", "suspended", "absent"])
SIZES = st.sampled_from(["small", "large"])
SEEN = st.sampled_from(["running", "stopped", "suspended", "pending", "stopping", "failed", None])


@st.composite
def specs(draw):
    name = "demo"
    return Spec(
        name,
        state=draw(STATES),
        labels={**identity(name), "owner": draw(st.sampled_from(["ada", "bob"]))},
        tags=draw(st.none() | st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=2)),
        purge_tags=draw(st.booleans()),
        settings=draw(
            st.fixed_dictionaries({}, optional={"size": SIZES, "groups": st.just(("g",)), "image": st.just("new")})
        ),
        lease=draw(st.none() | st.integers(60, 9000)),
        retention=draw(st.none() | st.integers(60, 9000)),
    )


@st.composite
def clouds(draw):
    cloud = Cloud(draw(st.integers(0, 3)))
    state = draw(SEEN)
    if state:
        machine = cloud.put(
            Observed(
                "i-before",
                state,
                True,
                labels={
                    **identity("demo"),
                    "owner": "eve",
                    "lease-until": draw(st.sampled_from(["", "x", "2020-01-01T00:00:00Z"])),
                },
                tags={"z": "9"},
                settings={"size": draw(SIZES), "groups": (), "image": "old"},
                request=draw(st.sampled_from(["", "sir-1"])),
            )
        )
        if state == "pending":
            cloud.head(machine.id, "pending", "running")
        if state == "stopping":
            cloud.head(machine.id, "stopping", "stopped")
    foreign = cloud.put(Observed("i-foreign", "running", False, tags={"Name": "demo"}))
    return cloud, foreign


def run(cloud, spec, **provider):
    return converge(Simulated(cloud, **provider), [spec], timeout=600, clock=FakeClock())[0]


def mine(cloud):
    return [m for m in cloud.machines.values() if m.id != "i-foreign"]


@given(clouds(), specs())
@settings(max_examples=400, deadline=None)
def test_comes_to_rest_and_a_second_run_does_nothing(start, spec):
    cloud, foreign = start
    existed = bool(mine(cloud))
    outcome = run(cloud, spec)
    if not existed and spec.state in ("stopped", "suspended"):
        assert "create it with state: running" in str(outcome.error)
        assert not cloud.log
        return
    assert outcome.error is None and outcome.at_rest
    steps = len(cloud.log)
    again = run(cloud, spec)
    assert again.at_rest and not again.changed and len(cloud.log) == steps
    assert cloud.machines["i-foreign"] is foreign
    assert "i-foreign" not in {key for _verb, key in cloud.log}
    if spec.state == "absent":
        assert not mine(cloud)
    else:
        assert "delete" not in {verb for verb, _key in cloud.log}
        (machine,) = mine(cloud)
        assert (
            machine.state == "running"
            if spec.state == "running"
            else machine.state in ("stopped", "suspended", "failed")
        )
        assert machine.labels["owner"] == spec.labels["owner"]


@given(clouds(), specs(), st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_a_crash_after_any_step_and_a_second_run_give_one_machine(start, spec, crash_after):
    cloud, _foreign = start
    if not mine(cloud) and spec.state in ("stopped", "suspended"):
        return
    try:
        run(cloud, spec, crash_after=crash_after)
    except Crash:
        outcome = run(cloud, spec)
        assert outcome.error is None and outcome.at_rest
    assert len(mine(cloud)) == (spec.state != "absent")
    assert [verb for verb, _key in cloud.log].count("create") <= 1


@given(clouds(), specs(), st.frozensets(st.integers(1, 6), max_size=3))
@settings(max_examples=200, deadline=None)
def test_lost_answers_are_looked_up_and_not_repeated_blindly(start, spec, lose):
    cloud, _foreign = start
    if not mine(cloud) and spec.state in ("stopped", "suspended"):
        return
    outcome = run(cloud, spec, lose=lose)
    assert outcome.error is None and outcome.at_rest
    assert [verb for verb, _key in cloud.log].count("create") <= 1
    assert outcome.changed == bool(cloud.log)


@given(clouds(), specs())
@settings(max_examples=200, deadline=None)
def test_check_mode_touches_nothing_and_foretells_the_first_step(start, spec):
    cloud, _foreign = start
    # A look lets time pass, so the foretelling has a cloud of its own.
    twin = copy.deepcopy(cloud)
    foretold = converge(Simulated(twin), [spec], timeout=600, check_mode=True, clock=FakeClock())[0]
    assert not twin.log
    real = run(cloud, spec)
    assert str(foretold.error) == str(real.error)
    assert [s.verb for s in foretold.steps if s.verb != "wait"] == [s.verb for s in real.steps][
        : len([s for s in foretold.steps if s.verb != "wait"])
    ]

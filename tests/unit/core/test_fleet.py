"""converge() over lists: partial failure, one deadline, a number of looks that does not grow with the list."""

from __future__ import annotations

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import (
    CloudError,
    Lost,
    NoCapacity,
    NotYet,
    Throttled,
    Timeout,
    Unreachable,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.fleet import converge
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, Spec, identity

from tests.unit.core.simulator import Cloud, FakeClock, Simulated


def spec(name, **more):
    return Spec(name, labels=identity(name), **more)


def go(provider, specs, **more):
    return converge(provider, specs, timeout=more.pop("timeout", 60), clock=FakeClock(), **more)


def test_an_empty_list_asks_nothing():
    provider = Simulated(Cloud())
    assert go(provider, []) == [] and provider.looks == 0


def test_looks_do_not_grow_with_the_list():
    one, twenty = Simulated(Cloud()), Simulated(Cloud())
    go(one, [spec("w0")])
    outcomes = go(twenty, [spec(f"w{n}") for n in range(20)])
    assert all(o.at_rest and o.changed for o in outcomes)
    assert one.looks == twenty.looks


def test_one_failure_does_not_hide_the_others():
    class Full(Simulated):
        def apply(self, step, spec, machine):
            if spec.name == "b":
                raise NoCapacity("no such machine in any zone")
            super().apply(step, spec, machine)

    a, b, c = go(Full(Cloud()), [spec("a"), spec("b"), spec("c")])
    assert a.at_rest and c.at_rest and a.changed and not b.changed
    assert "no such machine" in str(b.error)


def test_two_machines_of_one_name_are_refused_by_name():
    cloud = Cloud()
    for key in ("i-1", "i-2"):
        cloud.put(Observed(key, "running", True, labels=identity("twin")))
    for state in ("running", "stopped", "absent"):
        (outcome,) = go(Simulated(cloud), [spec("twin", state=state)])
        assert "i-1" in str(outcome.error) and "i-2" in str(outcome.error)
    assert not cloud.log


def test_a_machine_of_that_name_that_is_not_ours_is_refused():
    cloud = Cloud()
    cloud.put(Observed("i-1", "running", False, labels={"workspace": "x"}))
    (outcome,) = go(Simulated(cloud), [spec("x", state="absent")])
    assert "not a workspace of ours" in str(outcome.error) and not cloud.log


def test_the_deadline_ends_it_with_a_sentence():
    (outcome,) = go(Simulated(Cloud(latency=10**6)), [spec("slow")], timeout=20)
    assert isinstance(outcome.error, Timeout) and "still pending after 20 s" in str(outcome.error)
    assert outcome.changed


def test_throttled_looks_are_ridden_out_and_an_unreachable_cloud_is_not():
    class Busy(Simulated):
        def observe(self, specs):
            if self.looks < 3:
                self.looks += 1
                raise Throttled("slow down")
            return super().observe(specs)

    (outcome,) = go(Busy(Cloud()), [spec("a")])
    assert outcome.at_rest and outcome.changed

    class Gone(Simulated):
        def observe(self, specs):
            raise Unreachable("no route")

    (outcome,) = go(Gone(Cloud()), [spec("a")])
    assert "no route" in str(outcome.error) and not outcome.changed


def test_only_throttled_looks_in_a_row_end_it():
    class Flaky(Simulated):
        """Every second look is refused."""

        def observe(self, specs):
            self.refused = not getattr(self, "refused", False)
            if self.refused:
                raise Throttled("slow down")
            return super().observe(specs)

    (outcome,) = go(Flaky(Cloud(latency=12)), [spec("a")])
    assert outcome.at_rest, outcome.error

    class Busy(Simulated):
        def observe(self, specs):
            raise Throttled("slow down")

    (outcome,) = go(Busy(Cloud()), [spec("a")])
    assert "slow down" in str(outcome.error)


def test_what_does_not_show_yet_is_waited_for_and_asked_for_ever_more_slowly():
    class Late(Simulated):
        asked = 0

        def apply(self, step, spec, machine):
            self.asked += 1
            if self.asked < 9:
                raise NotYet("launched before")
            super().apply(step, spec, machine)

    clock = FakeClock()
    late = Late(Cloud())
    (outcome,) = converge(late, [spec("a")], timeout=60, clock=clock)
    assert outcome.at_rest and [step.verb for step in outcome.steps] == ["create"]
    assert clock.seconds > 12
    (outcome,) = converge(Late(Cloud()), [spec("a")], timeout=3, clock=FakeClock())
    assert isinstance(outcome.error, Timeout) and not outcome.changed


def test_a_step_whose_answers_were_lost_is_noted_once():
    class Lossy(Simulated):
        def apply(self, step, spec, machine):
            if step.verb == "create" and self.cloud.made < 1:
                self.cloud.made += 0.25
                raise Lost("no answer")
            super().apply(step, spec, machine)

    (outcome,) = go(Lossy(Cloud()), [spec("a")])
    assert outcome.at_rest and [step.verb for step in outcome.steps] == ["create"]


def test_a_change_that_never_takes_effect_is_named():
    class Deaf(Simulated):
        def _carry_out(self, step, spec, machine):
            if step.verb != "modify":
                super()._carry_out(step, spec, machine)

    cloud = Cloud()
    cloud.put(Observed("i-1", "running", True, labels={**identity("a")}, settings={"groups": ()}))
    (outcome,) = go(Deaf(cloud), [spec("a", settings={"groups": ("g",)})])
    assert "had no effect" in str(outcome.error)


def test_a_dead_launch_is_reported_with_its_reason():
    class Dying(Simulated):
        def observe(self, specs):
            if self.cloud.log:
                return {
                    "a": [Observed("i-1", "absent", True, labels=identity("a"), reason="Client.VolumeLimitExceeded")]
                }
            return super().observe(specs)

    (outcome,) = go(Dying(Cloud()), [spec("a")])
    assert "VolumeLimitExceeded" in str(outcome.error) and outcome.changed


def test_without_wait_it_starts_and_returns():
    cloud = Cloud(latency=50)
    (outcome,) = go(Simulated(cloud), [spec("a")], wait=False)
    assert outcome.after.state == "pending" and outcome.error is None and outcome.changed


def test_one_that_cannot_be_looked_for_does_not_hide_the_others():
    class Blind(Simulated):
        def observe(self, specs):
            return {**super().observe(specs), "b": CloudError("its zone is dark")}

    cloud = Cloud()
    a, b = go(Blind(cloud), [spec("a"), spec("b")])
    assert a.at_rest and a.changed and not b.changed and "dark" in str(b.error)
    assert [verb for verb, _key in cloud.log] == ["create"]


def test_a_throttled_look_is_no_answer():
    class Busy(Simulated):
        def observe(self, specs):
            self.looks += 1
            if self.looks < 3:
                raise Throttled("slow down")
            return super().observe(specs)

    cloud = Cloud(latency=50)
    (checked,) = go(Busy(cloud), [spec("a")], check_mode=True)
    assert [step.verb for step in checked.steps] == ["create"] and not cloud.log
    (begun,) = go(Busy(cloud), [spec("a")], wait=False)
    assert begun.changed and [verb for verb, _key in cloud.log] == ["create"]

    class Dark(Simulated):
        def observe(self, specs):
            raise Throttled("slow down")

    (checked,) = go(Dark(cloud), [spec("a")], check_mode=True)
    assert "slow down" in str(checked.error) and not checked.changed


def test_twins_are_named_with_their_zones():
    cloud = Cloud()
    for zone in ("z-a", "z-b"):
        cloud.put(Observed(zone[-1] * 3, "running", True, labels=identity("twin"), info={"zone": zone}))
    (outcome,) = go(Simulated(cloud), [spec("twin")])
    assert "aaa in z-a and bbb in z-b" in str(outcome.error)


def test_why_it_cannot_be_suspended_is_the_providers_own_reason():
    for reason, said in (("it has GPUs", "cannot be suspended: it has GPUs"), ("", "hibernation is chosen")):
        cloud = Cloud()
        cloud.put(Observed("i-1", "running", True, labels=identity("a"), can_suspend=False, reason=reason))
        (outcome,) = go(Simulated(cloud), [spec("a", state="suspended")])
        assert said in str(outcome.error) and ("hibernation" in str(outcome.error)) is not bool(reason)

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""converge(): observe, ask for the next steps, apply them side by side, and again, until all is at rest.

Every call is on a list of workspaces: one observation for all, one poller, one deadline. A single one is a list of one.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import datetime as dt
import time
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import (
    CloudError,
    Lost,
    NotYet,
    Throttled,
    Timeout,
    WorkspaceError,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.lifecycle import (
    Step,
    fixed_drift,
    next_steps,
    the_one,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.base import Provider
from ansible_collections.devcontainer.cloud.plugins.module_utils.times import Clock
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, Spec

#: A look costs one call for the whole fleet; facts of peers: fixed delays of 15 s are what makes fleets slow.
FIRST_PAUSE, PAUSE_FACTOR, LONGEST_PAUSE = 0.5, 1.3, 3.0
#: The same change proposed this often in a row does not take: say so instead of trying until the deadline.
MOST_TRIES = 6


class SystemClock:
    """The machine's own time."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.timezone.utc)

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


@dataclasses.dataclass
class Outcome:
    """What became of one workspace."""

    spec: Spec
    before: t.Optional[Observed] = None
    after: t.Optional[Observed] = None
    steps: list[Step] = dataclasses.field(default_factory=list)  #: applied, or in check mode: what would be first
    seconds: dict[str, float] = dataclasses.field(default_factory=lambda: collections.defaultdict(float))
    error: t.Optional[WorkspaceError] = None
    drift: dict[str, tuple[t.Any, t.Any]] = dataclasses.field(default_factory=dict)
    at_rest: bool = False

    @property
    def changed(self) -> bool:
        return bool(self.steps)


class _Run:
    """One workspace on its way: its outcome, and how often it has been at the same place."""

    def __init__(self, spec: Spec) -> None:
        self.outcome = Outcome(spec)
        self.todo: list[Step] = []
        self.seen = False  #: whether the last look told anything
        self.tries: collections.Counter[str] = collections.Counter()  #: in a row, by what was tried
        self.lost = ""  #: the verb of the step recorded last, where its answer was lost

    def record(self, step: Step, lost: bool = False) -> None:
        """Note a step as applied; one whose answer was lost before is not noted twice."""
        if step.verb != self.lost:
            self.outcome.steps.append(step)
        self.lost = step.verb if lost else ""

    @property
    def done(self) -> bool:
        return self.outcome.at_rest or self.outcome.error is not None


def converge(
    provider: Provider,
    specs: t.Sequence[Spec],
    *,
    timeout: float,
    check_mode: bool = False,
    wait: bool = True,
    clock: Clock | None = None,
) -> list[Outcome]:
    """Bring every workspace to what its spec asks for; ``timeout`` is one deadline in seconds for all of them.

    Never raises for what one workspace or the cloud did: each outcome holds its own error. An empty list asks nothing.
    """
    clock = clock or SystemClock()
    runs = [_Run(spec) for spec in specs]
    if not runs:
        return []
    deadline = clock.monotonic() + timeout
    pause = FIRST_PAUSE
    while True:
        open_runs = [run for run in runs if not run.done]
        _look(provider, open_runs, clock)
        open_runs = [run for run in open_runs if not run.done]
        if check_mode:
            for run in open_runs:
                run.outcome.steps = run.todo
        # A look that was throttled is no answer, not in check mode and not without wait.
        if not open_runs or (check_mode and all(run.seen for run in open_runs)):
            break
        if clock.monotonic() >= deadline:
            _time_out(open_runs, timeout)
            break
        if not check_mode and _apply_all(provider, open_runs, clock):
            pause = FIRST_PAUSE
        if not wait and not check_mode and all(run.seen for run in open_runs):
            _look(provider, [run for run in open_runs if not run.done], clock)
            break
        before = clock.monotonic()
        clock.sleep(max(0.0, min(pause, deadline - before)))
        pause = min(pause * PAUSE_FACTOR, LONGEST_PAUSE)
        for run in open_runs:
            state = run.outcome.after.state if run.outcome.after else "pending"
            run.outcome.seconds[f"wait_{state}"] += clock.monotonic() - before
    return [run.outcome for run in runs]


def _look(provider: Provider, runs: t.Sequence[_Run], clock: Clock) -> None:
    """One observation for all of them, and each one's next steps."""
    if not runs:
        return
    began = clock.monotonic()
    try:
        seen = provider.observe([run.outcome.spec for run in runs])
    except CloudError as error:
        seen = dict.fromkeys((run.outcome.spec.name for run in runs), error)
    finally:
        for run in runs:
            run.outcome.seconds["observe"] += clock.monotonic() - began
    for run in runs:
        found = seen.get(run.outcome.spec.name, ())
        run.seen = not isinstance(found, CloudError)
        if not isinstance(found, CloudError):
            del run.tries["observe"]
            _decide(run, found, provider, clock)
        elif isinstance(found, Throttled):
            run.todo = []
            _count(run, "observe", found)
        else:
            run.outcome.error = found


def _decide(run: _Run, observed: t.Sequence[Observed], provider: Provider, clock: Clock) -> None:
    outcome = run.outcome
    first = outcome.before is None and not outcome.steps
    try:
        machine = the_one(outcome.spec, observed)
        if machine is not None and machine.state == "absent":
            outcome.after = None
        else:
            outcome.after = machine
        if first:
            outcome.before = outcome.after
        run.todo = next_steps(outcome.spec, observed, clock.now(), provider.settings)
        outcome.drift = fixed_drift(outcome.spec, machine, provider.settings) if machine else {}
    except WorkspaceError as error:
        outcome.error = error
        return
    outcome.at_rest = not run.todo


def _apply_all(provider: Provider, runs: t.Sequence[_Run], clock: Clock) -> bool:
    """Apply every run's steps, workspaces side by side; True if any was accepted."""
    work = [run for run in runs if any(step.verb != "wait" for step in run.todo)]
    if not work:
        return False
    with concurrent.futures.ThreadPoolExecutor(min(provider.concurrency, len(work))) as pool:
        return any(list(pool.map(lambda run: _apply(provider, run, clock), work)))


def _apply(provider: Provider, run: _Run, clock: Clock) -> bool:
    outcome, accepted = run.outcome, False
    for step in run.todo:
        if step.verb == "wait":
            continue
        began = clock.monotonic()
        try:
            provider.apply(step, outcome.spec, outcome.after)
        except NotYet:
            # The provider bounds it, and the deadline does; there is nothing to count.
            return accepted
        except (Throttled, Lost) as error:
            # Lost may have been carried out: what the next look shows decides, and `changed` must not be missed.
            if isinstance(error, Lost):
                run.record(step, lost=True)
            _count(run, step.verb, error)
            return accepted
        except WorkspaceError as error:
            outcome.error = error
            return accepted
        finally:
            outcome.seconds[step.verb] += clock.monotonic() - began
        accepted = True
        run.record(step)
        del run.tries[step.verb]
        _count(
            run,
            f"{step.verb} {step.why}",
            CloudError(
                f"{outcome.spec.name}: {step.verb} ({step.why}) was accepted {MOST_TRIES} times and had no effect"
            ),
        )
    return accepted


def _count(run: _Run, what: str, error: WorkspaceError) -> None:
    run.tries[what] += 1
    if run.tries[what] >= MOST_TRIES:
        run.outcome.error = error


def _time_out(runs: t.Sequence[_Run], timeout: float) -> None:
    for run in runs:
        outcome = run.outcome
        state = outcome.after.state if outcome.after else "absent"
        outcome.error = Timeout(
            f"{outcome.spec.name}: still {state} after {timeout:g} s, on its way to {outcome.spec.state}; "
            "nothing was undone, and the next run goes on from here"
        )

"""A pure cloud: machines that take a few looks to change state, and a crash or a fault wherever a test wants one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import threading
import typing

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import Lost
from ansible_collections.devcontainer.cloud.plugins.module_utils.lifecycle import Setting
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.base import Provider
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed

EPOCH = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.timezone.utc)


class Crash(BaseException):
    """The process dies here."""


class FakeClock:
    """Time passes by sleeping only."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> dt.datetime:
        return EPOCH + dt.timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += max(seconds, 0.01)


class Cloud:
    """What outlives a crash: the machines, and the calls that changed them."""

    def __init__(self, latency: int = 2) -> None:
        self.machines: dict[str, Observed] = {}
        self.heading: dict[str, tuple[str, int]] = {}
        self.tokens: dict[str, str] = {}
        self.latency = latency
        self.log: list[tuple[str, str]] = []
        self.made = 0

    def put(self, machine: Observed) -> Observed:
        self.machines[machine.id] = machine
        return machine

    def tick(self) -> None:
        """One look's worth of time."""
        for key, (state, looks) in list(self.heading.items()):
            if looks > 1:
                self.heading[key] = (state, looks - 1)
                continue
            del self.heading[key]
            if state == "absent":
                del self.machines[key]
            else:
                self.machines[key] = dataclasses.replace(self.machines[key], state=state)

    def head(self, key: str, now: str, then: str) -> None:
        self.machines[key] = dataclasses.replace(self.machines[key], state=now)
        self.heading[key] = (then, self.latency)
        if not self.latency:
            self.tick()


class Simulated(Provider):
    """A provider over a Cloud. ``crash_after`` steps the process dies; ``lose`` steps lose their answer."""

    settings: typing.ClassVar = {
        "size": Setting("stopped"),
        "groups": Setting("live"),
        "image": Setting("never"),
    }

    def __init__(self, cloud: Cloud, crash_after: int | None = None, lose: frozenset[int] = frozenset()) -> None:
        self.cloud = cloud
        self.crash_after = crash_after
        self.lose = lose
        self.count = itertools.count(1)
        self.looks = 0
        self.lock = threading.Lock()

    def observe(self, specs):
        self.looks += 1
        self.cloud.tick()
        found = {}
        for spec in specs:
            found[spec.name] = [m for m in self.cloud.machines.values() if m.labels.get("workspace") == spec.name]
        return found

    def apply(self, step, spec, machine):
        with self.lock:
            number = next(self.count)
            self._carry_out(step, spec, machine)
            if self.crash_after == number:
                raise Crash
            if number in self.lose:
                raise Lost("no answer")

    def _carry_out(self, step, spec, machine):
        cloud = self.cloud
        if step.verb == "create":
            if cloud.tokens.get(spec.name) in cloud.machines:
                return
            cloud.made += 1
            key = cloud.tokens[spec.name] = f"i-{cloud.made}"
            settings = {"image": "old", **spec.settings}
            cloud.put(Observed(key, "pending", True, labels=dict(step.labels), tags=dict(step.tags), settings=settings))
            cloud.head(key, "pending", "running")
            cloud.log.append(("create", key))
            return
        cloud.log.append((step.verb, machine.id))
        now = cloud.machines[machine.id]
        if step.verb == "tag":
            labels = {k: v for k, v in {**now.labels, **step.labels}.items() if k not in step.remove_labels}
            tags = {k: v for k, v in {**now.tags, **step.tags}.items() if k not in step.remove_tags}
            cloud.put(dataclasses.replace(now, labels=labels, tags=tags))
        elif step.verb == "modify":
            assert now.state == "stopped" or "size" not in step.settings, "a running machine was resized"
            cloud.put(dataclasses.replace(now, settings={**now.settings, **step.settings}))
        elif step.verb == "cancel":
            cloud.put(dataclasses.replace(now, request=""))
        elif step.verb == "delete":
            assert not now.request, "deleted while a request would launch it again"
            cloud.head(machine.id, "deleting", "absent")
        else:
            via, to = {
                "start": ("pending", "running"),
                "stop": ("stopping", "stopped"),
                "suspend": ("stopping", "suspended"),
            }[step.verb]
            cloud.head(machine.id, via, to)

"""Between the world and whoever realises its hosts: one job at a time per host, none in the caller's thread."""

from __future__ import annotations

import collections
import logging
import threading
import typing as t

from tests.sandbox.host import Host, HostDriver, HostError

log = logging.getLogger("sandbox")
Answer = t.Callable[[str], None]


class Hosts:
    """Carries out jobs in order for each host, side by side for different ones."""

    def __init__(self, driver: HostDriver) -> None:
        self._driver = driver
        self._lock = threading.Lock()
        self._queues: dict[str, collections.deque[t.Callable[[], None]]] = {}

    def submit(self, then: str, host: Host, answer: Answer) -> None:
        """Bring the host to the instance's state to come; ``answer`` gets the reason why it failed, or ''."""
        work: t.Callable[[], None] = {
            "running": lambda: self._driver.start(host),
            "stopped": lambda: self._driver.stop(host.instance_id),
            "terminated": lambda: self._driver.terminate(host.instance_id),
        }[then]
        self._queue(host.instance_id, lambda: self._carry_out(work, f"{then} {host.instance_id}", answer))

    def describe(self, host: Host) -> None:
        self._queue(
            host.instance_id,
            lambda: self._carry_out(lambda: self._driver.describe(host), f"describe {host.instance_id}", _nobody),
        )

    def stopped(self) -> set[str]:
        """The hosts that exist and do not run; none where that cannot be told now."""
        try:
            return self._driver.stopped()
        except Exception:
            log.exception("the hosts cannot be looked at")
            return set()

    def _carry_out(self, work: t.Callable[[], None], what: str, answer: Answer) -> None:
        try:
            work()
        except HostError as error:
            answer(str(error))
        except Exception as error:
            # A fault of the driver must show as a failed instance, not as one that is pending for ever.
            log.exception("host: %s", what)
            answer(f"{type(error).__name__}: {error}")
        else:
            answer("")

    def _queue(self, key: str, job: t.Callable[[], None]) -> None:
        with self._lock:
            if key in self._queues:
                self._queues[key].append(job)
                return
            self._queues[key] = collections.deque([job])
        threading.Thread(target=self._drain, args=(key,), name=f"host-{key}", daemon=True).start()

    def _drain(self, key: str) -> None:
        while True:
            with self._lock:
                if not self._queues[key]:
                    del self._queues[key]
                    return
                job = self._queues[key].popleft()
            job()


def _nobody(failed: str) -> None:
    """Nobody waits for this answer."""

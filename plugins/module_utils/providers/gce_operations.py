# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Operations: a call that was answered is accepted, and only its operation tells whether it was carried out."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import (
    CloudError,
    Lost,
    Throttled,
    Unreachable,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_api import Api, Json
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_errors import MISSING, STALE, check

#: Longer than the two minutes after which the service answers anyway, in seconds.
LONGEST_WAIT = 130.0
#: Between two waits where the service answered at once and it is not done.
FIRST_PAUSE, PAUSE_FACTOR, LONGEST_PAUSE = 0.25, 1.5, 3.0
#: How often what has a fingerprint is read and written anew where others write it at the same time.
MOST_MERGES = 8


def merge(what: str, look: t.Callable[[], tuple[Json, Json]], write: t.Callable[[Json], None]) -> None:
    """Change what has a fingerprint: read, merge, write; where another write came between, again from the start.

    ``look`` gives (what is there, what to write); nothing is written where both say the same. Raises CloudError,
    Throttled where others kept writing; it begins with ``what``.
    """
    for _attempt in range(MOST_MERGES):
        now, body = look()
        if all(body[key] == value for key, value in now.items()):
            return
        try:
            write(body)
            return
        except CloudError as error:
            if error.code != STALE:
                raise
    raise Throttled(f"{what}: somebody else kept writing it at the same time", STALE)


class Operations:
    """Changes of one task, awaited until one deadline."""

    def __init__(
        self,
        api: Api,
        timeout: float,
        monotonic: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._monotonic = monotonic
        self._sleep = sleep
        self._deadline = monotonic() + timeout

    def run(self, what: str, zone: str, path: str, body: Json | None = None, verb: str = "POST") -> None:
        """Make a changing call and return once it is carried out; ``path`` begins behind the zone.

        Raises CloudError, Lost past the deadline.
        """
        self.finish(what, zone, self._api.change(what, verb, f"zones/{zone}/{path}", body))

    def begin(self, what: str, zone: str, path: str, verb: str = "POST") -> None:
        """Make a changing call and return once it is accepted; a refusal that is known already is raised."""
        check(what, self._api.change(what, verb, f"zones/{zone}/{path}"))

    def finish(self, what: str, zone: str, operation: Json) -> None:
        """Return once the operation is done. Raises what it ended with; Lost where that is not known."""
        name, pause = operation["name"], FIRST_PAUSE
        while operation.get("status") != "DONE":
            asked = self._monotonic()
            left = self._deadline - asked
            if left <= 0:
                raise Lost(f"{what}: accepted, and not done when the time was over")
            try:
                operation = self._api.wait(zone, name, min(LONGEST_WAIT, max(left, 1.0)))
            except (Throttled, Unreachable):
                operation = {}
            except CloudError as error:
                if error.code == MISSING:
                    raise Lost(f"{what}: accepted, and its operation {name} is no longer known") from error
                raise
            if operation.get("status") != "DONE" and self._monotonic() - asked < pause:
                self._sleep(pause)
                pause = min(pause * PAUSE_FACTOR, LONGEST_PAUSE)
        check(what, operation)

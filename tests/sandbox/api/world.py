"""What the account's instances are up to: states that take time, late visibility, client tokens."""

from __future__ import annotations

import dataclasses
import threading


@dataclasses.dataclass(frozen=True)
class Delays:
    """Seconds that the cloud takes: pending -> running, to stopped, to terminated, and to show a new instance."""

    pending: float = 1.0
    stopping: float = 0.7
    terminating: float = 0.5
    visible: float = 0.7


class World:
    """Placeholder of the first commit."""

    def __init__(self, delays: Delays) -> None:
        self.lock = threading.RLock()
        self.delays = delays
        self.fate = ""

    def advance(self) -> None: ...
    def changed(self) -> None: ...
    def commit(self) -> None: ...

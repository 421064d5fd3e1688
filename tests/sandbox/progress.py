"""Progress lines: what is done now and how long it took; one at least every 20 seconds."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

_EVERY = 20.0


@contextlib.contextmanager
def step(what: str) -> t.Iterator[None]:
    """Say ``what`` begins, that it still runs, and its seconds when it is done. Safe in several threads."""
    began = time.monotonic()
    done = threading.Event()

    def remind() -> None:
        while not done.wait(_EVERY):
            say(f"{what}: still at it after {time.monotonic() - began:.0f} s")

    say(f"{what} ...")
    reminder = threading.Thread(target=remind, daemon=True)
    reminder.start()
    try:
        yield
    finally:
        done.set()
        reminder.join()
    say(f"{what}: done in {time.monotonic() - began:.1f} s")


def say(text: str) -> None:
    """Write one whole line at once, so that lines of two threads do not mix."""
    print(text + "\n", end="", flush=True)

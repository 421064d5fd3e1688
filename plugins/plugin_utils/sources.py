# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sources of an inventory: asked side by side, and one that fails does not hide the others."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import WorkspaceError
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import Found

#: Requests in flight at once. They wait for the network, so this is far above the number of cores.
WORKERS = 32

K = t.TypeVar("K")
T = t.TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Failure:
    """A source that gave no answer. ``source`` names its account and region for the user."""

    source: str
    error: WorkspaceError

    def __str__(self) -> str:
        return f"{self.source}: {self.error}"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What all sources gave together: each machine once. ``answered`` counts the sources that did."""

    machines: list[Found]
    failures: list[Failure]
    answered: int


def side_by_side(calls: t.Mapping[K, t.Callable[[], T]]) -> tuple[dict[K, T], dict[K, WorkspaceError]]:
    """Run all calls at once; (answers, errors), both in the order of ``calls`` whichever came first.

    Only our own errors are caught: another one is a bug and is raised.
    """
    answers: dict[K, T] = {}
    errors: dict[K, WorkspaceError] = {}
    if not calls:
        return answers, errors
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(WORKERS, len(calls))) as pool:
        futures = {key: pool.submit(call) for key, call in calls.items()}
        for key, future in futures.items():
            try:
                answers[key] = future.result()
            except WorkspaceError as error:
                errors[key] = error
    return answers, errors

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the core asks of a provider. A provider observes and applies; it decides nothing and never holds a module."""

from __future__ import annotations

import abc
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.devcontainer.cloud.plugins.module_utils.lifecycle import Settings, Step
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, Spec


class Provider(abc.ABC):
    """One cloud, seen through its own credentials and scope (a region, a project, a namespace)."""

    #: The settings that this provider compares, and how each can be changed.
    settings: t.ClassVar[Settings]
    #: How many steps may be under way at once.
    concurrency = 10

    @abc.abstractmethod
    def observe(self, specs: t.Sequence[Spec]) -> t.Mapping[str, t.Sequence[Observed] | CloudError]:
        """What there is of each named workspace, with a number of calls that does not grow with the list.

        A machine that this provider launched and that died shows as ``absent`` with its reason. Where one workspace
        could not be looked for and others could, an error stands in its place. Raises CloudError.
        """

    @abc.abstractmethod
    def apply(self, step: Step, spec: Spec, machine: Observed | None) -> None:
        """Carry out one step and return once the cloud has accepted it; called from several threads at once.

        Raises CloudError; Lost where it is not known whether the step was carried out, NotYet where an earlier one was
        and does not show yet.
        """

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong, as types. A provider raises them; core and modules know nothing of any SDK's exceptions."""

from __future__ import annotations


class WorkspaceError(Exception):
    """Something went wrong with one workspace; the text is one sentence for the user."""


class InvalidInput(WorkspaceError):
    """An option's value cannot be used. Raised before any call is made; names the option, the value and the way out."""


class Refused(WorkspaceError):
    """What was asked for would touch something that is not ours, or cannot be done to what is there."""


class Timeout(WorkspaceError):
    """The deadline passed before the workspace came to rest."""


class CloudError(WorkspaceError):
    """The cloud said no. ``code`` is the service's own error code, empty where it gave none."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Unreachable(CloudError):
    """No answer from the cloud, or no credentials to ask it with: concerns every workspace of the call."""


class Denied(CloudError):
    """The credentials are known and may not do this."""


class NoCapacity(CloudError):
    """This zone cannot give such a machine now; another may."""


class Throttled(CloudError):
    """Too many calls; the SDK's own retries are used up. The next look asks again."""


class Lost(CloudError):
    """The call may or may not have been carried out. Look again before doing anything else."""


class NotYet(CloudError):
    """What is asked for was asked for before, and the cloud does not show it yet. Nothing was done now: look again.

    The provider says for how long it may last.
    """


class LaunchFailed(CloudError):
    """The machine was accepted and died before it ran; the text holds the service's reason."""

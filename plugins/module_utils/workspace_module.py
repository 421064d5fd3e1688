# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a workspace module and its _info twin do with any provider: one run, one answer."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.devcontainer.cloud.plugins.module_utils import result, user_data
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import (
    CloudError,
    InvalidInput,
    Unreachable,
    WorkspaceError,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.fleet import converge
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.base import Provider
from ansible_collections.devcontainer.cloud.plugins.module_utils.times import Clock
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, Spec, check_name

Found = t.Mapping[str, t.Union[t.Sequence[Observed], CloudError]]


class Module(AnsibleModule):  # type: ignore[misc]
    """A module that does not say what it was given as cloud_config, whichever way it ends."""

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        hide_cloud_config(self.params)
        super().exit_json(**kwargs)
        raise AssertionError("exit_json returned")

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        hide_cloud_config(self.params)
        super().fail_json(msg, **kwargs)
        raise AssertionError("fail_json returned")


def bring(module: t.Any, provider: Provider, name: str, region: str, specs: t.Sequence[Spec], clock: Clock) -> None:
    """Bring the workspaces to their states and leave the module; ``name`` is the provider's."""
    outcomes = converge(
        provider,
        specs,
        timeout=module.params["wait_timeout"],
        check_mode=module.check_mode,
        wait=module.params["wait"],
        clock=clock,
    )
    for outcome in outcomes:
        for warning in result.warnings(outcome):
            module.warn(warning)
    answer: dict[str, t.Any] = {
        "changed": any(outcome.changed for outcome in outcomes),
        "workspaces": [result.outcome_result(outcome, name, region) for outcome in outcomes],
    }
    if module._diff:
        answer["diff"] = result.diff(outcomes, module.check_mode)
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if errors:
        # What concerns all of them, such as missing credentials, is said once.
        said = [error for error in errors if isinstance(error, Unreachable)] or errors
        module.fail_json(msg="; ".join(dict.fromkeys(str(error) for error in said)), **answer)
    module.exit_json(**answer)


def show(module: t.Any, find: t.Callable[[t.Optional[t.Sequence[str]]], Found], name: str, region: str) -> None:
    """Return what there is of the workspaces that ``names`` says, or of all, and leave the module."""
    names = module.params["names"]
    try:
        found = find([check_name(each, "names") for each in names] if names is not None else None)
    except WorkspaceError as error:
        module.fail_json(msg=str(error), workspaces=[])
    workspaces = [
        result.workspace_result(each, name, region, machine)
        for each, machines in found.items()
        if not isinstance(machines, CloudError)
        for machine in (*machines, *([] if machines else [None]))
    ]
    errors = [str(machines) for machines in found.values() if isinstance(machines, CloudError)]
    if errors:
        module.fail_json(msg="; ".join(errors), workspaces=workspaces)
    module.exit_json(changed=False, workspaces=workspaces)


def hide_cloud_config(params: dict[str, t.Any]) -> None:
    """Take cloud_config out of what Ansible repeats of a task's options, in place."""
    entries = params.get("workspaces")
    for given in (params, *(entries if isinstance(entries, list) else ())):
        if isinstance(given, dict) and given.get("cloud_config"):
            given["cloud_config"] = "NOT_LOGGING_PARAMETER"


def specs_or_fail(module: t.Any, specs: t.Callable[[], list[Spec]]) -> list[Spec]:
    """The task's specs; leaves the module where an option or this Python cannot be used, or where there are none."""
    try:
        found = specs()
    except InvalidInput as error:
        module.fail_json(msg=str(error), changed=False, workspaces=[])
    if not found:
        module.exit_json(changed=False, workspaces=[], msg="no workspace was named, and none was touched")
    if not user_data.HAS_CRYPTOGRAPHY:
        module.fail_json(msg=missing_required_lib("cryptography"))
    return found


def names_or_leave(module: t.Any) -> None:
    """Leave an _info module that was given an empty list: it selects nothing, and nobody is asked."""
    if module.params["names"] is not None and not module.params["names"]:
        module.exit_json(changed=False, workspaces=[])

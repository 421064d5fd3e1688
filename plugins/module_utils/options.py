# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that every provider's workspace module shares, and how they become specs.

`name` describes one workspace, `workspaces` many: a list of dicts, each overriding the task's options and validated by
the same argument spec, so that there is one meaning and one place for it.
"""

from __future__ import annotations

import datetime as dt
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.devcontainer.cloud.plugins.module_utils import times, user_data
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import (
    STATES,
    Spec,
    check_labels,
    check_login,
    check_name,
    identity,
)

Options = dict[str, t.Any]

#: What one workspace is, whatever runs it. No defaults here but those that are safe to say at every run.
WORKSPACE_SPEC: Options = {
    "name": {"type": "str"},
    "state": {"type": "str", "choices": list(STATES), "default": "running"},
    "owner": {"type": "str"},
    "team": {"type": "str"},
    "user": {"type": "str", "default": "dev"},
    "ssh_keys": {"type": "list", "elements": "str", "no_log": False, "default": []},
    "lease": {"type": "str", "default": "12h"},
    "lease_until": {"type": "str"},
    "renew_lease": {"type": "bool", "default": False},
    "retention": {"type": "str"},
    "idle_limit": {"type": "str"},
    "repo": {"type": "str"},
    "ref": {"type": "str"},
    "config": {"type": "str"},
    "tags": {"type": "dict"},
    "purge_tags": {"type": "bool", "default": False},
}
#: What is said once for the whole task.
TASK_SPEC: Options = {
    "workspaces": {"type": "list", "elements": "dict"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 600},
}
_LABEL_OPTIONS = ("owner", "team", "user", "repo", "ref", "config")


def argument_spec(provider_spec: Options) -> Options:
    """The module's whole argument spec, but for the SDK's own options."""
    return {**WORKSPACE_SPEC, **provider_spec, **TASK_SPEC}


def each_workspace(params: Options, provider_spec: Options) -> list[Options]:
    """The options of every workspace that the task names; none for an empty list. Raises InvalidInput."""
    spec = {**WORKSPACE_SPEC, **provider_spec}
    common = {key: params[key] for key in spec}
    if params["workspaces"] is None:
        if not common["name"]:
            raise InvalidInput("name: give the workspace's name, or the list workspaces")
        return [common]
    if common["name"]:
        raise InvalidInput(f"name: {common['name']!r} is given beside workspaces; give one of the two")
    merged = [
        _validated(entry, common, spec, f"workspaces[{number}]") for number, entry in enumerate(params["workspaces"])
    ]
    names = [entry["name"] for entry in merged]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"workspaces: {', '.join(twice)} is listed more than once; leave one of them")
    return merged


def specs_of(params: Options, provider_spec: Options, spec_of: t.Callable[[Options], Spec]) -> list[Spec]:
    """The task's workspaces as specs, each made by ``spec_of``. Raises InvalidInput, which names the one of a list."""
    found = []
    for number, given in enumerate(each_workspace(params, provider_spec)):
        try:
            found.append(spec_of(given))
        except InvalidInput as error:
            if params["workspaces"] is None:
                raise
            raise InvalidInput(f"workspaces[{number}] ({given['name']}): {error}") from error
    return found


def _validated(entry: Options, common: Options, spec: Options, where: str) -> Options:
    unknown = sorted(set(entry) - set(spec))
    if unknown:
        raise InvalidInput(f"{where}: unknown option {', '.join(unknown)}; known are {', '.join(sorted(spec))}")
    given = {key: value for key, value in {**common, **entry}.items() if value is not None}
    result = ArgumentSpecValidator(spec).validate(given)
    if result.error_messages:
        raise InvalidInput(f"{where}: {'; '.join(result.error_messages)}")
    if not result.validated_parameters.get("name"):
        raise InvalidInput(f"{where}: name is missing; give the workspace's name")
    return dict(result.validated_parameters)


def to_spec(options: Options, now: dt.datetime, settings: Options, create: Options) -> Spec:
    """One workspace's options as a spec; the provider adds ``settings`` and ``create``. Raises InvalidInput."""
    name = check_name(options["name"])
    check_login(options["user"])
    user_data.check_public_keys(options["ssh_keys"])
    lease = times.parse_duration(options["lease"], "lease")
    lease_until = times.parse_time(options["lease_until"], "lease_until") if options["lease_until"] else None
    if options["renew_lease"]:
        if lease_until is not None:
            raise InvalidInput("renew_lease: true is given beside lease_until; give one of the two")
        lease_until = times.after(now, lease)
    labels = identity(name)
    labels.update({key: options[key] for key in _LABEL_OPTIONS if options[key] is not None})
    if options["idle_limit"] is not None:
        labels["idle-limit"] = times.format_duration(times.parse_duration(options["idle_limit"], "idle_limit"))
    check_labels(labels)
    return Spec(
        name=name,
        state=options["state"],
        labels=labels,
        tags=check_tags(options["tags"]),
        purge_tags=options["purge_tags"],
        settings={key: value for key, value in settings.items() if value is not None},
        create=create,
        lease=lease,
        lease_until=lease_until,
        retention=times.parse_duration(options["retention"], "retention") if options["retention"] else None,
    )


def check_tags(tags: Options | None) -> dict[str, str] | None:
    """The user's own tags as text, refused where they would write into the contract. Raises InvalidInput."""
    if tags is None:
        return None
    for key in tags:
        if str(key).startswith(("devcontainer:", "aws:")) or key == "Name":
            raise InvalidInput(f"tags: the key {key!r} is the collection's or the cloud's own; choose another")
        if not f"{key}{tags[key]}".isprintable():
            raise InvalidInput(f"tags: {key!r} or its value {tags[key]!r} holds a line break or the like; leave it out")
    return {str(key): str(value) for key, value in tags.items()}

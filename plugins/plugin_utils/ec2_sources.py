# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""EC2's machines as an inventory sees them: every account and region side by side, one filtered question each."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import (
    CloudError,
    InvalidInput,
    WorkspaceError,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers import ec2_view
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2_errors import saying
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import MANAGED_BY
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.ec2_accounts import ALL, Account, Sessions, home_of
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import Found
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.sources import Answer, Failure, side_by_side

_MANAGED = f"tag:{codec.AWS_PREFIX}managed-by"
#: What EC2 says of a region that the account has not enabled.
_NOT_ENABLED = frozenset({"AuthFailure", "OptInRequired"})

Source = tuple[Account, str]


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of each source."""

    states: t.Sequence[str]
    filters: t.Mapping[str, t.Sequence[str]]
    include_unmanaged: bool

    def filters_of_call(self) -> list[dict[str, t.Any]]:
        """The filters as EC2 takes them."""
        filters = {"instance-state-name": list(self.states), **{k: list(v) for k, v in self.filters.items()}}
        if not self.include_unmanaged:
            filters[_MANAGED] = [MANAGED_BY]
        return [{"Name": name, "Values": values} for name, values in sorted(filters.items())]


def question_of(states: t.Sequence[str], filters: t.Mapping[str, t.Any], include_unmanaged: bool) -> Question:
    """The options as a question. Raises InvalidInput."""
    if not states:
        raise InvalidInput("states: it is empty; name at least one, or leave it out")
    checked: dict[str, list[str]] = {}
    for name, given in filters.items():
        values = given if isinstance(given, (list, tuple)) else [given]
        if name == "instance-state-name":
            raise InvalidInput("filters: 'instance-state-name' is the option states; use that")
        if name == _MANAGED:
            raise InvalidInput(f"filters: {name!r} is set by include_unmanaged; use that")
        if not values or any(isinstance(value, (dict, list)) or value is None for value in values):
            raise InvalidInput(f"filters: {name!r} is {given!r}; give a value or a list of values")
        checked[str(name)] = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    return Question(tuple(states), checked, include_unmanaged)


def _place(account: Account, region: str) -> str:
    """A source's name for the user."""
    where = region or "every region"
    return f"account {account.name}, {where}" if account.name else where


def gather(sessions: Sessions, accounts: t.Sequence[Account], regions: t.Sequence[str], question: Question) -> Answer:
    """Ask every source. Raises InvalidInput if no region is known, Unreachable if there are no credentials."""
    failures: list[Failure] = []
    opened = _open(sessions, accounts, failures)
    clients = _clients(sessions, opened, regions, failures)
    answers, errors = side_by_side(
        {source: functools.partial(_describe, client, source, question) for source, client in clients.items()}
    )
    failures += [Failure(_place(*source), error) for source, error in errors.items()]
    # Two names for one account would show each machine twice: the first one has it.
    machines: dict[tuple[str, str], Found] = {}
    for found in answers.values():
        for one in found:
            machines.setdefault((one.region, one.machine.id), one)
    return Answer(list(machines.values()), failures, len(answers))


def _open(sessions: Sessions, accounts: t.Sequence[Account], failures: list[Failure]) -> dict[Account, t.Any]:
    """A session for each account whose credentials can be had."""
    if any(not account.profile for account in accounts):
        sessions.check(sessions.own)
    opened: dict[Account, t.Any] = {}
    roles: dict[Account, t.Callable[[], t.Any]] = {}
    for account in accounts:
        try:
            session = sessions.of_profile(account.profile) if account.profile else sessions.own
            if account.profile:
                sessions.check(session)
            if account.role_arn:
                sts = sessions.client(session, "sts", home_of(sessions.region_of(session)))
                roles[account] = functools.partial(_assume, sts, account)
            opened[account] = session
        except WorkspaceError as error:
            failures.append(Failure(_place(account, ""), error))
    assumed, errors = side_by_side(roles)
    for account, denied in errors.items():
        del opened[account]
        failures.append(Failure(_place(account, ""), denied))
    for account, keys in assumed.items():
        region = sessions.region_of(opened[account])
        opened[account] = sessions.of_keys(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        opened[account].set_config_variable("region", region or None)
    return opened


def _assume(sts: t.Any, account: Account) -> t.Mapping[str, str]:
    extra = {"ExternalId": account.external_id} if account.external_id else {}
    with saying(f"assume the role {account.role_arn}"):
        answer = sts.assume_role(RoleArn=account.role_arn, RoleSessionName="devcontainer-cloud-inventory", **extra)
    return t.cast("t.Mapping[str, str]", answer["Credentials"])


def _clients(
    sessions: Sessions, opened: t.Mapping[Account, t.Any], regions: t.Sequence[str], failures: list[Failure]
) -> dict[Source, t.Any]:
    """A client for each account and region."""
    wanted: dict[Account, t.Sequence[str]] = {}
    if list(regions) == [ALL]:
        askers = {
            account: functools.partial(_enabled, sessions.client(session, "ec2", home_of(sessions.region_of(session))))
            for account, session in opened.items()
        }
        wanted, errors = side_by_side(askers)
        failures += [Failure(_place(account, ""), error) for account, error in errors.items()]
    else:
        for account, session in opened.items():
            wanted[account] = regions or [sessions.region_of(session)]
            if wanted[account] == [""]:
                raise InvalidInput(
                    "regions: it is empty, and no region is set elsewhere; give regions (or [all]), region, AWS_REGION "
                    "or a region in the profile"
                )
    return {
        (account, region): sessions.client(opened[account], "ec2", region)
        for account, its_regions in wanted.items()
        for region in its_regions
    }


def _enabled(ec2: t.Any) -> list[str]:
    """The regions that the account may use."""
    with saying("list the account's regions"):
        return sorted(region["RegionName"] for region in ec2.describe_regions()["Regions"])


def _describe(ec2: t.Any, source: Source, question: Question) -> list[Found]:
    """The machines of one source."""
    account, region = source
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=question.filters_of_call(), PaginationConfig={"PageSize": 1000}
    )
    try:
        with saying("list the machines"):
            return [
                _found(account, region, instance)
                for page in pages
                for group in page["Reservations"]
                for instance in group["Instances"]
            ]
    except CloudError as error:
        if error.code in _NOT_ENABLED:
            raise type(error)(
                f"{error}; enable the region for the account, or leave it out of regions", error.code
            ) from error
        raise


def _found(account: Account, region: str, instance: t.Mapping[str, t.Any]) -> Found:
    machine = ec2_view.observed(instance)
    tags = ec2_view.tags_of(instance)
    # A workspace's own tags are shown without ours; of any other machine all are the user's.
    return Found(
        provider="ec2",
        account=account.name,
        region=region,
        title=tags.get("Name", ""),
        machine=machine if machine.ours else dataclasses.replace(machine, tags=tags),
    )

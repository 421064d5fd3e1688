# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The AWS accounts and regions of an inventory: options checked, sessions and clients made.

Sessions are not safe to share between threads, and clients are: all clients are made before anything runs side by side.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput, Unreachable, WorkspaceError
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2_errors import saying

try:
    import botocore.exceptions
    import botocore.parsers
    import botocore.session
    from botocore.config import Config

    HAS_BOTOCORE = True
except ImportError:
    HAS_BOTOCORE = False

#: The one entry of ``regions`` that is no region.
ALL = "all"
#: Where to ask for the list of regions if no region is set: it is enabled in every account of the standard partition.
_HOME = "us-east-1"
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/[\w+=,.@/-]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ENTRY = ("role_arn", "profile", "name", "external_id")

Options = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Account:
    """One set of credentials. Without ``profile`` and ``role_arn`` they are the inventory's own."""

    name: str = ""
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""


def accounts_of(entries: t.Sequence[t.Any]) -> list[Account]:
    """The option ``accounts``; one nameless account where it is empty. Raises InvalidInput."""
    accounts: list[Account] = []
    for entry in entries:
        if not isinstance(entry, t.Mapping):
            raise InvalidInput(f"accounts: {entry!r} is no dict; write for example {{role_arn: arn:aws:iam::...}}")
        unknown = sorted(set(entry) - set(_ENTRY))
        if unknown:
            raise InvalidInput(f"accounts: {unknown[0]!r} is not known; use {', '.join(_ENTRY)}")
        account = Account(**{key: str(value) for key, value in entry.items() if value is not None})
        _check_role("accounts", account.role_arn)
        if account.external_id and not account.role_arn:
            raise InvalidInput("accounts: external_id goes with role_arn only; give the role, or leave external_id out")
        role = _ROLE.fullmatch(account.role_arn)
        name = account.name or (role.group(1) if role else account.profile)
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"accounts: {name!r} is no name for an account; give each entry a name of letters, digits, ., _ and -"
            )
        if name in (known.name for known in accounts):
            raise InvalidInput(f"accounts: two entries are called {name!r}; give them different names")
        accounts.append(dataclasses.replace(account, name=name))
    return accounts or [Account()]


def regions_of(regions: t.Sequence[t.Any]) -> list[str]:
    """The option ``regions`` without repetition. Raises InvalidInput."""
    chosen = list(dict.fromkeys(str(region) for region in regions))
    if ALL in chosen and len(chosen) > 1:
        raise InvalidInput("regions: 'all' stands alone; leave the other regions out, or all")
    for region in chosen:
        if region != ALL:
            _check_region("regions", region)
    return chosen


def check_credentials(options: Options) -> None:
    """Refuse what cannot go together. Raises InvalidInput; no secret is named."""
    if options["profile"] and (options["access_key"] or options["secret_key"] or options["session_token"]):
        raise InvalidInput(
            f"profile: {options['profile']!r} cannot go with access_key, secret_key or session_token "
            "(their environment variables included); choose one of the two ways"
        )
    if bool(options["access_key"]) != bool(options["secret_key"]):
        given, missing = ("access_key", "secret_key") if options["access_key"] else ("secret_key", "access_key")
        raise InvalidInput(f"{missing}: it is empty and {given} is set; give both or neither")
    _check_role("assume_role_arn", options["assume_role_arn"] or "")
    if options["region"]:
        _check_region("region", options["region"])


def _check_region(option: str, region: str) -> None:
    if not _REGION.fullmatch(region):
        raise InvalidInput(f"{option}: {region!r} is no region; write for example eu-central-1")


def _check_role(option: str, role: str) -> None:
    if role and not _ROLE.fullmatch(role):
        raise InvalidInput(f"{option}: {role!r} is no role; write for example arn:aws:iam::123456789012:role/inventory")


def _time(text: t.Any) -> dt.datetime:
    """A time of an answer. botocore's own parser tries many forms first and costs a quarter of the parse."""
    try:
        return dt.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return botocore.parsers.DEFAULT_TIMESTAMP_PARSER(text)


class Sessions:
    """Sessions and clients of one inventory source. Used by one thread; the clients may be used by many."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._loader: t.Any = None

    def of_profile(self, profile: str) -> t.Any:
        """A session with the credentials of a profile, or of the environment for none. Raises our errors."""
        try:
            with saying("read the AWS configuration"):
                return self._session(profile=profile or None)
        except WorkspaceError as error:
            if profile and isinstance(error.__cause__, botocore.exceptions.ProfileNotFound):
                raise InvalidInput(
                    f"profile: {profile!r} is not in the AWS configuration files; correct it, or add it there"
                ) from error
            raise

    def of_keys(self, access_key: str, secret_key: str, token: str | None) -> t.Any:
        """A session with these credentials."""
        session = self._session(profile_matters=False)
        session.set_credentials(access_key, secret_key, token or None)
        return session

    @functools.cached_property
    def own(self) -> t.Any:
        """The session of the inventory's own options."""
        options = self._options
        if options["access_key"]:
            return self.of_keys(options["access_key"], options["secret_key"], options["session_token"])
        return self.of_profile(options["profile"] or "")

    def _session(self, profile: str | None = None, profile_matters: bool = True) -> t.Any:
        session = botocore.session.Session(profile=profile)
        if not profile_matters:  # AWS_PROFILE may name one that is not there, and would fail the session
            session.get_component("config_store").set_config_variable("profile", None)
        if self._loader is None:
            self._loader = session.get_component("data_loader")
        else:  # the description of EC2 is large and is read once
            session.register_component("data_loader", self._loader)
        session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
        return session

    def region_of(self, session: t.Any) -> str:
        """The region that options, environment or profile set; empty for none."""
        with saying("read the AWS configuration"):
            return str(self._options["region"] or session.get_config_variable("region") or "")

    def check(self, session: t.Any) -> None:
        """Raise Unreachable where there are no credentials at all: said once, before any call."""
        with saying("find AWS credentials"):
            found = session.get_credentials()
        if found is None:
            raise Unreachable(
                "there are no AWS credentials; set access_key and secret_key, profile, AWS_PROFILE or the "
                "AWS_ACCESS_KEY_ID variables, or run where an instance role gives them"
            )

    def client(self, session: t.Any, service: str, region: str) -> t.Any:
        """A client; makes no call."""
        with saying(f"connect to {service} in {region}"):
            return session.create_client(
                service,
                region_name=region,
                endpoint_url=self._options["endpoint_url"] or None,
                config=Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10),
            )


def home_of(region: str) -> str:
    """Where questions about the account itself are asked."""
    return region or _HOME

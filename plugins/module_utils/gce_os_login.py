# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""OS Login's cloud side: its switches in metadata, and the public key of one Google account. What to do is pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import times, user_data
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput, WorkspaceError
from ansible_collections.devcontainer.cloud.plugins.module_utils.fleet import SystemClock
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_api import Api, Rest
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_errors import saying
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_launch import flag
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_operations import Operations, merge
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_view import OS_LOGIN, metadata_of

try:
    from google.auth.transport.requests import Request
except ImportError:  # the module says so in a sentence
    Request = None

Json = t.Mapping[str, t.Any]

ENDPOINT = "https://oslogin.googleapis.com"
TWO_FACTOR = "enable-oslogin-2fa"
#: A key that ends is renewed once less than this part of its lifetime is left, so that a second run changes nothing.
RENEW_BELOW = 0.5


_ACCOUNT = re.compile(r"^(?:[^\s/@:?#%]+@[^\s/@:?#%]+|[0-9]+)$")
_NAME = re.compile(r"^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$")


@dataclasses.dataclass(frozen=True)
class Key:
    """The account's public key as it is asked for. ``lifetime`` is in seconds, None for no end."""

    text: str
    present: bool
    lifetime: t.Optional[int]


@dataclasses.dataclass(frozen=True)
class KeyStep:
    """What becomes of the key: ``keep``, ``import``, ``renew`` or ``remove``; ``ends`` is when it then ends."""

    action: str
    fingerprint: str = ""
    ends: t.Optional[dt.datetime] = None


def key_of(options: t.Mapping[str, t.Any]) -> Key | None:
    """The key that the options ask for; None where they name none. Raises InvalidInput."""
    text = options["public_key"]
    if text is None:
        return None
    user_data.check_public_keys([text], "public_key")
    return Key(
        text.strip(), options["key_state"] == "present", times.parse_duration(options["key_lifetime"], "key_lifetime")
    )


def check(options: t.Mapping[str, t.Any]) -> None:
    """Refuse names that are none. Raises InvalidInput."""
    account = options["account"]
    if account is not None and not _ACCOUNT.fullmatch(account):
        raise InvalidInput(
            f"account: {account!r} is no Google account; give its e-mail or a service account's unique id"
        )
    for option in ("instance", "zone"):
        if options[option] is not None and not _NAME.fullmatch(options[option]):
            raise InvalidInput(f"{option}: {options[option]!r} is no name; give the bare name")


def switches(options: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The metadata that the options ask for. Raises InvalidInput."""
    if (options["instance"] is None) != (options["zone"] is None):
        raise InvalidInput(
            f"instance, zone: {options['instance']!r} in {options['zone']!r} is no instance; give both, or neither for "
            "the whole project"
        )
    if options["two_factor"] and options["enabled"] is False:
        raise InvalidInput("two_factor: true asks for nothing while enabled is false; set enabled: true")
    wanted = {OS_LOGIN: options["enabled"], TWO_FACTOR: options["two_factor"]}
    return {key: flag(value) for key, value in wanted.items() if value is not None}


def switched(seen: t.Mapping[str, str], wanted: t.Mapping[str, str]) -> dict[str, str]:
    """The items to write; the guest reads them whatever their case."""
    return {key: value for key, value in wanted.items() if seen.get(key, "").upper() != value}


def ends(key: Json) -> dt.datetime | None:
    """When a key ends; None for one that never does."""
    microseconds = int(key.get("expirationTimeUsec") or 0)
    return dt.datetime.fromtimestamp(microseconds / 1_000_000, dt.timezone.utc) if microseconds else None


def find_key(profile: Json, text: str) -> tuple[str, Json] | None:
    """(fingerprint, key) of the key in the profile, whatever its comment."""
    for fingerprint, key in profile.get("sshPublicKeys", {}).items():
        if key.get("key", "").split()[:2] == text.split()[:2]:
            return key.get("fingerprint") or fingerprint, key
    return None


def plan_key(profile: Json, key: Key, now: dt.datetime) -> KeyStep:
    """What to do about the key."""
    found = find_key(profile, key.text)
    if not key.present:
        return KeyStep("remove", found[0]) if found else KeyStep("keep")
    wanted = times.after(now, key.lifetime)
    if found is None:
        return KeyStep("import", ends=wanted)
    fingerprint, there = found
    end = ends(there)
    if key.lifetime is None or end is None:
        right = end is None and key.lifetime is None
    else:
        right = key.lifetime * RENEW_BELOW <= (end - now).total_seconds() <= key.lifetime
    if not right:
        return KeyStep("renew", fingerprint, wanted)
    # Without an account of the project nobody could log in by it; importing it again makes one.
    return KeyStep("keep" if account_of(profile, "") else "import", fingerprint, end)


def account_of(profile: Json, project: str) -> Json | None:
    """The POSIX account that hosts of the project show: its own, else the primary one; None where there is none."""
    accounts = [a for a in profile.get("posixAccounts", ()) if a.get("operatingSystemType", "LINUX") != "WINDOWS"]
    return next(
        iter(sorted(accounts, key=lambda a: (a.get("accountId") != project, not a.get("primary", False)))), None
    )


def account_result(account: Json | None) -> dict[str, t.Any] | None:
    """A POSIX account in our words."""
    if account is None:
        return None
    return {
        "username": account.get("username", ""),
        "uid": int(account.get("uid") or 0),
        "gid": int(account.get("gid") or 0),
        "home": account.get("homeDirectory", ""),
        "shell": account.get("shell", ""),
    }


def own_account(credentials: t.Any) -> str:
    """The e-mail of who the credentials are. Raises InvalidInput where they do not say, CloudError."""
    email = getattr(credentials, "service_account_email", "")
    if email == "default":  # a machine's own account: its name comes with its first token
        with saying("authenticate"):
            credentials.refresh(Request())
        email = credentials.service_account_email
    email = email or getattr(credentials, "account", "")
    if not email:
        raise InvalidInput("account: it is not set and the credentials do not say whose they are; give the e-mail")
    return str(email)


class Profile:
    """One Google account in the OS Login API."""

    def __init__(self, rest: Rest, account: str, project: str) -> None:
        self._rest = rest
        self._account = account
        self._project = {"projectId": project}

    def look(self) -> Json:
        """Its login profile. Raises CloudError."""
        path = f"v1/users/{self._account}/loginProfile"
        return self._rest.call(f"look at {self._account}", "GET", path, self._project)

    def carry_out(self, step: KeyStep, text: str) -> Json:
        """Make the one call that the step asks for; return the profile as it is then. Raises CloudError."""
        key = f"v1/users/{self._account}/sshPublicKeys/{step.fingerprint}"
        end = {} if step.ends is None else {"expirationTimeUsec": str(int(step.ends.timestamp()) * 1_000_000)}
        if step.action == "import":
            path = f"v1/users/{self._account}:importSshPublicKey"
            body = {"key": text, **end}
            said = self._rest.call("import the key", "POST", path, self._project, body, changes=True)
            return t.cast(Json, said["loginProfile"]) if "loginProfile" in said else self.look()
        if step.action == "renew":
            self._rest.call("renew the key", "PATCH", key, {"updateMask": "expirationTimeUsec"}, end, changes=True)
        elif step.action == "remove":
            self._rest.call("remove the key", "DELETE", key, changes=True)
        return self.look()


class Switches:
    """The metadata of an instance, or of the project where ``instance`` is empty."""

    def __init__(self, api: Api, operations: Operations, instance: str = "", zone: str = "") -> None:
        self._api, self._operations = api, operations
        self._instance, self._zone = instance, zone
        self.name = instance or "the project"

    def look(self) -> dict[str, str]:
        """The metadata's items as they are now. Raises CloudError."""
        return metadata_of({"metadata": self._metadata()})

    def _metadata(self) -> Json:
        if self._instance:
            return t.cast(Json, self._api.instance(self._zone, self._instance).get("metadata", {}))
        return t.cast(Json, self._api.project().get("commonInstanceMetadata", {}))

    def write(self, wanted: t.Mapping[str, str]) -> None:
        """Merge them with what others wrote, and wait until it is done. Raises CloudError."""

        def look() -> tuple[dict[str, t.Any], dict[str, t.Any]]:
            metadata = self._metadata()
            seen = metadata_of({"metadata": metadata})
            items = {**seen, **switched(seen, wanted)}
            print_of = {"fingerprint": metadata["fingerprint"]} if "fingerprint" in metadata else {}
            return {"items": _listed(seen)}, {"items": _listed(items), **print_of}

        path = (
            f"zones/{self._zone}/instances/{self._instance}/setMetadata"
            if self._instance
            else "setCommonInstanceMetadata"
        )
        what = f"{self.name}: write its metadata"
        merge(
            what,
            look,
            lambda body: self._operations.finish(what, self._zone, self._api.change(what, "POST", path, body)),
        )


def _listed(items: t.Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in items.items()]


@dataclasses.dataclass
class Answer:
    """What the module returns, as far as it is known."""

    changed: bool = False
    account: str = ""
    username: str = ""
    posix_account: t.Optional[dict[str, t.Any]] = None
    key: t.Optional[dict[str, str]] = None
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)


def bring_switches(switches: Switches, wanted: t.Mapping[str, str], check_mode: bool, answer: Answer) -> Json:
    """Bring the metadata to what is wanted; return it as it was. Raises CloudError."""
    before = switches.look()
    change = switched(before, wanted)
    if change and not check_mode:
        switches.write(wanted)
    answer.metadata = dict(wanted)
    answer.changed |= bool(change)
    return {key: before[key] for key in wanted if key in before}


def bring_key(
    profile: Profile, key: Key | None, project: str, now: dt.datetime, check_mode: bool, answer: Answer
) -> Json:
    """Bring the key to what is wanted and find the account; return the key as it was. Raises CloudError."""
    seen = profile.look()
    step = plan_key(seen, key, now) if key else KeyStep("keep")
    before = key_result(seen, key)
    answer.changed |= step.action != "keep"
    if key and step.action != "keep" and not check_mode:
        seen = profile.carry_out(step, key.text)
    answer.key = key_result(seen, key)
    if check_mode and step.action in ("import", "renew"):
        answer.key = {"fingerprint": step.fingerprint, "ends": times.format_time(step.ends) if step.ends else ""}
    elif check_mode and step.action == "remove":
        answer.key = None
    answer.posix_account = account_result(account_of(seen, project))
    answer.username = answer.posix_account["username"] if answer.posix_account else ""
    return {"key": before}


def key_result(profile: Json, key: Key | None) -> dict[str, str] | None:
    """What there is of the key."""
    found = find_key(profile, key.text) if key else None
    if found is None:
        return None
    end = ends(found[1])
    return {"fingerprint": found[0], "ends": times.format_time(end) if end else ""}


def run(module: t.Any) -> None:
    """Do what a task asks for and leave the module."""
    options, answer = module.params, Answer()
    before: dict[str, t.Any] = {}
    try:
        check(options)
        wanted, key = switches(options), key_of(options)
        session, project = module.session(1)
        if wanted:
            api = Api(project, session, options["api_endpoint"])
            operations = Operations(api, options["wait_timeout"])
            target = Switches(api, operations, options["instance"] or "", options["zone"] or "")
            before["metadata"] = bring_switches(target, wanted, module.check_mode, answer)
        if key or options["account"]:
            answer.account = options["account"] or own_account(session.credentials)
            profile = Profile(Rest(options["os_login_endpoint"], session), answer.account, project)
            before.update(bring_key(profile, key, project, SystemClock().now(), module.check_mode, answer))
    except WorkspaceError as error:
        module.fail_json(msg=str(error), **dataclasses.asdict(answer))
    said = dataclasses.asdict(answer)
    if module._diff:
        said["diff"] = {"before": before, "after": {each: said[each] for each in before}}
    module.exit_json(**said)

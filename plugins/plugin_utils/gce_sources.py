# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compute Engine's machines as an inventory sees them: every project side by side, one filtered question each."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import typing as t
from pathlib import Path

from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import CloudError, Denied, InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.gce_auth import auth_kind, credentials
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers import gce_view
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_api import Api, Json, connect, sign_in
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import MANAGED_BY
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.gce_reach import PROJECT, ZONE
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import Found
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.sources import WORKERS, Answer, Failure, side_by_side

#: What of the answer a record needs. Single metadata items cannot be chosen; those that are not ours are never kept.
FIELDS = (
    "nextPageToken,unreachables,warning(code,message),items/*/warning(code,message),items/*/instances("
    "id,name,zone,status,statusMessage,machineType,labels,metadata/items(key,value),"
    "networkInterfaces(networkIP,accessConfigs/natIP),creationTimestamp,lastStartTimestamp)"
)
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_ENDPOINT = re.compile(r"(?:https?://)?(?:[A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::\d+)?/?")
#: The other kind of filter expressions: `name eq web.*`.
_REGULAR = re.compile(r"(?:^|[\s(])[\w.-]+\s+(?:eq|ne)\s")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of each project. ``regions`` and ``zones`` add up; without both all of it is meant."""

    states: t.Sequence[str]
    filters: t.Sequence[str]
    include_unmanaged: bool
    regions: t.Sequence[str] = ()
    zones: t.Sequence[str] = ()

    @property
    def expression(self) -> str:
        """The filter as Compute Engine takes it: AIP-160 throughout, since the two kinds cannot be mixed."""
        parts = []
        if not self.include_unmanaged:
            parts.append([f'labels.{codec.GCE_PREFIX}managed-by = "{codec.slug(MANAGED_BY)}"'])
        parts.append([f'status = "{state}"' for state in self.states])
        # A zone is shown as a URL. Whether ":" then looks at the whole of it or at a part is not written anywhere, so
        # both are said: ``concerns`` drops what would be too much.
        places = [f"{region}-*" for region in self.regions] + list(self.zones)
        parts.append([f'zone : "{before}{place}"' for place in places for before in ("*/zones/", "")])
        parts += [[one] for one in self.filters]
        return " AND ".join(f"({' OR '.join(part)})" for part in parts if part)

    def concerns(self, scope: str) -> bool:
        """Whether machines of a zone, or a warning about a scope (empty: not said which), are asked for."""
        if not scope or not (self.regions or self.zones):
            return True
        return scope in self.zones or scope in self.regions or scope.rpartition("-")[0] in self.regions


def question_of(
    states: t.Sequence[str],
    filters: t.Sequence[t.Any],
    include_unmanaged: bool,
    regions: t.Sequence[t.Any] = (),
    zones: t.Sequence[t.Any] = (),
) -> Question:
    """The options as a question. Raises InvalidInput."""
    if not states:
        raise InvalidInput("states: it is empty; name at least one, or leave it out")
    for option, values, pattern, example in (
        ("regions", regions, _REGION, "europe-west3"),
        ("zones", zones, ZONE, "europe-west3-a"),
    ):
        for value in values:
            if not pattern.fullmatch(str(value)):
                raise InvalidInput(f"{option}: {value!r} is no {option[:-1]}; write for example {example}")
    for one in filters:
        _check_filter(one)
    once = [tuple(dict.fromkeys(str(value) for value in values)) for values in (states, filters, regions, zones)]
    return Question(once[0], once[1], include_unmanaged, once[2], once[3])


def _check_filter(expression: t.Any) -> None:
    if not isinstance(expression, str) or not expression.strip():
        raise InvalidInput(f"filters: {expression!r} is no expression; write for example 'labels.env = prod'")
    bare = _QUOTED.sub("", expression)
    if _REGULAR.search(bare):
        raise InvalidInput(
            f"filters: {expression!r} is of the kind with regular expressions, which cannot be mixed with ours; write "
            "for example 'name = \"web*\"' or 'labels.env != prod'"
        )
    depth = 0
    for sign in bare:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0 or sign in "'\"":
            break
    if depth or "'" in bare or '"' in bare:
        raise InvalidInput(f"filters: {expression!r} has a parenthesis or quote without its other half; close it")


def projects_of(projects: t.Sequence[t.Any], project: str) -> list[str]:
    """The options ``projects`` and ``project``; empty where only the credentials can tell. Raises InvalidInput."""
    option, given = ("projects", projects) if projects else ("project", [project] if project else [])
    for one in given:
        if not isinstance(one, (str, int)) or not PROJECT.fullmatch(str(one)):
            raise InvalidInput(f"{option}: {one!r} is no project's id; write for example my-project-123456")
    return list(dict.fromkeys(str(one) for one in given))


def check_who(who: t.Mapping[str, t.Any]) -> None:
    """Refuse what cannot be meant, before any call. Raises InvalidInput; no secret is named."""
    endpoint = who["api_endpoint"]
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        raise InvalidInput(
            f"api_endpoint: {endpoint!r} is no address; write for example https://compute.googleapis.com"
        )
    if auth_kind(who) == "accesstoken" and not who["access_token"]:
        raise InvalidInput("access_token: it is empty and auth_kind is 'accesstoken'; give the token")


def whose_key(contents: str | None) -> list[str]:
    """Which key of which account a service account's key is; nothing of it that is secret."""
    try:
        key = json.loads(contents or "")
        return [str(key.get(name, "")) for name in ("client_email", "private_key_id", "project_id")]
    except (ValueError, AttributeError):  # no key at all: said when it is used
        return []


def default_files() -> list[Path]:
    """The files that decide what the Application Default Credentials are and which project they name."""
    folder = Path(os.environ.get("CLOUDSDK_CONFIG") or "~/.config/gcloud").expanduser()
    own = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    return [
        *([Path(own)] if own else []),
        folder / "application_default_credentials.json",
        folder / "active_config",
        *sorted(folder.glob("configurations/config_*")),
    ]


def gather(who: t.Mapping[str, t.Any], projects: t.Sequence[str], question: Question) -> Answer:
    """Ask every project. Raises InvalidInput if none is known, Unreachable or Denied without credentials."""
    found, own = credentials(who)
    projects = projects or [own] * bool(own)
    if not projects:
        raise InvalidInput("projects: it is empty, and the credentials name no project; give projects, or GCP_PROJECT")
    session = connect(found, WORKERS)
    sign_in(found)
    answers, errors = side_by_side(
        {
            project: functools.partial(_list, Api(project, session, who["api_endpoint"]), project, question)
            for project in projects
        }
    )
    failures = [Failure(_place(project), _advised(error, len(projects))) for project, error in errors.items()]
    machines: dict[str, Found] = {}
    for project, (listed, blind) in answers.items():
        failures += [
            Failure(_place(project, scope), CloudError(f"it cannot be looked at now: {why}", "UNREACHABLE"))
            for scope, why in sorted(blind.items())
        ]
        # An id and a number of one project would show each machine twice: the first one has it.
        for one in listed:
            machines.setdefault(one.machine.id, one)
    return Answer(list(machines.values()), failures, len(answers))


def _place(project: str, scope: str | None = None) -> str:
    """A source's name for the user."""
    return f"project {project}" if scope is None else f"project {project}, {scope or 'a part that it does not name'}"


def _advised(error: t.Any, among: int) -> t.Any:
    if isinstance(error, Denied) and among > 1:
        return Denied(f"{error}; grant roles/compute.viewer there, or leave it out of projects", error.code)
    return error


def _list(api: Api, project: str, question: Question) -> tuple[list[Found], dict[str, str]]:
    """The machines of one project, and what could not be looked at: scope -> why."""
    machines: list[Found] = []
    unseen: dict[str, str] = {}
    for zones, blind in api.pages("list the machines", question.expression, FIELDS):
        unseen.update({scope: why for scope, why in blind.items() if question.concerns(scope)})
        for zone, instances in zones.items():
            if question.concerns(zone):
                made = (_found(project, zone, instance) for instance in instances)
                machines += [one for one in made if one.machine.ours or question.include_unmanaged]
    return machines, unseen


def _found(project: str, zone: str, instance: Json) -> Found:
    machine = gce_view.observed(instance)
    if not machine.ours:
        # A workspace's own labels are shown without ours; of any other machine all are the user's.
        machine = dataclasses.replace(machine, tags=dict(instance.get("labels", {})))
    region = zone.rpartition("-")[0]
    return Found(provider="gce", account=project, region=region, title=instance["name"], machine=machine)

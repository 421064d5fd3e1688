# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compute Engine's REST API over one google-auth session: JSON in, JSON out, as the REST reference shows it.

Every change carries a random requestId, kept for the retries of that very call and for nothing else: a constant one
would replay a stale operation once a machine has been deleted and is created again.

google-cloud-compute is not used: importing it costs each task 3 s of CPU and 100 MB, of which no call needs any, and
its newer versions cannot ask for returnPartialSuccess.
"""

from __future__ import annotations

import random
import time
import typing as t
import uuid

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import CloudError, Lost, Throttled
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_errors import answered, saying

try:
    from google.auth.transport.requests import AuthorizedSession, Request
    from requests.adapters import HTTPAdapter
except ImportError:  # the module says so in a sentence
    HAS_GOOGLE_AUTH = False
else:
    HAS_GOOGLE_AUTH = True

Json = dict[str, t.Any]

ENDPOINT = "https://compute.googleapis.com"
#: How often one call is tried, and the pauses between in seconds, each times 0.5 to 1.
TRIES, PAUSES = 4, (0.5, 1.0, 2.0)
#: Seconds until an unanswered call counts as lost.
CALL_TIMEOUT = 60.0
#: The largest page of a list.
PAGE = 500
#: Warnings of a list that leave nothing out; any other may.
HARMLESS = frozenset(
    {"NO_RESULTS_ON_PAGE", "DEPRECATED_RESOURCE_USED", "DEPRECATED_TYPE_USED", "EXPERIMENTAL_TYPE_USED"}
)


def _warned(scope: str, content: Json) -> dict[str, str]:
    """What a list says about a scope (or about itself) that may leave its answer incomplete."""
    warning = content.get("warning", {})
    if not warning or warning.get("code") in HARMLESS:
        return {}
    return {scope: f"{warning.get('message', '')} ({warning.get('code', '')})".strip()}


def connect(credentials: t.Any, connections: int) -> t.Any:
    """A session for that many threads at once. The first call asks for a token."""
    session = AuthorizedSession(credentials)
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=connections))
    return session


def sign_in(credentials: t.Any) -> None:
    """Get the token now: threads that find none would each get one, and each say why they cannot. Raises CloudError."""
    if not credentials.valid:
        with saying("authenticate"):
            credentials.refresh(Request())


class Rest:
    """One service below ``base``. Calls may come from several threads at once."""

    def __init__(self, base: str, session: t.Any, sleep: t.Callable[[float], None] = time.sleep) -> None:
        self._base = (base if "://" in base else f"https://{base}").rstrip("/")
        self._session = session
        self._sleep = sleep

    def call(
        self,
        what: str,
        verb: str,
        path: str,
        parameters: Json | None = None,
        body: Json | None = None,
        changes: bool = False,
        timeout: float = CALL_TIMEOUT,
        tries: int = TRIES,
    ) -> Json:
        """The answer; throttled and unanswered calls are made again as they are, requestId and all.

        ``what`` was tried begins the message of an error, ``changes`` says that the call changes something.
        Raises CloudError.
        """
        lost: Lost | None = None
        for attempt in range(tries):
            try:
                with saying(what, changes):
                    response = self._session.request(
                        verb, f"{self._base}/{path}".rstrip("/"), params=parameters, json=body, timeout=timeout
                    )
                    return answered(what, response, changes)
            except (Throttled, Lost) as error:
                lost = error if isinstance(error, Lost) else lost
                if attempt + 1 == tries:
                    raise lost or error from error
            except CloudError as error:
                # A call whose answer was lost may be what the service now refuses to do twice.
                raise (Lost(str(error), error.code) if lost else error) from error
            self._sleep(PAUSES[min(attempt, len(PAUSES) - 1)] * random.uniform(0.5, 1.0))
        raise AssertionError("unreachable")


class Api(Rest):
    """One project of Compute Engine."""

    def __init__(
        self,
        project: str,
        session: t.Any,
        endpoint: str | None = None,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        base = (endpoint or ENDPOINT).rstrip("/")
        super().__init__(f"{base}/compute/v1/projects/{project}", session, sleep)

    def instances(self, expression: str) -> tuple[dict[str, list[Json]], dict[str, str]]:
        """All instances that a filter selects, by zone; and what could not be looked at, as ``pages`` says it."""
        found: dict[str, list[Json]] = {}
        blind: dict[str, str] = {}
        for zones, unseen in self.pages("look up the workspaces", expression):
            for zone, instances in zones.items():
                found.setdefault(zone, []).extend(instances)
            blind.update(unseen)
        return found, blind

    def pages(
        self, what: str, expression: str, fields: str = ""
    ) -> t.Iterator[tuple[dict[str, list[Json]], dict[str, str]]]:
        """Page by page the instances that a filter selects, by zone; and what could not be looked at: scope -> why.

        The scope is empty where the service does not say which. An outage of one zone leaves the others' answers.
        ``fields`` is a mask of the answer, empty for all of it. Raises CloudError.
        """
        parameters: Json = {"filter": expression, "maxResults": PAGE, "returnPartialSuccess": "true"}
        parameters.update({"fields": fields} if fields else {})
        while True:
            found: dict[str, list[Json]] = {}
            blind: dict[str, str] = {}
            page = self.call(what, "GET", "aggregated/instances", parameters)
            for scope, content in page.get("items", {}).items():
                zone = scope.rpartition("/")[2]
                if content.get("instances"):
                    found[zone] = content["instances"]
                blind.update(_warned(zone, content))
            blind.update(_warned("", page))
            for scope in page.get("unreachables", ()):
                blind.setdefault(scope.rpartition("/")[2], "(UNREACHABLE)")
            yield found, blind
            if not page.get("nextPageToken"):
                return
            parameters = {**parameters, "pageToken": page["nextPageToken"]}

    def instance(self, zone: str, name: str) -> Json:
        """One instance as it is now. Raises CloudError."""
        return self.call(f"{name}: look at it", "GET", f"zones/{zone}/instances/{name}")

    def project(self) -> Json:
        """The project itself, with the metadata that all its instances share. Raises CloudError."""
        return self.call("look at the project", "GET", "")

    def wait(self, zone: str, operation: str, timeout: float) -> Json:
        """The operation when it is done, or earlier: the service answers after two minutes at the latest.

        A global one has no zone.
        """
        path = f"{f'zones/{zone}' if zone else 'global'}/operations/{operation}/wait"
        return self.call(f"wait for {operation}", "POST", path, timeout=timeout, tries=1)

    def change(self, what: str, verb: str, path: str, body: Json | None = None) -> Json:
        """Make a changing call; return its operation, which is accepted and not done.

        ``verb`` is HTTP's, ``path`` begins behind the project. Raises CloudError; Lost where no retry was answered.
        """
        return self.call(what, verb, path, {"requestId": str(uuid.uuid4())}, body, changes=True)

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""compute_v1 as plain JSON: what the rest of the provider sends and sees is what the REST reference shows.

Every change carries a random requestId, kept for the retries of that very call and for nothing else: a constant one
would replay a stale operation once a machine has been deleted and is created again.
"""

from __future__ import annotations

import dataclasses
import json
import random
import time
import typing as t
import uuid

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import CloudError, Lost, Throttled
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_errors import saying

try:
    from google.cloud import compute_v1
except ImportError:  # the module says so in a sentence
    compute_v1 = None
HAS_COMPUTE = compute_v1 is not None

Json = dict[str, t.Any]

#: How often one call is tried, and the pauses between in seconds, each times 0.5 to 1.
TRIES, PAUSES = 4, (0.5, 1.0, 2.0)
#: Seconds until an unanswered call counts as lost.
CALL_TIMEOUT = 60.0
#: The largest page of a list.
PAGE = 500

#: Call -> the message type of its body, and the request's field for it.
_BODIES = {
    "instances.insert": ("Instance", "instance_resource"),
    "instances.set_labels": ("InstancesSetLabelsRequest", "instances_set_labels_request_resource"),
    "instances.set_machine_type": ("InstancesSetMachineTypeRequest", "instances_set_machine_type_request_resource"),
    "instances.set_metadata": ("Metadata", "metadata_resource"),
    "instances.set_scheduling": ("Scheduling", "scheduling_resource"),
    "instances.set_service_account": (
        "InstancesSetServiceAccountRequest",
        "instances_set_service_account_request_resource",
    ),
    "instances.set_tags": ("Tags", "tags_resource"),
    "instances.update_shielded_instance_config": ("ShieldedInstanceConfig", "shielded_instance_config_resource"),
    "disks.resize": ("DisksResizeRequest", "disks_resize_request_resource"),
}


@dataclasses.dataclass(frozen=True)
class Clients:
    """The clients that the provider uses; safe to share between threads."""

    instances: t.Any
    disks: t.Any
    zone_operations: t.Any


def connect(credentials: t.Any, endpoint: str | None) -> Clients:
    """Clients over one set of credentials; ``endpoint`` may have a scheme. The first call asks for a token."""
    options = {"api_endpoint": endpoint.rstrip("/")} if endpoint else {}
    return Clients(
        compute_v1.InstancesClient(credentials=credentials, client_options=options),
        compute_v1.DisksClient(credentials=credentials, client_options=options),
        compute_v1.ZoneOperationsClient(credentials=credentials, client_options=options),
    )


def to_json(message: t.Any) -> Json:
    """A proto-plus message as the JSON of the REST reference: camelCase, 64-bit numbers as text, unset left out."""
    found: Json = json.loads(
        type(message).to_json(
            message,
            use_integers_for_enums=False,
            preserving_proto_field_name=False,
            always_print_fields_with_no_presence=False,
        )
    )
    return found


class Api:
    """One project. Calls may come from several threads at once."""

    def __init__(self, project: str, clients: Clients, sleep: t.Callable[[float], None] = time.sleep) -> None:
        self.project = project
        self._clients = clients
        self._sleep = sleep
        # Some versions of the client have no such field, though the service goes on recommending it.
        known = compute_v1.AggregatedListInstancesRequest.meta.fields
        self._partial = {name: True for name in ("return_partial_success",) if name in known}

    def instances(self, expression: str) -> tuple[dict[str, list[Json]], dict[str, str]]:
        """All instances that a filter selects, by zone; and what could not be looked at: scope -> why.

        With partial success an outage of one zone leaves the others' answers; where the installed client cannot ask for
        it, such an outage may fail the whole call. Raises CloudError.
        """
        found: dict[str, list[Json]] = {}
        blind: dict[str, str] = {}
        token = ""
        while True:
            request = {
                "project": self.project,
                "filter": expression,
                "max_results": PAGE,
                "page_token": token,
                **self._partial,
            }
            pager = self._call("look up the workspaces", self._clients.instances.aggregated_list, request)
            # One page at a time: the pager's own next call would be outside of our retries.
            page = to_json(next(iter(pager.pages)))
            for scope, content in page.get("items", {}).items():
                zone = scope.rpartition("/")[2]
                found.setdefault(zone, []).extend(content.get("instances", ()))
                warning = content.get("warning", {})
                if warning and warning.get("code") != "NO_RESULTS_ON_PAGE":
                    blind[zone] = f"{warning.get('message', '')} ({warning.get('code', '')})".strip()
            for scope in page.get("unreachables", ()):
                blind.setdefault(scope.rpartition("/")[2], "(UNREACHABLE)")
            token = page.get("nextPageToken", "")
            if not token:
                return found, blind

    def instance(self, zone: str, name: str) -> Json:
        """One instance as it is now. Raises CloudError."""
        request = {"project": self.project, "zone": zone, "instance": name}
        return to_json(self._call(f"{name}: look at it", self._clients.instances.get, request))

    def wait(self, zone: str, operation: str, timeout: float) -> Json:
        """The operation when it is done, or earlier: the service answers after two minutes at the latest."""
        request = {"project": self.project, "zone": zone, "operation": operation}
        what = f"wait for {operation}"
        return to_json(self._call(what, self._clients.zone_operations.wait, request, timeout=timeout, tries=1))

    def change(self, what: str, call: str, zone: str, body: Json | None = None, **names: str) -> Json:
        """Make a changing call such as ``instances.stop``; return its operation, which is accepted and not done.

        Raises CloudError; Lost where no retry brought an answer.
        """
        kind, _dot, method = call.partition(".")
        request: Json = {"project": self.project, "zone": zone, "request_id": str(uuid.uuid4()), **names}
        if call in _BODIES:
            message, field = _BODIES[call]
            request[field] = getattr(compute_v1, message).from_json(json.dumps(body or {}), ignore_unknown_fields=False)
        target = getattr(getattr(self._clients, kind), f"{method}_unary")
        return to_json(self._call(what, target, request, changes=True))

    def _call(
        self,
        what: str,
        method: t.Callable[..., t.Any],
        request: Json,
        changes: bool = False,
        timeout: float = CALL_TIMEOUT,
        tries: int = TRIES,
    ) -> t.Any:
        """The answer; throttled and unanswered calls are made again as they are, requestId and all."""
        lost: Lost | None = None
        for attempt in range(tries):
            try:
                with saying(what, changes):
                    return method(request=request, retry=None, timeout=timeout)
            except (Throttled, Lost) as error:
                lost = error if isinstance(error, Lost) else lost
                if attempt + 1 == tries:
                    raise lost or error from error
            except CloudError as error:
                # A call whose answer was lost may be what the service now refuses to do twice.
                raise (Lost(str(error), error.code) if lost else error) from error
            self._sleep(PAUSES[min(attempt, len(PAUSES) - 1)] * random.uniform(0.5, 1.0))
        raise AssertionError("unreachable")

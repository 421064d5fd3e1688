"""What exists in the sandbox, and the words that handlers share. Handlers get one `World` and one `Call`."""

from __future__ import annotations

import dataclasses
import typing as t

from . import catalog, errors, words
from .document import Document, Method
from .store import Record, Store

if t.TYPE_CHECKING:
    from .faults import Faults
    from .hosts import Hosts
    from .operations import Operations


@dataclasses.dataclass(frozen=True)
class Delays:
    """Seconds that things take. ``wait`` is how long operations.wait blocks at most; it returns early with less."""

    accept: float = 0.0  #: PENDING to RUNNING, for every operation
    change: float = 0.0  #: set*, resize, setCommonInstanceMetadata
    provision: float = 0.0  #: PROVISIONING to STAGING
    stage: float = 0.0  #: STAGING to the host's start
    graceful: float = 0.0  #: PENDING_STOP to STOPPING
    stop: float = 0.0  #: STOPPING to TERMINATED
    suspend: float = 0.0  #: SUSPENDING to SUSPENDED
    delete: float = 0.0  #: STOPPING to DEPROVISIONING to gone, each
    wait: float = 120.0
    expire: float = 14 * 24 * 3600.0  #: how long a finished operation can be asked for
    poll: float = 0.5  #: between looks for hosts that powered themselves off


@dataclasses.dataclass(frozen=True)
class Call:
    """A checked request. ``parameters`` are path and query in their types."""

    method: Method
    parameters: t.Mapping[str, t.Any]
    body: dict[str, t.Any]
    user: str = ""
    fault: t.Mapping[str, t.Any] | None = None  #: an error that the operation shall end with

    @property
    def project(self) -> str:
        """The project of the path."""
        return str(self.parameters["project"])

    @property
    def zone(self) -> str:
        """The zone of the path, or an empty text."""
        return str(self.parameters.get("zone", ""))


class World:
    """State and services; everything that handlers and operations' steps work with."""

    operations: Operations
    hosts: Hosts
    faults: Faults

    def __init__(self, store: Store, document: Document, delays: Delays, projects: t.Sequence[str]) -> None:
        self.store = store
        self.document = document
        self.delays = delays
        self.projects = tuple(projects)
        self.service_account = f"workspaces@{projects[0]}.iam.gserviceaccount.com"
        #: Where hosts find their metadata server; empty: they have none.
        self.metadata_address = ""
        #: CPUs per region that the quota allows.
        self.cpu_quota = 100_000
        with store:
            for project in projects:
                if project not in store.table("projects"):
                    store.put("projects", project, {"metadata": {}, "created": 1_700_000_000.0})

    def instance(self, project: str, zone: str, name: str) -> Record:
        """The record of a visible instance, by name or number. Raises ApiError."""
        catalog.check_zone(project, zone)
        record = self.find(project, zone, name)
        if record is None or not record["visible"]:
            raise errors.not_found(f"projects/{project}/zones/{zone}/instances/{name}")
        return record

    def find(self, project: str, zone: str, name: str) -> Record | None:
        """The record of an instance that is, or is about to be, there."""
        table = self.store.table("instances")
        if name.isdigit():
            prefix = f"{project}/{zone}/"
            found = (r for k, r in table.items() if k.startswith(prefix) and r["resource"]["id"] == name)
            return next(found, None)
        return t.cast("Record | None", table.get(f"{project}/{zone}/{name}"))

    def target(self, call: Call) -> Record:
        """The instance of the path."""
        name = call.parameters.get("instance") or call.parameters["resource"]
        return self.instance(call.project, call.zone, str(name))

    def save_instance(self, record: Record) -> None:
        """Write it through, its fingerprint renewed."""
        resource = record["resource"]
        resource.pop("fingerprint", None)
        resource["fingerprint"] = words.fingerprint(resource)
        self.store.put("instances", record["key"], record)

    def disk(self, project: str, zone: str, name: str) -> Record:
        """The record of a disk. Raises ApiError."""
        catalog.check_zone(project, zone)
        table = self.store.table("disks")
        record = table.get(f"{project}/{zone}/{name}")
        if record is None and name.isdigit():
            record = next((r for r in table.values() if r["resource"]["id"] == name), None)
        if record is None:
            raise errors.not_found(f"projects/{project}/zones/{zone}/disks/{name}")
        return t.cast("Record", record)

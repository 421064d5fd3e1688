"""A sandboxed Compute Engine for tests, seen through Google's own client and through raw requests."""

from __future__ import annotations

import typing as t
import uuid

import requests
from google.auth.transport.requests import AuthorizedSession
from google.cloud import compute_v1 as gce
from google.oauth2 import service_account

from tests.sandbox.gce import Api
from tests.sandbox.host import Host, HostError

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"

_CLIENTS: dict[str, t.Any] = {
    "instances": gce.InstancesClient,
    "operations": gce.ZoneOperationsClient,
    "global_operations": gce.GlobalOperationsClient,
    "disks": gce.DisksClient,
    "images": gce.ImagesClient,
    "machine_types": gce.MachineTypesClient,
    "zones": gce.ZonesClient,
    "regions": gce.RegionsClient,
    "networks": gce.NetworksClient,
    "subnetworks": gce.SubnetworksClient,
    "projects": gce.ProjectsClient,
}


class Cloud:
    """Clients of one Api. ``zone`` is the first one; every operation is awaited by ``done``."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.seed = api.seed()
        self.project: str = self.seed["project"]
        self.zone: str = self.seed["zones"][0]
        key = self.seed["service_account_key"]
        self.credentials = service_account.Credentials.from_service_account_info(key)
        scoped = service_account.Credentials.from_service_account_info(key, scopes=[CLOUD_PLATFORM])
        self.session = AuthorizedSession(scoped)

    def __getattr__(self, name: str) -> t.Any:
        """A client, made when it is first used: each takes a while."""
        if name not in _CLIENTS:
            raise AttributeError(name)
        client = _CLIENTS[name](credentials=self.credentials, client_options={"api_endpoint": self.api.endpoint})
        setattr(self, name, client)
        return client

    def instance(self, name: str, zone: str = "", **more: t.Any) -> gce.Instance:
        """A small instance as a message."""
        zone = zone or self.zone
        image = gce.AttachedDiskInitializeParams(source_image=self.seed["image_families"]["debian-12"], disk_size_gb=20)
        values: dict[str, t.Any] = {
            "name": name,
            "machine_type": f"zones/{zone}/machineTypes/e2-standard-4",
            "disks": [gce.AttachedDisk(boot=True, auto_delete=True, initialize_params=image)],
            "network_interfaces": [gce.NetworkInterface(subnetwork=self.seed["subnetworks"][zone[:-2]])],
            **more,
        }
        return gce.Instance(**values)

    def insert(self, name: str, zone: str = "", request_id: str = "", **more: t.Any) -> gce.Operation:
        """Accept an insert; not awaited."""
        zone = zone or self.zone
        request = gce.InsertInstanceRequest(
            project=self.project,
            zone=zone,
            instance_resource=self.instance(name, zone, **more),
            request_id=request_id or str(uuid.uuid4()),
        )
        return self.instances.insert_unary(request=request)

    def made(self, name: str, zone: str = "", **more: t.Any) -> gce.Instance:
        """An instance that runs."""
        assert not self.done(self.insert(name, zone, **more)).error.errors
        return self.get(name, zone)

    def get(self, name: str, zone: str = "") -> gce.Instance:
        """The instance now."""
        return self.instances.get(project=self.project, zone=zone or self.zone, instance=name)

    def verb(self, verb: str, name: str, **more: t.Any) -> gce.Operation:
        """instances.<verb>, awaited; snake case, as the client has it."""
        function = getattr(self.instances, f"{verb}_unary")
        return self.done(function(project=self.project, zone=self.zone, instance=name, **more))

    def done(self, operation: gce.Operation) -> gce.Operation:
        """The operation when it is done."""
        zone = operation.zone.rsplit("/", 1)[-1]
        while operation.status != gce.Operation.Status.DONE:
            operation = self.operations.wait(project=self.project, zone=zone, operation=operation.name)
        return operation

    def raw(self, path: str, verb: str = "GET", json: t.Any = None, **query: t.Any) -> requests.Response:
        """One request below the project, without any retry."""
        url = f"{self.api.endpoint}/compute/v1/projects/{self.project}/{path}"
        return self.session.request(verb, url, params=query, json=json)

    def refused(self, path: str, verb: str = "GET", json: t.Any = None, **query: t.Any) -> tuple[int, str, str]:
        """Status, reason and message of an error, whose shape is checked."""
        answer = self.raw(path, verb, json, **query)
        assert answer.headers["Content-Type"].startswith("application/json")
        error = answer.json()["error"]
        assert error["code"] == answer.status_code
        assert error["message"] == error["errors"][0]["message"]
        return answer.status_code, error["errors"][0]["reason"], error["message"]

    def control(self, what: str, verb: str = "POST", **body: t.Any) -> t.Any:
        """/_sandbox/..."""
        answer = requests.request(verb, f"{self.api.endpoint}/_sandbox/{what}", json=body or None, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


class FakeHosts:
    """A driver that starts nothing and remembers what it was asked."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.off: set[str] = set()
        self.broken = ""
        self.described: list[Host] = []

    def start(self, host: Host) -> None:
        if self.broken:
            raise HostError(self.broken)
        self.hosts[host.instance_id] = host
        self.off.discard(host.instance_id)

    def stop(self, instance_id: str) -> None:
        self.off.add(instance_id)

    def terminate(self, instance_id: str) -> None:
        self.hosts.pop(instance_id, None)
        self.off.discard(instance_id)

    def stopped(self) -> set[str]:
        return set(self.off)

    def describe(self, host: Host) -> None:
        self.described.append(host)

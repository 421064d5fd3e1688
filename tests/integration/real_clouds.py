"""The two clouds of a real sandbox in the same words, for what a test looks up behind the playbook's back."""

from __future__ import annotations

import dataclasses
import time
import typing as t
import uuid

import boto3
from google.auth.transport.requests import AuthorizedSession
from google.oauth2 import service_account

Facts = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Machine:
    """``state`` is the API's own word; ``disk`` names the boot disk and does not change over stops."""

    id: str
    state: str
    disk: str


class Cloud(t.Protocol):
    """What the story needs to know of a cloud. ``facts``: what the sandbox says of itself."""

    inventory: t.ClassVar[str]  #: below inventories/
    ssh: t.ClassVar[str]  #: its folder below the state folder
    port: t.ClassVar[str]  #: of the sandbox, which takes the next one too
    prefix: t.ClassVar[str]  #: of its addresses
    created: t.ClassVar[str]  #: what a diff says of a machine that would be made
    groups: t.ClassVar[tuple[str, ...]]
    #: ``workspace_state`` -> the API's word for it; both ways to park where there are two.
    parked: t.ClassVar[dict[str, str]]

    def __init__(self, facts: Facts) -> None: ...

    def machines(self, name: str) -> list[Machine]:
        """The workspace's machines, without those that are going away."""

    def start(self, machine: Machine) -> None:
        """Without Ansible."""

    def stranger(self) -> str:
        """Make a machine that is none of ours; its id."""

    def runs(self, stranger: str) -> bool:
        """Whether it is there and runs."""

    def disks(self) -> set[str]:
        """All that there are."""


class Ec2:
    """See Cloud."""

    inventory, ssh, port, prefix = "sandbox", "ssh", "5571", "10.217"
    created = "instance_type: t3.medium"
    groups = ("workspaces", "provider_ec2", "state_running", "team_demo", "region_eu_central_1")
    parked: t.ClassVar[dict[str, str]] = {"stopped": "stopped"}

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._ec2 = boto3.client(
            "ec2",
            region_name=facts["region"],
            endpoint_url=facts["endpoint"],
            aws_access_key_id="AKIASANDBOXSANDBOX00",
            aws_secret_access_key="x",
        )

    def machines(self, name: str) -> list[Machine]:
        pages = self._ec2.describe_instances(Filters=[{"Name": "tag:devcontainer:workspace", "Values": [name]}])
        found = [instance for page in pages["Reservations"] for instance in page["Instances"]]
        return [
            Machine(i["InstanceId"], i["State"]["Name"], i["BlockDeviceMappings"][0]["Ebs"]["VolumeId"])
            for i in found
            if i["State"]["Name"] not in ("terminated", "shutting-down")
        ]

    def start(self, machine: Machine) -> None:
        self._ec2.start_instances(InstanceIds=[machine.id])

    def stranger(self) -> str:
        facts = self._facts
        made = self._ec2.run_instances(
            ImageId=facts["image_ids"]["debian-12"],
            InstanceType="t3.micro",
            SubnetId=facts["subnet_ids"][0],
            MinCount=1,
            MaxCount=1,
        )
        return str(made["Instances"][0]["InstanceId"])

    def runs(self, stranger: str) -> bool:
        pages = self._ec2.describe_instances(InstanceIds=[stranger])
        return bool(pages["Reservations"][0]["Instances"][0]["State"]["Name"] == "running")

    def disks(self) -> set[str]:
        return {volume["VolumeId"] for volume in self._ec2.describe_volumes()["Volumes"]}


class Gce:
    """See Cloud. Asked as Google's own clients do: with a token for the sandbox's service account."""

    inventory, ssh, port, prefix = "sandbox-gce", "ssh-gce", "5581", "10.222"
    created = "machine_type: e2-medium"
    groups = ("workspaces", "provider_gce", "state_running", "team_demo", "region_europe_west3")
    parked: t.ClassVar[dict[str, str]] = {"stopped": "TERMINATED", "suspended": "SUSPENDED"}

    def __init__(self, facts: Facts) -> None:
        self._facts = facts["gce"]
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        key = self._facts["service_account_file"]
        self._session = AuthorizedSession(service_account.Credentials.from_service_account_file(key, scopes=scopes))
        self._base = f"{self._facts['endpoint']}/compute/v1/projects/{self._facts['project']}"
        self._zone = self._facts["zones"][-1]

    def _call(self, path: str, verb: str = "GET", body: t.Any = None, **query: str) -> t.Any:
        answer = self._session.request(verb, f"{self._base}/{path}", params=query, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def _all(self, kind: str, **query: str) -> list[dict[str, t.Any]]:
        scopes = self._call(f"aggregated/{kind}", **query)["items"].values()
        return [one for scope in scopes for one in scope.get(kind, ())]

    def _change(self, path: str, body: t.Any = None) -> None:
        zone = path.split("/")[1]
        operation = self._call(path, "POST", body, requestId=str(uuid.uuid4()))
        until = time.monotonic() + 120
        while operation["status"] != "DONE":
            assert time.monotonic() < until, operation
            operation = self._call(f"zones/{zone}/operations/{operation['name']}/wait", "POST")
        assert "error" not in operation, operation

    def machines(self, name: str) -> list[Machine]:
        return [
            Machine(i["id"], i["status"], i["disks"][0]["source"])
            for i in self._all("instances", filter=f'labels.devcontainer-workspace = "{name}"')
            if i["status"] not in ("STOPPING", "DEPROVISIONING")
        ]

    def start(self, machine: Machine) -> None:
        (found,) = [i for i in self._all("instances") if i["id"] == machine.id]
        self._change(f"zones/{found['zone'].rsplit('/', 1)[-1]}/instances/{found['name']}/start")

    def stranger(self) -> str:
        zone, facts = self._zone, self._facts
        image = {"sourceImage": facts["image_families"]["debian-12"]}
        body = {
            "name": "stranger",
            "machineType": f"zones/{zone}/machineTypes/e2-micro",
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": image}],
            "networkInterfaces": [{"subnetwork": facts["subnetworks"][zone.rpartition("-")[0]]}],
        }
        self._change(f"zones/{zone}/instances", body)
        return str(self._call(f"zones/{zone}/instances/stranger")["id"])

    def runs(self, stranger: str) -> bool:
        return [i["status"] for i in self._all("instances") if i["id"] == stranger] == ["RUNNING"]

    def disks(self) -> set[str]:
        return {disk["selfLink"] for disk in self._all("disks")}

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""EC2 as the core sees it: observe and apply."""

from __future__ import annotations

import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import CloudError, NoCapacity
from ansible_collections.devcontainer.cloud.plugins.module_utils.lifecycle import Setting, Step
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers import ec2_view
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.base import Provider
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2_catalog import Catalog
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2_errors import saying
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2_launch import Launcher
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import MANAGED_BY, Observed, Spec

#: The most values that one filter takes.
FILTER_VALUES = 200
_LIVE, _STOPPED, _NEVER = Setting("live"), Setting("stopped"), Setting("never")


def _other_profile(declared: str, seen: str) -> bool:
    """A profile may be declared by name; what is seen is its ARN."""
    return declared not in (seen, seen.rpartition("/")[2])


def _other_key(declared: str, seen: str) -> bool:
    """A key may be declared by id; what is seen is its ARN. An alias cannot be compared."""
    return "alias/" not in declared and declared not in (seen, seen.rpartition("/")[2])


def _slices(values: t.Sequence[str]) -> list[list[str]]:
    return [list(values[start : start + FILTER_VALUES]) for start in range(0, len(values), FILTER_VALUES)]


class Ec2Provider(Provider):
    """One account and region. Clients are botocore's, safe to share between threads."""

    settings: t.ClassVar[t.Mapping[str, Setting]] = {
        "instance_type": _STOPPED,
        "security_groups": _LIVE,
        "instance_profile": Setting("live", _other_profile),
        "http_tokens": _LIVE,
        "hop_limit": _LIVE,
        "metadata_tags": _LIVE,
        # A disk only grows; one that somebody made larger is left so.
        "volume_size": Setting("live", lambda declared, seen: seen is not None and declared > seen),
        "volume_type": Setting("live", lambda declared, seen: seen is not None and declared != seen),
        "encrypted": Setting("never", lambda declared, seen: seen is not None and declared != seen),
        "kms_key": Setting("never", lambda declared, seen: seen is not None and _other_key(declared, seen)),
        "hibernation": _NEVER,
        "spot": _NEVER,
    }

    def __init__(self, ec2: t.Any, ssm: t.Any) -> None:
        self._ec2 = ec2
        self._launcher = Launcher(ec2, Catalog(ec2, ssm))
        #: What this task launched, by workspace: such a machine may not show yet, and its death is to be reported.
        self._launched: dict[str, t.Mapping[str, t.Any]] = {}
        self._cancelled: set[str] = set()

    def observe(self, specs: t.Sequence[Spec]) -> t.Mapping[str, t.Sequence[Observed]]:
        return self.find([spec.name for spec in specs])

    def find(self, names: t.Sequence[str] | None) -> dict[str, list[Observed]]:
        """What there is of the named workspaces; of all workspaces, by name, for None."""
        instances = self._describe(names)
        volumes = self._volumes(instances)
        found: dict[str, list[Observed]] = {name: [] for name in names or ()}
        for instance in instances:
            machine = self._observed(instance, volumes)
            name = machine.labels["workspace"]
            # Terminated rows linger for about an hour: only the death of what we just launched is news.
            if machine.state != "absent" or self._launched.get(name, {}).get("InstanceId") == machine.id:
                found.setdefault(name, []).append(machine)
        for name, instance in self._launched.items():
            if name in found and not found[name]:
                found[name].append(ec2_view.observed(instance))
        return found if names is not None else dict(sorted(found.items()))

    def _observed(self, instance: t.Mapping[str, t.Any], volumes: t.Mapping[str, t.Any]) -> Observed:
        request = instance.get("SpotInstanceRequestId", "")
        return ec2_view.observed(
            instance,
            volumes.get(ec2_view.root_volume_id(instance)),
            "" if request in self._cancelled else request,
        )

    def _describe(self, names: t.Sequence[str] | None) -> list[t.Mapping[str, t.Any]]:
        """All instances of these workspaces in one call for up to 200 of them, terminated ones too."""
        prefix = f"tag:{codec.AWS_PREFIX}"
        found: list[t.Mapping[str, t.Any]] = []
        for some in [["*"]] if names is None else _slices(names):
            filters = [
                {"Name": f"{prefix}managed-by", "Values": [MANAGED_BY]},
                {"Name": f"{prefix}workspace", "Values": some},
            ]
            with saying("look up the workspaces"):
                for page in self._ec2.get_paginator("describe_instances").paginate(
                    Filters=filters, PaginationConfig={"PageSize": 1000}
                ):
                    found += [instance for group in page["Reservations"] for instance in group["Instances"]]
        return found

    def _volumes(self, instances: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, t.Mapping[str, t.Any]]:
        """The root volumes of what is up or parked; a machine in between is looked at when it has arrived."""
        ids = [ec2_view.root_volume_id(i) for i in instances if i["State"]["Name"] in ("running", "stopped")]
        found: dict[str, t.Mapping[str, t.Any]] = {}
        for some in _slices([volume_id for volume_id in ids if volume_id]):
            # By filter: a volume that just vanished is then left out, where ids would fail the call.
            filters = [{"Name": "volume-id", "Values": some}]
            with saying("look up the workspaces' disks"):
                for page in self._ec2.get_paginator("describe_volumes").paginate(Filters=filters):
                    found.update({volume["VolumeId"]: volume for volume in page["Volumes"]})
        return found

    def apply(self, step: Step, spec: Spec, machine: Observed | None) -> None:
        if step.verb == "create":
            self._launched[spec.name] = self._launcher.launch(spec, step)
            return
        if machine is None:
            raise CloudError(f"{spec.name}: {step.verb} of a machine that was not seen")
        try:
            with saying(f"{spec.name}: {step.verb} {machine.id}", changes=True):
                getattr(self, f"_{step.verb}")(step, machine)
        except NoCapacity as error:
            zone = machine.info["zone"]
            raise NoCapacity(
                f"{error}. Its disk binds it to {zone}; try again later, or give another instance_type", error.code
            ) from error

    def _tag(self, step: Step, machine: Observed) -> None:
        resources = list(machine.info["resources"])
        write = {**codec.to_aws(step.labels), **step.tags}
        remove = [*codec.to_aws(dict.fromkeys(step.remove_labels, "")), *step.remove_tags]
        if write:
            self._ec2.create_tags(Resources=resources, Tags=[{"Key": k, "Value": v} for k, v in write.items()])
        if remove:
            self._ec2.delete_tags(Resources=resources, Tags=[{"Key": k} for k in remove])

    def _start(self, step: Step, machine: Observed) -> None:
        # Asserted at every start, since describing it would cost a call per machine: a poweroff in the guest must stop
        # the machine and never terminate it.
        self._ec2.modify_instance_attribute(InstanceId=machine.id, InstanceInitiatedShutdownBehavior={"Value": "stop"})
        self._ec2.start_instances(InstanceIds=[machine.id])

    def _stop(self, step: Step, machine: Observed) -> None:
        self._ec2.stop_instances(InstanceIds=[machine.id])

    def _suspend(self, step: Step, machine: Observed) -> None:
        self._ec2.stop_instances(InstanceIds=[machine.id], Hibernate=True)

    def _cancel(self, step: Step, machine: Observed) -> None:
        self._ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[machine.request])
        self._cancelled.add(machine.request)

    def _delete(self, step: Step, machine: Observed) -> None:
        self._ec2.terminate_instances(InstanceIds=[machine.id])

    def _modify(self, step: Step, machine: Observed) -> None:
        wanted = step.settings
        if "instance_type" in wanted:
            self._ec2.modify_instance_attribute(InstanceId=machine.id, InstanceType={"Value": wanted["instance_type"]})
        if "security_groups" in wanted:
            self._ec2.modify_instance_attribute(InstanceId=machine.id, Groups=list(wanted["security_groups"]))
        if "instance_profile" in wanted:
            self._set_profile(machine.id, wanted["instance_profile"])
        options = {
            "HttpTokens": wanted.get("http_tokens"),
            "HttpPutResponseHopLimit": wanted.get("hop_limit"),
            "InstanceMetadataTags": wanted.get("metadata_tags"),
        }
        options = {name: value for name, value in options.items() if value is not None}
        if options:
            self._ec2.modify_instance_metadata_options(InstanceId=machine.id, HttpEndpoint="enabled", **options)
        disk = {"Size": wanted.get("volume_size"), "VolumeType": wanted.get("volume_type")}
        disk = {name: value for name, value in disk.items() if value is not None}
        if disk:
            self._ec2.modify_volume(VolumeId=machine.info["root_volume"], **disk)

    def _set_profile(self, instance_id: str, profile: str) -> None:
        new = {"Arn" if profile.startswith("arn:") else "Name": profile}
        found = self._ec2.describe_iam_instance_profile_associations(
            Filters=[{"Name": "instance-id", "Values": [instance_id]}]
        )["IamInstanceProfileAssociations"]
        current = [a["AssociationId"] for a in found if a["State"] in ("associated", "associating")]
        if current:
            self._ec2.replace_iam_instance_profile_association(IamInstanceProfile=new, AssociationId=current[0])
        else:
            self._ec2.associate_iam_instance_profile(IamInstanceProfile=new, InstanceId=instance_id)

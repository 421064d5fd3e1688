# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What EC2 shows of an instance, in our words. Pure; the inventory reads instances through it too."""

from __future__ import annotations

import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, is_ours

_STATES = {
    "pending": "pending",
    "running": "running",
    "stopping": "stopping",
    "stopped": "stopped",
    "shutting-down": "deleting",
    "terminated": "absent",
}
_HIBERNATED = "Client.UserInitiatedHibernate"

Json = t.Mapping[str, t.Any]


def tags_of(instance: Json) -> dict[str, str]:
    """An instance's tags as a dict."""
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}


def state_of(instance: Json) -> str:
    """The state in our words; ``suspended`` is a stopped instance that keeps its memory on disk."""
    state = _STATES.get(instance["State"]["Name"], "failed")
    if state == "stopped" and instance.get("StateReason", {}).get("Code") == _HIBERNATED:
        return "suspended"
    return state


def reason_of(instance: Json) -> str:
    """The service's own reason for the state; empty where it gave none."""
    reason = instance.get("StateReason", {})
    return " ".join(
        part for part in (reason.get("Message", ""), f"({reason['Code']})" if reason.get("Code") else "") if part
    )


def observed(instance: Json, volume: Json | None = None, request: str = "") -> Observed:
    """One instance, with its root volume where it has been described."""
    labels, tags = codec.from_aws(tags_of(instance))
    state = state_of(instance)
    hibernation = instance.get("HibernationOptions", {}).get("Configured", False)
    return Observed(
        id=instance["InstanceId"],
        state=state,
        ours=is_ours(labels),
        labels=labels,
        # Name is ours (the console shows it), aws: is the cloud's: neither is drift, and purging leaves both.
        tags={key: value for key, value in tags.items() if key != "Name" and not key.startswith("aws:")},
        settings=_settings(instance, volume),
        request=request,
        holds_name=False,
        can_stop=instance.get("RootDeviceType", "ebs") == "ebs",
        can_suspend=hibernation,
        reason=reason_of(instance) if state in ("absent", "failed") else "",
        info={
            "zone": instance.get("Placement", {}).get("AvailabilityZone", ""),
            "image": instance.get("ImageId", ""),
            "instance_type": instance.get("InstanceType", ""),
            "private_address": instance.get("PrivateIpAddress", ""),
            "public_address": instance.get("PublicIpAddress", ""),
            "launched_at": str(instance.get("LaunchTime", "")),
            "resources": _resources(instance),
            "root_volume": root_volume_id(instance),
        },
    )


def root_volume_id(instance: Json) -> str:
    """The id of the root volume; empty while none is attached."""
    root = instance.get("RootDeviceName")
    for mapping in instance.get("BlockDeviceMappings", ()):
        if mapping.get("DeviceName") == root:
            return str(mapping.get("Ebs", {}).get("VolumeId", ""))
    return ""


def _resources(instance: Json) -> list[str]:
    """What carries the workspace's tags: the instance, its volumes and its network interfaces."""
    volumes = [
        m["Ebs"]["VolumeId"] for m in instance.get("BlockDeviceMappings", ()) if m.get("Ebs", {}).get("VolumeId")
    ]
    interfaces = [i["NetworkInterfaceId"] for i in instance.get("NetworkInterfaces", ()) if i.get("NetworkInterfaceId")]
    return [instance["InstanceId"], *volumes, *interfaces]


def _groups(instance: Json) -> list[str]:
    """The groups of the primary interface, which are the instance's own."""
    primary = [i for i in instance.get("NetworkInterfaces", ()) if i.get("Attachment", {}).get("DeviceIndex") == 0]
    groups = primary[0].get("Groups", ()) if primary else instance.get("SecurityGroups", ())
    return sorted(group["GroupId"] for group in groups)


def _settings(instance: Json, volume: Json | None) -> dict[str, t.Any]:
    metadata = instance.get("MetadataOptions", {})
    seen = {
        "instance_type": instance.get("InstanceType"),
        "security_groups": _groups(instance),
        "instance_profile": instance.get("IamInstanceProfile", {}).get("Arn", ""),
        "http_tokens": metadata.get("HttpTokens"),
        "hop_limit": metadata.get("HttpPutResponseHopLimit"),
        "metadata_tags": metadata.get("InstanceMetadataTags"),
        "hibernation": instance.get("HibernationOptions", {}).get("Configured", False),
        "spot": instance.get("InstanceLifecycle") == "spot",
    }
    if volume is not None:
        seen["volume_size"] = volume.get("Size")
        seen["volume_type"] = volume.get("VolumeType")
        seen["encrypted"] = volume.get("Encrypted", False)
        seen["kms_key"] = volume.get("KmsKeyId", "")
    return seen

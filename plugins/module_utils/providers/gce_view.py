# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Compute Engine shows of an instance, in our words. Pure, over the JSON of the REST reference."""

from __future__ import annotations

import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, is_ours

#: All twelve. TERMINATED is a stopped machine; a deleted one is not shown at all, and shows as STOPPING until then.
STATES = {
    "PROVISIONING": "pending",
    "STAGING": "pending",
    "PENDING": "pending",
    "RUNNING": "running",
    # The host failed and the platform brings the machine back.
    "REPAIRING": "pending",
    "PENDING_STOP": "stopping",
    "STOPPING": "stopping",
    "STOPPED": "stopped",
    "TERMINATED": "stopped",
    "SUSPENDING": "stopping",
    "SUSPENDED": "suspended",
    "DEPROVISIONING": "deleting",
}
#: Labels with this prefix are the cloud's own.
CLOUDS_OWN = "goog-"
OS_LOGIN, NO_PROJECT_KEYS = "enable-oslogin", "block-project-ssh-keys"

Json = t.Mapping[str, t.Any]


def metadata_of(instance: Json) -> dict[str, str]:
    """An instance's metadata items as a dict."""
    return {item["key"]: item.get("value", "") for item in instance.get("metadata", {}).get("items", ())}


def last_part(url: str) -> str:
    """The name at the end of a resource's URL."""
    return url.rpartition("/")[2]


def state_of(instance: Json) -> str:
    """The state in our words."""
    return STATES.get(instance.get("status", ""), "failed")


def boot_disk(instance: Json) -> Json:
    """The boot disk's attachment; empty where there is none."""
    return next((disk for disk in instance.get("disks", ()) if disk.get("boot")), {})


def observed(instance: Json) -> Observed:
    """One instance."""
    gce_labels = instance.get("labels", {})
    labels = codec.from_gce(gce_labels, metadata_of(instance))
    interface: Json = next(iter(instance.get("networkInterfaces", ())), {})
    access: Json = next(iter(interface.get("accessConfigs", ())), {})
    state = state_of(instance)
    obstacle = _no_suspend(instance)
    return Observed(
        id=str(instance["id"]),
        state=state,
        ours=is_ours(labels),
        labels=labels,
        tags={
            key: value
            for key, value in gce_labels.items()
            if codec.is_foreign_gce(key) and not key.startswith(CLOUDS_OWN)
        },
        settings=_settings(instance),
        can_suspend=not obstacle,
        reason=instance.get("statusMessage", "") if state == "failed" else obstacle,
        info={
            "name": instance["name"],
            "zone": last_part(instance.get("zone", "")),
            "instance_type": last_part(instance.get("machineType", "")),
            "private_address": interface.get("networkIP", ""),
            "public_address": access.get("natIP", ""),
            "launched_at": instance.get("lastStartTimestamp") or instance.get("creationTimestamp", ""),
            "boot_disk": last_part(boot_disk(instance).get("source", "")),
        },
    )


def _no_suspend(instance: Json) -> str:
    """Why the service would refuse to suspend it, where that shows; whole machine families only say so when asked."""
    if instance.get("confidentialInstanceConfig", {}).get("enableConfidentialCompute"):
        return "a confidential machine's memory cannot be kept"
    if instance.get("guestAccelerators"):
        return "a machine with GPUs cannot be suspended"
    return ""


def _settings(instance: Json) -> dict[str, t.Any]:
    metadata = metadata_of(instance)
    scheduling = instance.get("scheduling", {})
    shielded = instance.get("shieldedInstanceConfig", {})
    account: Json = next(iter(instance.get("serviceAccounts", ())), {})
    disk = boot_disk(instance)
    seen: dict[str, t.Any] = {
        "machine_type": last_part(instance.get("machineType", "")),
        "network_tags": sorted(instance.get("tags", {}).get("items", ())),
        "vm_service_account": account.get("email", ""),
        "vm_scopes": sorted(account.get("scopes", ())),
        "shielded": all(shielded.get(k) for k in ("enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring")),
        "confidential": _confidential(instance.get("confidentialInstanceConfig", {})),
        "os_login": metadata.get(OS_LOGIN, "").upper() == "TRUE",
        "project_ssh_keys": metadata.get(NO_PROJECT_KEYS, "").upper() != "TRUE",
        "spot": scheduling.get("provisioningModel") == "SPOT" or bool(scheduling.get("preemptible")),
        "max_run_duration": int(scheduling.get("maxRunDuration", {}).get("seconds", 0)),
        "kms_key": disk.get("diskEncryptionKey", {}).get("kmsKeyName", ""),
    }
    if "diskSizeGb" in disk:
        seen["disk_size"] = int(disk["diskSizeGb"])
    return seen


def _confidential(config: Json) -> str:
    if not config.get("enableConfidentialCompute") and not config.get("confidentialInstanceType"):
        return "none"
    return str(config.get("confidentialInstanceType", "SEV"))

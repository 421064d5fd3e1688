# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Launching one Compute Engine machine: at most one per workspace, whatever is lost on the way.

A machine has its workspace's name, and a name is unique in its zone. The next zone is tried only once the operation in
the one before is done and has failed; where that is not known, nothing more is done before all zones were looked at.
"""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import codec, user_data
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import (
    CloudError,
    InvalidInput,
    Lost,
    NoCapacity,
    NotYet,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.lifecycle import Step
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers import gce_guest
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_api import Json
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_errors import EXISTS
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_operations import Operations
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_view import NO_PROJECT_KEYS, OS_LOGIN
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Spec

#: Family -> the image project and its families for x86-64 and ARM. The service resolves a family to its newest image.
FAMILIES: dict[str, tuple[str, str, str]] = {
    "debian-12": ("debian-cloud", "debian-12", "debian-12-arm64"),
    "debian-13": ("debian-cloud", "debian-13", "debian-13-arm64"),
    "ubuntu-24.04": ("ubuntu-os-cloud", "ubuntu-2404-lts-amd64", "ubuntu-2404-lts-arm64"),
}
#: Those of them whose images have no cloud-init.
WITHOUT_CLOUD_INIT = frozenset({"debian-12", "debian-13"})
#: The machine series with ARM processors.
ARM_SERIES = ("a4x-", "c4a-", "n4a-", "t2a-")
#: How long a machine whose name is taken may stay invisible, in seconds; past it, the refusal stands.
LONGEST_INVISIBLE = 30.0
SCOPE_PREFIX = "https://www.googleapis.com/auth/"

_IMAGE = re.compile(r"^projects/[a-z0-9.:-]+/global/images/(?:family/)?[a-z][a-z0-9-]*$")
_TYPE = re.compile(r"^[a-z][a-z0-9]*(?:-[a-z0-9]+)+$")


def check_image(image: str, option: str = "image") -> None:
    """Refuse what is neither an image's path nor a family that we know. Raises InvalidInput."""
    if image not in FAMILIES and not _IMAGE.fullmatch(image):
        raise InvalidInput(
            f"{option}: {image!r} is neither a path (projects/PROJECT/global/images/NAME, or .../family/NAME) nor one "
            f"of {', '.join(FAMILIES)}"
        )


def check_type(machine_type: str, option: str = "machine_type") -> None:
    """Refuse what cannot be a machine type. Raises InvalidInput."""
    if not _TYPE.fullmatch(machine_type):
        raise InvalidInput(f"{option}: {machine_type!r} is no machine type; write for example e2-standard-4")


def source_image(image: str, machine_type: str) -> str:
    """The image's path, for a family that of the type's architecture."""
    if image not in FAMILIES:
        return image
    project, x86, arm = FAMILIES[image]
    return f"projects/{project}/global/images/family/{arm if machine_type.startswith(ARM_SERIES) else x86}"


def scheduling(settings: t.Mapping[str, t.Any]) -> Json:
    """The whole scheduling of a machine; the call that changes it takes nothing less."""
    spot = bool(settings.get("spot"))
    found: Json = {
        "provisioningModel": "SPOT" if spot else "STANDARD",
        "preemptible": spot,
        # A spot machine is neither moved nor brought back by the platform; confidential memory cannot be moved.
        "automaticRestart": not spot,
        "onHostMaintenance": "TERMINATE" if spot or settings.get("confidential", "none") != "none" else "MIGRATE",
    }
    if settings.get("max_run_duration"):
        found["maxRunDuration"] = {"seconds": str(settings["max_run_duration"])}
    if spot or settings.get("max_run_duration"):
        # Said always, or the service's own default might delete it.
        found["instanceTerminationAction"] = "STOP"
    return found


def flag(value: bool) -> str:
    """A switch in metadata."""
    return "TRUE" if value else "FALSE"


class Launcher:
    """Launches for one task; remembers which names were refused since when."""

    def __init__(self, operations: Operations, monotonic: t.Callable[[], float] = time.monotonic) -> None:
        self._operations = operations
        self._monotonic = monotonic
        self._refused_since: dict[str, float] = {}

    def launch(self, spec: Spec, step: Step) -> None:
        """Launch in the first zone that has capacity; return once the machine exists.

        Raises NoCapacity naming every zone's refusal, Lost where one may have been made, NotYet where there is one of
        this name that does not show yet.
        """
        body = build_request(spec, step, user_data.new_host_key())
        refusals: list[str] = []
        for zone in spec.create["zones"]:
            try:
                self._operations.run(f"{spec.name}: launch in {zone}", zone, "instances", in_zone(body, zone))
                return
            except NoCapacity as error:
                refusals.append(f"{zone}: {error}")
            except CloudError as error:
                if error.code == EXISTS and not isinstance(error, Lost) and self._may_show_yet(spec.name):
                    raise NotYet(str(error), EXISTS) from error
                raise
        raise NoCapacity(f"{spec.name}: no zone has room for a {spec.settings['machine_type']}; " + "; ".join(refusals))

    def _may_show_yet(self, name: str) -> bool:
        now = self._monotonic()
        return now - self._refused_since.setdefault(name, now) <= LONGEST_INVISIBLE


def in_zone(body: Json, zone: str) -> Json:
    """The request with what is named by zone."""
    (disk,) = body["disks"]
    parameters = {
        **disk["initializeParams"],
        "diskType": f"zones/{zone}/diskTypes/{disk['initializeParams']['diskType']}",
    }
    (interface,) = body["networkInterfaces"]
    subnetwork = interface["subnetwork"]
    if "/" not in subnetwork:
        subnetwork = f"regions/{zone.rpartition('-')[0]}/subnetworks/{subnetwork}"
    return {
        **body,
        "networkInterfaces": [{**interface, "subnetwork": subnetwork}],
        "machineType": f"zones/{zone}/machineTypes/{body['machineType']}",
        "disks": [{**disk, "initializeParams": parameters}],
    }


def build_request(spec: Spec, step: Step, host_key: user_data.HostKey) -> Json:
    """The body of instances.insert, but for the zone. Pure."""
    create, settings = spec.create, spec.settings
    labels, metadata = codec.to_gce({**step.labels, "host-key": host_key.public})
    labels = {**step.tags, **labels}
    metadata.update(
        {
            OS_LOGIN: flag(settings["os_login"]),
            NO_PROJECT_KEYS: flag(not settings["project_ssh_keys"]),
            "user-data": user_data.cloud_config(create["user"], create["ssh_keys"], host_key, create["cloud_config"]),
            "startup-script": gce_guest.startup_script(create["user"], create["ssh_keys"], host_key),
        }
    )
    times = {codec.GCE_PREFIX + "lease-until", codec.GCE_PREFIX + "expires-at"}
    disk: Json = {
        "boot": True,
        "autoDelete": True,
        "initializeParams": {
            "sourceImage": source_image(create["image"], settings["machine_type"]),
            "diskSizeGb": str(settings["disk_size"]),
            "diskType": create["disk_type"],
            # Who pays for the disk is asked too; when the machine may be stopped is not.
            "labels": {key: value for key, value in labels.items() if key not in times},
        },
    }
    if settings.get("kms_key"):
        disk["diskEncryptionKey"] = {"kmsKeyName": settings["kms_key"]}
    interface: Json = {"subnetwork": create["subnetwork"]}
    if create["public_ip"]:
        interface["accessConfigs"] = [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}]
    body: Json = {
        "name": spec.name,
        "description": "A workspace of devcontainer.cloud",
        "machineType": settings["machine_type"],
        "labels": labels,
        "metadata": {"items": [{"key": key, "value": value} for key, value in sorted(metadata.items())]},
        "tags": {"items": list(settings.get("network_tags") or ())},
        "disks": [disk],
        "networkInterfaces": [interface],
        "scheduling": scheduling(settings),
        "shieldedInstanceConfig": shielded(settings["shielded"]),
    }
    if settings["confidential"] != "none":
        body["confidentialInstanceConfig"] = {
            "enableConfidentialCompute": True,
            "confidentialInstanceType": settings["confidential"],
        }
    if settings.get("vm_service_account"):
        body["serviceAccounts"] = [
            {"email": settings["vm_service_account"], "scopes": list(settings.get("vm_scopes") or ())}
        ]
    return body


def shielded(on: bool) -> Json:
    """Secure boot, the virtual TPM and its integrity measurements: all of them, or none."""
    return {"enableSecureBoot": on, "enableVtpm": on, "enableIntegrityMonitoring": on}

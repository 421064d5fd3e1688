# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Launching one EC2 instance: at most one machine per workspace, whatever is lost on the way.

Each subnet has its own client token, since the service keeps tokens per zone: the same token in another zone would
silently launch a second machine. A token is a hash of the workspace and the subnet and not of the options: an option
changed after a lost response must not launch again. It counts up when the service says that its instance is gone.
"""

from __future__ import annotations

import hashlib
import time
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import codec, user_data
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import CloudError, NoCapacity, NotYet, Throttled
from ansible_collections.devcontainer.cloud.plugins.module_utils.lifecycle import Step
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers import ec2_view
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2_catalog import Catalog
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2_errors import saying
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Spec, is_ours

#: A name is created and deleted this often within the day that the service remembers a token for.
MOST_GENERATIONS = 100
#: How long a machine that holds a token may stay invisible, in seconds; past it, it is gone.
LONGEST_INVISIBLE = 30.0


def client_token(name: str, subnet: str, generation: int) -> str:
    """64 ASCII characters, the most that the service takes."""
    return hashlib.sha256(f"devcontainer.cloud/1/{name}/{subnet}/{generation}".encode()).hexdigest()


class Launcher:
    """Launches for one task; remembers which tokens were refused since when."""

    def __init__(self, ec2: t.Any, catalog: Catalog, monotonic: t.Callable[[], float] = time.monotonic) -> None:
        self._ec2 = ec2
        self._catalog = catalog
        self._monotonic = monotonic
        self._refused_since: dict[str, float] = {}

    def launch(self, spec: Spec, step: Step) -> dict[str, t.Any]:
        """Launch in the first subnet that has capacity; return the instance as the service describes it.

        Raises NoCapacity naming every subnet's refusal, NotYet where a machine exists that does not show yet.
        """
        image = self._catalog.image(spec.create["image"], spec.settings["instance_type"])
        request = build_request(spec, step, image, user_data.new_host_key())
        refusals: list[str] = []
        for subnet in spec.create["subnets"]:
            try:
                return self._in_subnet(spec, request, subnet)
            except NoCapacity as error:
                refusals.append(f"{subnet}: {error}")
        raise NoCapacity(
            f"{spec.name}: no subnet has room for a {spec.settings['instance_type']}; " + "; ".join(refusals)
        )

    def _in_subnet(self, spec: Spec, request: dict[str, t.Any], subnet: str) -> dict[str, t.Any]:
        for generation in range(MOST_GENERATIONS):
            token = client_token(spec.name, subnet, generation)
            instance = self._run(spec, request, subnet, token)
            if instance is not None:
                return instance
        raise CloudError(
            f"{spec.name}: created and deleted {MOST_GENERATIONS} times in a day; wait, or use another name"
        )

    def _run(self, spec: Spec, request: dict[str, t.Any], subnet: str, token: str) -> dict[str, t.Any] | None:
        """The instance that this token stands for; None where it stands for one that is no longer this workspace."""
        interface = {**request["NetworkInterfaces"][0], "SubnetId": subnet}
        call = {**request, "NetworkInterfaces": [interface], "ClientToken": token}
        try:
            with saying(f"{spec.name}: launch in {subnet}", changes=True):
                instance: dict[str, t.Any] = self._ec2.run_instances(**call)["Instances"][0]
        except CloudError as error:
            if error.code == "IdempotentInstanceTerminated":
                return None
            if error.code == "IdempotentParameterMismatch":
                return self._holder(spec, token)
            if "Invalid IAM Instance Profile" in str(error):
                # A new profile is not seen everywhere for some seconds; a wrong name stays wrong and is then reported.
                raise Throttled(str(error), error.code) from error
            raise
        return instance if _is(instance, spec) else None

    def _holder(self, spec: Spec, token: str) -> dict[str, t.Any] | None:
        """Who holds a token that the service refuses for other options: the machine of an earlier, lost response."""
        with saying(f"{spec.name}: look for the instance of a refused client token"):
            pages = self._ec2.describe_instances(Filters=[{"Name": "client-token", "Values": [token]}])
        found = [instance for page in pages["Reservations"] for instance in page["Instances"]]
        alive = [i for i in found if ec2_view.state_of(i) not in ("absent", "deleting")]
        if alive:
            return alive[0] if _is(alive[0], spec) else None
        since = self._refused_since.setdefault(token, self._monotonic())
        if found or self._monotonic() - since > LONGEST_INVISIBLE:
            return None
        raise NotYet(f"{spec.name}: a machine of this name was launched before and does not show yet")


def _is(instance: t.Mapping[str, t.Any], spec: Spec) -> bool:
    """Whether the instance still has this workspace's tags: who took them away took the machine out of our hands."""
    labels, _tags = codec.from_aws(ec2_view.tags_of(instance))
    return is_ours(labels) and labels["workspace"] == spec.name


def build_request(
    spec: Spec, step: Step, image: t.Mapping[str, t.Any], host_key: user_data.HostKey
) -> dict[str, t.Any]:
    """RunInstances' parameters but for subnet and token. Pure."""
    create, settings = spec.create, spec.settings
    labels = {**step.labels, "host-key": host_key.public}
    tags = [{"Key": k, "Value": v} for k, v in {**step.tags, **codec.to_aws(labels)}.items()]
    tags.append({"Key": "Name", "Value": spec.name})
    tagged = ["instance", "volume", "network-interface"]
    interface = {
        "DeviceIndex": 0,
        "Groups": list(settings["security_groups"]),
        "AssociatePublicIpAddress": create["public_ip"],
        "DeleteOnTermination": True,
    }
    disk = {
        "VolumeSize": settings["volume_size"],
        "VolumeType": settings["volume_type"],
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    if settings.get("kms_key"):
        disk["KmsKeyId"] = settings["kms_key"]
    request: dict[str, t.Any] = {
        "MinCount": 1,
        "MaxCount": 1,
        "ImageId": image["ImageId"],
        "InstanceType": settings["instance_type"],
        "NetworkInterfaces": [interface],
        "BlockDeviceMappings": [{"DeviceName": image["RootDeviceName"], "Ebs": disk}],
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": settings["http_tokens"],
            "HttpPutResponseHopLimit": settings["hop_limit"],
            "InstanceMetadataTags": settings["metadata_tags"],
        },
        # A guest's own poweroff must end the bill and never the machine.
        "InstanceInitiatedShutdownBehavior": "stop",
        "UserData": user_data.cloud_config(create["user"], create["ssh_keys"], host_key, create["cloud_config"]),
    }
    if settings.get("instance_profile"):
        key = "Arn" if settings["instance_profile"].startswith("arn:") else "Name"
        request["IamInstanceProfile"] = {key: settings["instance_profile"]}
    if settings["hibernation"]:
        request["HibernationOptions"] = {"Configured": True}
    if settings["spot"]:
        # Only a persistent request's machine can be stopped and started again.
        spot = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
        if create["spot_max_price"]:
            spot["MaxPrice"] = create["spot_max_price"]
        request["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": spot}
        tagged.append("spot-instances-request")
    request["TagSpecifications"] = [{"ResourceType": kind, "Tags": tags} for kind in tagged]
    return request

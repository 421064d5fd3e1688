# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What EC2 can be launched from: image families, instance types. Asked for once per task, and only for a create."""

from __future__ import annotations

import re
import threading
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import CloudError, InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2_errors import saying

#: Family -> its public SSM parameter and the parameter's words for x86-64 and ARM. The publishers keep them current.
FAMILIES: dict[str, tuple[str, str, str]] = {
    "al2023": ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}", "x86_64", "arm64"),
    "debian-12": ("/aws/service/debian/release/12/latest/{}", "amd64", "arm64"),
    "debian-13": ("/aws/service/debian/release/13/latest/{}", "amd64", "arm64"),
    "ubuntu-24.04": (
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id",
        "amd64",
        "arm64",
    ),
}
_AMI = re.compile(r"^ami-[0-9a-f]{8,17}$")
_TYPE = re.compile(r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$")


def check_image(image: str, option: str = "image") -> None:
    """Refuse what is neither an image's id nor a family that we can resolve. Raises InvalidInput."""
    if image not in FAMILIES and not _AMI.fullmatch(image):
        raise InvalidInput(f"{option}: {image!r} is neither an image id (ami-...) nor one of {', '.join(FAMILIES)}")


def check_type(instance_type: str, option: str = "instance_type") -> None:
    """Refuse what cannot be an instance type. Raises InvalidInput."""
    if not _TYPE.fullmatch(instance_type):
        raise InvalidInput(f"{option}: {instance_type!r} is no instance type; write for example m7i.large")


class Catalog:
    """Images and types of one region; every answer is kept for the task. Safe to ask from several threads."""

    def __init__(self, ec2: t.Any, ssm: t.Any) -> None:
        self._ec2 = ec2
        self._ssm = ssm
        self._lock = threading.Lock()
        self._known: dict[tuple[str, ...], t.Any] = {}

    def image(self, image: str, instance_type: str) -> dict[str, t.Any]:
        """The image's description, for a family the current one of the type's architecture. Raises CloudError."""
        with self._lock:
            architecture = self._once(self._architecture, instance_type)
            image_id = self._once(self._resolve, image, architecture) if image in FAMILIES else image
            found: dict[str, t.Any] = self._once(self._describe, image_id)
        if found.get("Architecture", architecture) != architecture:
            raise CloudError(
                f"image: {image} is made for {found['Architecture']}, and {instance_type} is {architecture}; "
                "choose another image or type"
            )
        return found

    def _once(self, ask: t.Callable[..., t.Any], *words: str) -> t.Any:
        key = (ask.__name__, *words)
        if key not in self._known:
            self._known[key] = ask(*words)
        return self._known[key]

    def _architecture(self, instance_type: str) -> str:
        with saying(f"look up the instance type {instance_type!r}"):
            types = self._ec2.describe_instance_types(InstanceTypes=[instance_type])["InstanceTypes"]
        supported = types[0]["ProcessorInfo"]["SupportedArchitectures"] if types else []
        # An old type names i386 beside x86_64.
        return "arm64" if "arm64" in supported else "x86_64"

    def _resolve(self, family: str, architecture: str) -> str:
        template, x86, arm = FAMILIES[family]
        name = template.format(arm if architecture == "arm64" else x86)
        with saying(f"look up the current image of {family}"):
            return str(self._ssm.get_parameter(Name=name)["Parameter"]["Value"])

    def _describe(self, image_id: str) -> dict[str, t.Any]:
        with saying(f"look up the image {image_id}"):
            images = self._ec2.describe_images(ImageIds=[image_id])["Images"]
        if not images:
            raise CloudError(f"image: {image_id} does not exist in this region, or is not shared with this account")
        return dict(images[0])

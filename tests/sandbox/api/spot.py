"""A spot request as RunInstances makes it: moto makes none."""

from __future__ import annotations

import typing as t

from moto.ec2.models.spot_requests import LaunchSpecification, SpotInstanceRequest
from moto.ec2.utils import random_spot_request_id


class SpotRequest(SpotInstanceRequest):
    """``type`` is one-time or persistent, ``state`` active, disabled (its instance is stopped) or cancelled."""

    def __init__(self, ec2: t.Any, instance: t.Any, options: t.Mapping[str, str], tags: dict[str, str]) -> None:
        # moto's own would launch an instance of fewer options than we have.
        self.ec2_backend = ec2
        self.id = random_spot_request_id()
        self.state = "active"
        self._status_code, self.status_message = "fulfilled", "Your spot request is fulfilled."
        self.price = options.get("MaxPrice", "0.050000")
        self.type = options["SpotInstanceType"]
        self.valid_from = self.valid_until = self.launch_group = self.availability_zone_group = None
        self.instance_interruption_behaviour = options.get("InstanceInterruptionBehavior", "terminate")
        self.launch_specification = LaunchSpecification(
            kernel_id=None,
            ramdisk_id=None,
            image_id=instance.image_id,
            key_name=instance.key_name,
            instance_type=instance.instance_type,
            placement=instance.availability_zone,
            monitored=False,
            subnet_id=instance.subnet_id,
        )
        self.add_tags(tags)
        ec2.spot_instance_requests[self.id] = self
        self.attach(instance)

    def attach(self, instance: t.Any) -> None:
        """The instance that the request stands for now."""
        self.instance = instance
        instance.spot_instance_request_id = self.id
        instance.lifecycle = "spot"

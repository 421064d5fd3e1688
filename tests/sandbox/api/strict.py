"""moto's EC2 made to refuse what the service refuses, to take its time, and to remember client tokens."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import typing as t

from moto.core.utils import utcnow
from moto.ec2 import urls
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, MetadataOptions
from moto.ec2.models.subnets import Subnet
from moto.ec2.utils import filter_dict_attribute_mapping

from tests.sandbox.api.calls import CURRENT
from tests.sandbox.api.spot import SpotRequest
from tests.sandbox.api.world import USER_HIBERNATE, USER_SHUTDOWN, Track, World, tags_of

_METADATA_KEY = re.compile(r"^[A-Za-z0-9+\-=.,_:@]{1,255}$")
#: Filters of DescribeInstances that moto lacks -> the instance's attribute.
_FILTERS = {"client-token": "client_token", "spot-instance-request-id": "spot_instance_request_id"}
GONE = ("shutting-down", "terminated")
#: Addresses of a subnet that nobody gets: the service keeps four, the sandbox's own services some more.
KEPT_ADDRESSES = 11


def install(world: World) -> None:
    """Make moto's accounts in this process strict ones of this world. Before any of them is used."""
    StrictBackend.world = world
    ec2_backends.backend = StrictBackend
    TaggedEC2Resource.get_tags = _tags  # type: ignore[method-assign]
    Subnet.get_available_subnet_ip = _address  # type: ignore[method-assign]
    filter_dict_attribute_mapping.update(_FILTERS)


def _tags(resource: t.Any) -> list[dict[str, str]]:
    """moto looks through the tags of the whole account for each resource: quadratic, 4 s for 1,000 instances."""
    return [{"key": k, "value": v} for k, v in resource.ec2_backend.tags.get(resource.id, {}).items()]


def _address(subnet: t.Any, instance: t.Any) -> str:
    """The lowest free address."""
    for number in range(KEPT_ADDRESSES, subnet.cidr.num_addresses - 1):
        address = str(subnet.cidr[number])
        if address not in subnet._subnet_ips:
            subnet._subnet_ips[address] = instance
            return address
    raise EC2ClientError("InsufficientFreeAddressesInSubnet", f"Not enough free addresses in subnet {subnet.id}")


class StrictBackend(EC2Backend):
    """One region. Its errors are moto's own, so that moto words them."""

    world: t.ClassVar[World]
    _url_module = urls  # moto looks beside the class's own file

    # launching

    def run_instances(self, image_id: t.Any, count: int, user_data: t.Any, security_group_names: t.Any, **kw: t.Any):  # type: ignore[no-untyped-def]
        call = CURRENT.get()
        self._check_type(kw["instance_type"])
        if image_id not in self.amis:
            raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
        if kw.get("metadata_options", {}).get("InstanceMetadataTags") == "enabled":
            _check_keys(kw.get("tags", {}).get("instance", {}))
        subnet = next((nic["SubnetId"] for nic in kw.get("nics", ()) if "SubnetId" in nic), kw.get("subnet_id"))
        zone = self.get_subnet(subnet).availability_zone if subnet else kw.get("placement") or ""
        key = (self.region_name, zone, call.params.get("ClientToken", ""))
        asked = json.dumps({k: v for k, v in sorted(call.params.items()) if k != "ClientToken"})
        digest = hashlib.sha256(asked.encode()).hexdigest()
        if key in self.world.tokens:
            return self._again(*self.world.tokens[key], digest)
        reservation = self._launch((image_id, count, user_data, security_group_names), kw, _market(call.params))
        if key[2]:
            self.world.tokens[key] = (reservation.instances[0].id, digest)
        return reservation

    def _again(self, instance_id: str, digest: str, now: str) -> t.Any:
        """What a client token that was used before answers."""
        if self.world.tracks[instance_id].state in GONE:
            raise EC2ClientError(
                "IdempotentInstanceTerminated",
                f"The instance {instance_id} of this client token has been terminated; use another token",
            )
        if digest != now:
            raise EC2ClientError(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )
        return next(r for r in self.reservations.values() if any(i.id == instance_id for i in r.instances))

    def _launch(self, args: tuple[t.Any, ...], kw: dict[str, t.Any], market: dict[str, str]) -> t.Any:
        again = (args, copy.deepcopy(kw)) if market else None
        interface_tags = kw.get("tags", {}).get("network-interface", {})
        request_tags = kw.get("tags", {}).get("spot-instances-request", {})
        reservation = super().run_instances(*args, **kw)
        for instance in reservation.instances:
            for nic in instance.nics.values():
                nic.add_tags(interface_tags)
            # The instance's groups are those of its first interface.
            instance.security_groups = list(instance.nics[0]._group_set)
            track = self.world.launched(instance, self.region_name)
            if market:
                track.request = SpotRequest(self, instance, market, request_tags)
                track.again = again
        return reservation

    def relaunch(self, track: Track) -> None:
        """Another instance for a persistent spot request whose instance was terminated."""
        args, kw = copy.deepcopy(track.again)
        request, track.request = track.request, None
        reservation = super().run_instances(*args, **kw)
        (instance,) = reservation.instances
        instance.security_groups = list(instance.nics[0]._group_set)
        new = self.world.launched(instance, self.region_name)
        new.request, new.again = request, track.again
        request.attach(instance)

    def associate_iam_instance_profile(self, instance_id: str, *args: t.Any, **kw: t.Any) -> t.Any:
        known = self.iam_instance_profile_associations.get(instance_id)
        if known and CURRENT.get().action == "RunInstances":
            return known  # a token used again
        return super().associate_iam_instance_profile(instance_id, *args, **kw)

    # looking

    def describe_instances(self, filters: t.Any = None) -> t.Any:
        return self._shown(super().describe_instances(filters))

    def _shown(self, reservations: t.Any) -> list[t.Any]:
        for reservation in reservations:
            reservation.instances = [i for i in reservation.instances if self.world.visible(i.id)]
        return [reservation for reservation in reservations if reservation.instances]

    def get_reservations_by_instance_ids(self, instance_ids: t.Any, filters: t.Any = None) -> t.Any:
        self._check_visible(instance_ids)
        return super().get_reservations_by_instance_ids(instance_ids, filters)

    def get_multi_instances_by_id(self, instance_ids: t.Any, filters: t.Any = None) -> t.Any:
        self._check_visible(instance_ids)
        return super().get_multi_instances_by_id(instance_ids, filters)

    def get_instance(self, instance_id: str) -> Instance:
        if CURRENT.get().action.startswith(("Modify", "DescribeInstanceAttribute")):
            self._check_visible([instance_id])
        return super().get_instance(instance_id)

    def _check_visible(self, instance_ids: t.Iterable[str]) -> None:
        for key in instance_ids:
            if not self.world.visible(key):
                raise EC2ClientError("InvalidInstanceID.NotFound", f"The instance ID '{key}' does not exist")

    # changing state

    def start_instances(self, instance_ids: t.Any) -> t.Any:
        return [self._start(instance) for instance in self.get_multi_instances_by_id(instance_ids)]

    def _start(self, instance: t.Any) -> t.Any:
        before = copy.copy(instance._state)
        if before.name not in ("running", "pending"):
            _check_state(instance, "stopped", "started")
            for nic in instance.nics.values():
                nic.start()
            instance.launch_time = utcnow()
            track = self.world.tracks[instance.id]
            if track.request:
                track.request.state = "active"
            self.world.begin(track, "pending", "running", self.world.delays.pending)
        return instance, before

    def stop_instances(self, instance_ids: t.Any) -> t.Any:
        return [self._stop(instance) for instance in self.get_multi_instances_by_id(instance_ids)]

    def _stop(self, instance: t.Any) -> t.Any:
        before = copy.copy(instance._state)
        track = self.world.tracks[instance.id]
        hibernate = CURRENT.get().params.get("Hibernate") == "true"
        if track.request and track.request.type != "persistent":
            raise EC2ClientError(
                "UnsupportedOperation",
                f"You can't stop the Spot Instance '{instance.id}' because it is associated with a one-time Spot "
                "Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
            )
        if hibernate and not (instance.hibernation_options or {}).get("Configured"):
            raise EC2ClientError(
                "UnsupportedHibernationConfiguration",
                f"The instance '{instance.id}' was not configured for hibernation when it was launched",
            )
        if before.name not in ("stopping", "stopped"):
            _check_state(instance, "running", "stopped")
            for nic in instance.nics.values():
                nic.stop()
            if track.request:
                track.request.state = "disabled"
            reason = USER_HIBERNATE if hibernate else USER_SHUTDOWN
            self.world.begin(track, "stopping", "stopped", self.world.delays.stopping, reason)
        return instance, before

    def terminate_instances(self, instance_ids: t.Any) -> t.Any:
        found = self.get_multi_instances_by_id(instance_ids)
        for instance in found:
            if instance.disable_api_termination:
                raise EC2ClientError(
                    "OperationNotPermitted",
                    f"The instance '{instance.id}' may not be terminated. Modify its 'disableApiTermination' "
                    "instance attribute and try again.",
                )
        return [self._terminate(instance) for instance in found]

    def _terminate(self, instance: t.Any) -> t.Any:
        before = copy.copy(instance._state)
        if before.name not in GONE:
            track = self.world.tracks[instance.id]
            self.world.begin(track, "shutting-down", "terminated", self.world.delays.terminating, USER_SHUTDOWN)
        return instance, before

    def cancel_spot_instance_requests(self, request_ids: t.Any) -> t.Any:
        for key in request_ids:
            if key not in self.spot_instance_requests:
                raise EC2ClientError(
                    "InvalidSpotInstanceRequestID.NotFound", f"The spot instance request ID '{key}' does not exist"
                )
            self.spot_instance_requests[key].state = "cancelled"
        return [self.spot_instance_requests[key] for key in request_ids]

    # changing settings

    def modify_instance_attribute(self, instance_id: str, key: str, value: t.Any) -> Instance:
        if key == "instance_type":
            self._check_type(value)
            _check_state(self.get_instance(instance_id), "stopped", "given another instance type")
        return super().modify_instance_attribute(instance_id, key, value)

    def modify_instance_security_groups(self, instance_id: str, new_group_id_list: t.Any) -> Instance:
        instance = self.get_instance(instance_id)
        behaviour = CURRENT.get().params.get("InstanceInitiatedShutdownBehavior.Value")
        if behaviour:  # moto takes every attribute that it does not know for an empty list of groups
            instance.instance_initiated_shutdown_behavior = behaviour
            return instance
        groups = [self.get_security_group_from_id(key) for key in new_group_id_list]
        missing = [key for key, group in zip(new_group_id_list, groups) if group is None]
        if missing or not groups:
            raise EC2ClientError("InvalidGroup.NotFound", f"The security groups {missing} do not exist")
        instance.security_groups = groups
        instance.nics[0]._group_set = list(groups)
        return instance

    def modify_instance_metadata_options(self, instance_id: str, **kw: t.Any) -> MetadataOptions:  # type: ignore[override]
        """What is not said stays as it is; moto sets it to None."""
        instance = self.get_instance(instance_id)
        options = instance.metadata_options
        if kw.get("metadata_tags") == "enabled":
            _check_keys(tags_of(instance))
        for name, given in (
            ("http_tokens", "http_tokens"),
            ("http_put_response_hop_limit", "hop_limit"),
            ("http_endpoint", "http_endpoint"),
            ("instance_metadata_tags", "metadata_tags"),
        ):
            if kw.get(given) is not None:
                setattr(options, name, kw[given])
        self.world.described([instance_id])
        return options

    def create_tags(self, resource_ids: list[str], tags: dict[str, str]) -> bool:
        if CURRENT.get().action == "CreateTags":
            self._check_visible(resource_ids)
            for key in resource_ids:
                track = self.world.tracks.get(key)
                if track and track.instance.metadata_options.instance_metadata_tags == "enabled":
                    _check_keys(tags)
        done = super().create_tags(resource_ids, tags)
        self.world.described(resource_ids)
        return done

    def delete_tags(self, resource_ids: list[str], tags: dict[str, str]) -> bool:
        done = super().delete_tags(resource_ids, tags)
        self.world.described(resource_ids)
        return done

    def _check_type(self, instance_type: str) -> None:
        if instance_type not in INSTANCE_TYPES:
            raise EC2ClientError(
                "InvalidInstanceType", f"The following supplied instance types do not exist: [{instance_type}]"
            )


def _market(params: t.Mapping[str, str]) -> dict[str, str]:
    """The spot options of RunInstances; empty for an on-demand launch."""
    prefix = "InstanceMarketOptions."
    if params.get(f"{prefix}MarketType") != "spot":
        return {}
    options = {k[len(f"{prefix}SpotOptions.") :]: v for k, v in params.items() if k.startswith(f"{prefix}SpotOptions.")}
    return {"SpotInstanceType": "one-time", **options}


def _check_keys(tags: t.Iterable[str]) -> None:
    for key in tags:
        if not _METADATA_KEY.fullmatch(key):
            raise EC2ClientError(
                "InvalidParameterValue",
                f"'{key}' is not a valid tag key. Tag keys must match pattern ([0-9a-zA-Z\\-_+=,.@:]{{1,255}}), and "
                "must not be a reserved name ('.', '..', '_index')",
            )


def _check_state(instance: t.Any, state: str, what: str) -> None:
    if instance._state.name != state:
        raise EC2ClientError(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is {instance._state.name} and can only be {what} when it is {state}.",
        )

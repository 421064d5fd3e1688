"""The sandbox's API imposes what the service does and plain moto does not."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError


def launch(cloud, token="", zone=0, **more):
    request = {
        "MinCount": 1,
        "MaxCount": 1,
        "ImageId": cloud.facts["image_ids"]["debian-12"],
        "InstanceType": "t3.medium",
        "NetworkInterfaces": [
            {"DeviceIndex": 0, "SubnetId": cloud.subnet_ids[zone], "Groups": [cloud.security_group_id]}
        ],
        **({"ClientToken": token} if token else {}),
        **more,
    }
    return cloud.ec2.run_instances(**request)["Instances"][0]


def tagged(key, value, kind="instance"):
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value}]}]


def look(cloud, key):
    return cloud.ec2.describe_instances(InstanceIds=[key])["Reservations"][0]["Instances"][0]


def until(cloud, key, state, seconds=5.0):
    """Wait for a state; return the instance."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            instance = look(cloud, key)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "InvalidInstanceID.NotFound"
        else:
            if instance["State"]["Name"] == state:
                return instance
        time.sleep(0.05)
    raise AssertionError(f"{key} is not {state} after {seconds} s")


def refused(call, *args, **more):
    """The code that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(*args, **more)
    return caught.value.response["Error"]["Code"]


def test_a_token_is_one_instance_in_its_zone(cloud):
    first = launch(cloud, "abc")
    assert launch(cloud, "abc")["InstanceId"] == first["InstanceId"]
    assert refused(launch, cloud, "abc", InstanceType="t3.large") == "IdempotentParameterMismatch"
    assert launch(cloud, "abc", zone=1)["InstanceId"] != first["InstanceId"]
    until(cloud, first["InstanceId"], "running")
    assert len(cloud.instances()) == 2
    cloud.ec2.terminate_instances(InstanceIds=[first["InstanceId"]])
    assert refused(launch, cloud, "abc") == "IdempotentInstanceTerminated"
    until(cloud, first["InstanceId"], "terminated")
    assert refused(launch, cloud, "abc") == "IdempotentInstanceTerminated"


def test_a_token_can_be_looked_for_and_used_again_with_a_profile(cloud):
    profile = {"IamInstanceProfile": {"Name": cloud.facts["instance_profile"]}}
    first = launch(cloud, "abc", **profile)
    assert launch(cloud, "abc", **profile)["InstanceId"] == first["InstanceId"]
    until(cloud, first["InstanceId"], "running")
    found = cloud.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["abc"]}])["Reservations"]
    assert [i["InstanceId"] for group in found for i in group["Instances"]] == [first["InstanceId"]]


def test_states_take_time(cloud):
    key = launch(cloud)["InstanceId"]
    cloud.slower(pending=0.6, visible=0)
    second = launch(cloud)
    assert second["State"]["Name"] == "pending" and look(cloud, second["InstanceId"])["State"]["Name"] == "pending"
    until(cloud, second["InstanceId"], "running")
    until(cloud, key, "running")
    cloud.ec2.stop_instances(InstanceIds=[key])
    assert look(cloud, key)["State"]["Name"] == "stopping"
    assert refused(cloud.ec2.start_instances, InstanceIds=[key]) == "IncorrectInstanceState"
    stopped = until(cloud, key, "stopped")
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    cloud.ec2.start_instances(InstanceIds=[key])
    assert look(cloud, key)["State"]["Name"] == "pending"
    again = until(cloud, key, "running")
    assert again["PrivateIpAddress"] == stopped["PrivateIpAddress"]
    cloud.ec2.terminate_instances(InstanceIds=[key])
    assert look(cloud, key)["State"]["Name"] == "shutting-down"
    until(cloud, key, "terminated")


def test_a_new_instance_is_not_seen_at_once(cloud):
    cloud.slower(visible=0.5)
    key = launch(cloud, TagSpecifications=tagged("team", "a"))["InstanceId"]
    by_tag = [{"Name": "tag:team", "Values": ["a"]}]
    assert cloud.ec2.describe_instances(Filters=by_tag)["Reservations"] == []
    assert refused(look, cloud, key) == "InvalidInstanceID.NotFound"
    assert refused(cloud.ec2.stop_instances, InstanceIds=[key]) == "InvalidInstanceID.NotFound"
    until(cloud, key, "running")
    assert len(cloud.ec2.describe_instances(Filters=by_tag)["Reservations"]) == 1


def test_what_does_not_exist_is_refused(cloud):
    assert refused(launch, cloud, InstanceType="t3.enormous") == "InvalidInstanceType"
    assert refused(launch, cloud, ImageId="ami-12345678") == "InvalidAMIID.NotFound"
    assert refused(cloud.ec2.describe_instance_types, InstanceTypes=["t3.enormous"]) == "InvalidInstanceType"
    assert cloud.instances() == []


@pytest.mark.parametrize("key", ["Patch Group", "a/b"])
def test_tag_keys_that_the_metadata_service_cannot_show(cloud, key):
    shown = {"MetadataOptions": {"InstanceMetadataTags": "enabled"}}
    cloud.slower(visible=0)
    assert refused(launch, cloud, TagSpecifications=tagged(key, "x"), **shown) == "InvalidParameterValue"
    launch(cloud, TagSpecifications=tagged(key, "x"))
    one = launch(cloud, **shown)["InstanceId"]
    tags = [{"Key": key, "Value": "x"}]
    assert refused(cloud.ec2.create_tags, Resources=[one], Tags=tags) == "InvalidParameterValue"
    other = launch(cloud, TagSpecifications=tagged(key, "x"))["InstanceId"]
    modify = cloud.ec2.modify_instance_metadata_options
    assert refused(modify, InstanceId=other, InstanceMetadataTags="enabled") == "InvalidParameterValue"


def test_terminated_instances_linger_with_their_tags_and_without_their_disks(cloud):
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 9, "DeleteOnTermination": True}}
    key = launch(cloud, TagSpecifications=tagged("team", "a"), BlockDeviceMappings=[disk])["InstanceId"]
    until(cloud, key, "running")
    assert len(cloud.ec2.describe_volumes()["Volumes"]) == 1
    cloud.ec2.terminate_instances(InstanceIds=[key])
    assert until(cloud, key, "terminated")["Tags"] == [{"Key": "team", "Value": "a"}]
    assert cloud.ec2.describe_volumes()["Volumes"] == []
    cloud.ec2.terminate_instances(InstanceIds=[key])
    assert look(cloud, key)["State"]["Name"] == "terminated"


def test_settings(cloud):
    metadata = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "InstanceMetadataTags": "enabled"}
    key = launch(cloud, MetadataOptions=metadata)["InstanceId"]
    until(cloud, key, "running")
    modify = cloud.ec2.modify_instance_attribute
    assert refused(modify, InstanceId=key, InstanceType={"Value": "t3.large"}) == "IncorrectInstanceState"
    cloud.ec2.modify_instance_metadata_options(InstanceId=key, HttpPutResponseHopLimit=2)
    modify(InstanceId=key, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    cloud.ec2.stop_instances(InstanceIds=[key])
    until(cloud, key, "stopped")
    assert refused(modify, InstanceId=key, InstanceType={"Value": "t3.enormous"}) == "InvalidInstanceType"
    modify(InstanceId=key, InstanceType={"Value": "t3.large"})
    seen = look(cloud, key)
    assert seen["InstanceType"] == "t3.large"
    assert [group["GroupId"] for group in seen["SecurityGroups"]] == [cloud.security_group_id]
    options = seen["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 2)
    attribute = cloud.ec2.describe_instance_attribute(InstanceId=key, Attribute="instanceInitiatedShutdownBehavior")
    assert attribute["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


def test_groups_are_those_of_the_first_interface(cloud):
    other = cloud.ec2.create_security_group(GroupName="x", Description="x", VpcId=cloud.facts["vpc_id"])["GroupId"]
    key = launch(cloud)["InstanceId"]
    until(cloud, key, "running")
    cloud.ec2.modify_instance_attribute(InstanceId=key, Groups=[other])
    seen = look(cloud, key)
    assert [group["GroupId"] for group in seen["NetworkInterfaces"][0]["Groups"]] == [other]
    assert [group["GroupId"] for group in seen["SecurityGroups"]] == [other]


def test_hibernation_is_chosen_at_launch(cloud):
    plain = launch(cloud)["InstanceId"]
    able = launch(cloud, HibernationOptions={"Configured": True})["InstanceId"]
    for key in (plain, able):
        until(cloud, key, "running")
    stop = cloud.ec2.stop_instances
    assert refused(stop, InstanceIds=[plain], Hibernate=True) == "UnsupportedHibernationConfiguration"
    stop(InstanceIds=[able], Hibernate=True)
    assert until(cloud, able, "stopped")["StateReason"]["Code"] == "Client.UserInitiatedHibernate"


def test_spot(cloud):
    def spot(kind):
        return {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": kind}}}

    once = launch(cloud, **spot("one-time"))
    kept = launch(cloud, **spot("persistent"), TagSpecifications=tagged("team", "a"))
    for instance in (once, kept):
        assert until(cloud, instance["InstanceId"], "running")["InstanceLifecycle"] == "spot"
    assert refused(cloud.ec2.stop_instances, InstanceIds=[once["InstanceId"]]) == "UnsupportedOperation"
    requests = cloud.ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert {r["Type"] for r in requests} == {"one-time", "persistent"}
    cloud.ec2.terminate_instances(InstanceIds=[kept["InstanceId"]])
    until(cloud, kept["InstanceId"], "terminated")
    time.sleep(0.3)
    (again,) = [i for i in cloud.instances() if i["InstanceId"] not in (once["InstanceId"], kept["InstanceId"])]
    assert again["SpotInstanceRequestId"] == kept["SpotInstanceRequestId"]
    cancel = cloud.ec2.cancel_spot_instance_requests
    assert refused(cancel, SpotInstanceRequestIds=["sir-12345678"]) == "InvalidSpotInstanceRequestID.NotFound"
    cancel(SpotInstanceRequestIds=[again["SpotInstanceRequestId"]])
    cloud.ec2.terminate_instances(InstanceIds=[again["InstanceId"]])
    until(cloud, again["InstanceId"], "terminated")
    time.sleep(0.3)
    assert [i["InstanceId"] for i in cloud.instances()] == [once["InstanceId"]]


def test_addresses_leave_the_first_ones_free(cloud):
    addresses = {launch(cloud)["PrivateIpAddress"] for _number in range(3)}
    assert {address.rpartition(".")[2] for address in addresses} == {"11", "12", "13"}


def control(cloud, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(cloud.endpoint + path, data, method=method)) as answer:
        return json.loads(answer.read())


def test_faults_over_http(cloud):
    control(cloud, "POST", "/_sandbox/faults", {"action": "DescribeInstances", "code": "AuthFailure", "region": "x"})
    control(cloud, "POST", "/_sandbox/faults", {"action": "DescribeInstances", "code": "RequestLimitExceeded"})
    assert refused(cloud.ec2.describe_instances) == "RequestLimitExceeded"
    cloud.ec2.describe_instances()
    elsewhere = cloud.client("ec2", "x")
    assert refused(elsewhere.describe_instances) == "AuthFailure"
    control(cloud, "POST", "/_sandbox/faults", {"action": "*", "code": "Unavailable", "times": 9})
    control(cloud, "DELETE", "/_sandbox/faults")
    cloud.ec2.describe_instances()
    counts = control(cloud, "GET", "/_sandbox/calls")
    assert counts == {cloud.region: {"DescribeInstances": 3}, "x": {"DescribeInstances": 1}}
    control(cloud, "DELETE", "/_sandbox/calls")
    assert control(cloud, "GET", "/_sandbox/calls") == {}
    with pytest.raises(urllib.error.HTTPError):
        control(cloud, "POST", "/_sandbox/faults", {"action": "x", "cod": "y"})


def test_a_lost_answer_is_of_a_call_that_was_carried_out(cloud):
    cloud.fault("RunInstances", lost=True)
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        launch(cloud, "abc")
    again = launch(cloud, "abc")
    until(cloud, again["InstanceId"], "running")
    assert len(cloud.instances()) == 1


def test_faults_by_subnet_and_death_at_launch(cloud):
    cloud.fault("RunInstances", code="InsufficientInstanceCapacity", subnet=cloud.subnet_ids[0], times=9)
    assert refused(launch, cloud) == "InsufficientInstanceCapacity"
    cloud.fault("RunInstances", die="Client.InternalError: Client error on launch")
    dead = until(cloud, launch(cloud, zone=1)["InstanceId"], "terminated")
    assert dead["StateReason"] == {
        "Code": "Client.InternalError",
        "Message": "Client.InternalError: Client error on launch",
    }

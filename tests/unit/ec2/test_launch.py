"""What is sent to launch an instance, and what is said at its first boot."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import codec, user_data
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput, NotYet
from ansible_collections.devcontainer.cloud.plugins.module_utils.lifecycle import Step
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2_launch import (
    LONGEST_INVISIBLE,
    Launcher,
    build_request,
    client_token,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Spec, identity
from botocore.exceptions import ClientError

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3 ada@laptop"
HOST_KEY = user_data.HostKey("ssh-ed25519 AAAAhost", "PRIVATE")
IMAGE = {"ImageId": "ami-12345678", "RootDeviceName": "/dev/xvda"}


def spec(create=(), **settings):
    return Spec(
        "demo",
        labels=identity("demo"),
        settings={
            "instance_type": "t3.medium",
            "security_groups": ["sg-12345678"],
            "http_tokens": "required",
            "hop_limit": 1,
            "metadata_tags": "enabled",
            "volume_size": 30,
            "volume_type": "gp3",
            "encrypted": True,
            "hibernation": False,
            "spot": False,
            **settings,
        },
        create={
            "user": "dev",
            "ssh_keys": [KEY],
            "public_ip": False,
            "cloud_config": {},
            "spot_max_price": None,
            **dict(create),
        },
    )


def request(**settings):
    return build_request(spec(**settings), Step("create", labels=identity("demo"), tags={"a": "b"}), IMAGE, HOST_KEY)


def test_safe_by_default():
    sent = request()
    assert sent["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
        "InstanceMetadataTags": "enabled",
    }
    (disk,) = sent["BlockDeviceMappings"]
    assert disk["DeviceName"] == "/dev/xvda" and disk["Ebs"]["Encrypted"] and disk["Ebs"]["DeleteOnTermination"]
    assert sent["InstanceInitiatedShutdownBehavior"] == "stop"
    assert sent["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is False
    assert "KmsKeyId" not in disk["Ebs"] and "InstanceMarketOptions" not in sent and "KeyName" not in sent


def test_everything_that_is_made_is_tagged():
    kinds = {
        s["ResourceType"]: {t["Key"]: t["Value"] for t in s["Tags"]} for s in request(spot=True)["TagSpecifications"]
    }
    assert set(kinds) == {"instance", "volume", "network-interface", "spot-instances-request"}
    for tags in kinds.values():
        assert tags["devcontainer:managed-by"] == "devcontainer.cloud" and tags["devcontainer:workspace"] == "demo"
        assert tags["a"] == "b" and tags["devcontainer:host-key"] == HOST_KEY.public
    assert HOST_KEY.private not in json.dumps(kinds)


def test_spot_is_persistent_so_that_it_can_be_stopped():
    options = request(spot=True)["InstanceMarketOptions"]["SpotOptions"]
    assert options == {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}


@pytest.mark.parametrize(("profile", "key"), [("workspace", "Name"), ("arn:aws:iam::1:instance-profile/x", "Arn")])
def test_profile_by_name_or_arn(profile, key):
    assert request(instance_profile=profile)["IamInstanceProfile"] == {key: profile}


def test_tokens_differ_by_workspace_subnet_and_generation_and_fit():
    tokens = {client_token(n, s, g) for n in ("a", "b") for s in ("subnet-1", "subnet-2") for g in (0, 1)}
    assert len(tokens) == 8 and all(re.fullmatch(r"[0-9a-f]{64}", token) for token in tokens)
    assert client_token("a", "subnet-1", 0) == client_token("a", "subnet-1", 0)


def test_user_data_makes_our_account_and_the_host_key():
    text = user_data.cloud_config("dev", [KEY], HOST_KEY, {"runcmd": ["true"]})
    head, body = text.split("\n", 1)
    config = json.loads(body)
    assert head == "#cloud-config" and config["runcmd"] == ["true"]
    assert [u["name"] for u in config["users"]] == ["dev"] and config["users"][0]["ssh_authorized_keys"] == [KEY]
    assert config["ssh_keys"]["ed25519_private"] == "PRIVATE" and config["ssh_pwauth"] is False


def test_user_data_refuses_what_is_ours_and_what_is_too_large():
    with pytest.raises(InvalidInput, match="users"):
        user_data.cloud_config("dev", [KEY], HOST_KEY, {"users": []})
    with pytest.raises(InvalidInput, match="16384"):
        user_data.cloud_config("dev", [KEY], HOST_KEY, {"runcmd": ["x" * 17000]})


def test_host_keys_are_real_and_do_not_show_themselves():
    key = user_data.new_host_key()
    assert key.public.startswith("ssh-ed25519 AAAA") and "BEGIN OPENSSH PRIVATE KEY" in key.private
    assert "PRIVATE" not in repr(key)


@pytest.mark.parametrize("key", ["", "AAAA", "ssh-ed25519", "ssh-dss AAAA x", "ssh-rsa AAAA x\nssh-rsa BBBB y"])
def test_bad_public_keys(key):
    with pytest.raises(InvalidInput, match="ssh_keys: entry 2"):
        user_data.check_public_keys([KEY, key])


def test_a_private_key_is_refused_without_repeating_it():
    with pytest.raises(InvalidInput) as error:
        user_data.check_public_keys(["-----BEGIN OPENSSH PRIVATE KEY-----\nsecret"])
    assert "private key" in str(error.value) and "secret" not in str(error.value)


class Ec2:
    """Refuses a token for other parameters; its instance shows when it is put into ``shown``."""

    def __init__(self):
        self.shown = []
        self.tokens = []

    def run_instances(self, **call):
        self.tokens.append(call["ClientToken"])
        if len(set(self.tokens)) > 1:
            return {"Instances": [instance("i-2")]}
        error = {"Error": {"Code": "IdempotentParameterMismatch", "Message": "other arguments"}}
        raise ClientError(error, "RunInstances")

    def describe_instances(self, Filters):
        return {"Reservations": [{"Instances": self.shown}]}


class Catalog:
    def image(self, image, instance_type):
        return IMAGE


def instance(key, state="running"):
    tags = [{"Key": k, "Value": v} for k, v in codec.to_aws(identity("demo")).items()]
    return {"InstanceId": key, "State": {"Name": state}, "Tags": tags}


def test_the_machine_of_a_lost_response_is_waited_for_and_then_given_up():
    now = [0.0]
    ec2 = Ec2()
    launcher = Launcher(ec2, Catalog(), lambda: now[0])
    wanted, step = spec(create={"image": "debian-12", "subnets": ["subnet-1"]}), Step("create", labels=identity("demo"))
    for now[0] in (0.0, 10.0, LONGEST_INVISIBLE):
        with pytest.raises(NotYet, match="does not show yet"):
            launcher.launch(wanted, step)
    ec2.shown = [instance("i-1")]
    assert launcher.launch(wanted, step)["InstanceId"] == "i-1" and len(set(ec2.tokens)) == 1
    ec2.shown = []
    now[0] = LONGEST_INVISIBLE + 1
    assert launcher.launch(wanted, step)["InstanceId"] == "i-2" and len(set(ec2.tokens)) == 2

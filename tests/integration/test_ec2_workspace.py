"""ec2_workspace through ansible-playbook: what it makes, repairs and leaves alone."""

from __future__ import annotations

import collections
import json

from tests.integration.test_api_strict import launch, tagged, until
from tests.integration.workspaces import named, steps, tags, task


def test_check_mode_then_create_then_nothing(cloud, ansible):
    wanted = {
        "workspaces": [{"name": "ada", "owner": "ada"}, {"name": "bob"}],
        "team": "core",
        "instance_profile": cloud.facts["instance_profile"],
        "tags": {"cost": "42"},
    }
    foreseen = ansible.playbook([task(cloud, "create", **wanted)], check=True, diff=True).ok()
    assert cloud.changing_calls == {} and cloud.instances() == []
    assert foreseen["create"]["changed"]
    assert [steps(foreseen["create"], n) for n in (0, 1)] == [["create"], ["create"]]
    assert "ada" in foreseen.output and "t3.medium" in foreseen.output

    result = ansible.playbook([task(cloud, "create", **wanted), task(cloud, "again", **wanted)]).ok()
    ada, bob = result["create"]["workspaces"]
    assert (ada["name"], bob["name"], ada["state"], bob["state"]) == ("ada", "bob", "running", "running")
    assert (ada["owner"], ada["team"], ada["tags"]) == ("ada", "core", {"cost": "42"})
    assert ada["host_key"].startswith("ssh-ed25519 ") and ada["host_key"] != bob["host_key"]
    assert not result["again"]["changed"] and steps(result["again"]) == []
    # Both tasks together changed no more than the first one had to.
    assert cloud.changing_calls == {"RunInstances": 2}
    assert {i["InstanceId"] for i in cloud.instances()} == {ada["id"], bob["id"]}
    assert_safe(cloud, ada)


def assert_safe(cloud, workspace):
    """What every instance of ours has, as the service itself sees it."""
    (instance,) = [i for i in cloud.instances() if i["InstanceId"] == workspace["id"]]
    options = instance["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1)
    assert options["InstanceMetadataTags"] == "enabled"
    assert instance["PrivateIpAddress"] == workspace["address"] and not instance.get("PublicIpAddress")
    assert instance["IamInstanceProfile"]["Arn"].endswith(cloud.facts["instance_profile"])
    shutdown = cloud.ec2.describe_instance_attribute(
        InstanceId=workspace["id"], Attribute="instanceInitiatedShutdownBehavior"
    )
    assert shutdown["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"
    (mapping,) = instance["BlockDeviceMappings"]
    assert mapping["DeviceName"] == instance["RootDeviceName"]
    (volume,) = cloud.ec2.describe_volumes(VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"]
    assert (volume["Encrypted"], volume["VolumeType"], volume["Size"]) == (True, "gp3", 30)
    interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    (interface,) = cloud.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    expected = {
        "Name": workspace["name"],
        "devcontainer:version": "1",
        "devcontainer:managed-by": "devcontainer.cloud",
        "devcontainer:workspace": workspace["name"],
        "devcontainer:team": "core",
        "cost": "42",
    }
    for resource in (instance, volume, interface):
        assert expected.items() <= tags(resource).items()


def test_stop_start_resize_on_the_same_disk(cloud, ansible):
    result = ansible.playbook(
        [
            task(cloud, "create", name="demo"),
            task(cloud, "stop", name="demo", state="stopped", retention="14d"),
            task(cloud, "stop again", name="demo", state="stopped", retention="14d"),
            task(cloud, "start", name="demo"),
            task(cloud, "resize", name="demo", instance_type="m7i.large", volume_size=50),
            task(cloud, "smaller disk", name="demo", instance_type="m7i.large", volume_size=20),
        ]
    ).ok()
    assert result["stop"]["workspaces"][0]["state"] == "stopped" and result["stop"]["workspaces"][0]["expires_at"]
    assert result["start"]["workspaces"][0]["expires_at"] == ""
    assert steps(result["start"])[-1] == "start"
    # A start begins a new lease, a resize's too.
    assert steps(result["resize"]) == ["stop", "modify", "tag", "start"]
    resized = result["resize"]["workspaces"][0]
    assert (resized["state"], resized["instance_type"]) == ("running", "m7i.large")
    for title in ("stop again", "smaller disk"):
        assert not result[title]["changed"], title
    assert len({result[title]["workspaces"][0]["id"] for title in ("create", "start", "resize")}) == 1
    (volume,) = cloud.ec2.describe_volumes()["Volumes"]
    assert volume["Size"] == 50
    changing = cloud.changing_calls
    assert (changing["RunInstances"], changing["StopInstances"], changing["StartInstances"]) == (1, 2, 2)


def test_drift_is_repaired_and_shown(cloud, ansible):
    wanted = {"name": "demo", "owner": "ada", "tags": {"cost": "42"}}
    key = ansible.playbook([task(cloud, "create", **wanted)]).ok()["create"]["workspaces"][0]["id"]
    ec2 = cloud.ec2
    ec2.create_tags(Resources=[key], Tags=[{"Key": "cost", "Value": "41"}, {"Key": "mine", "Value": "x"}])
    ec2.delete_tags(Resources=[key], Tags=[{"Key": "devcontainer:owner"}])
    ec2.modify_instance_metadata_options(InstanceId=key, HttpTokens="optional", HttpPutResponseHopLimit=3)
    other = ec2.create_security_group(GroupName="x", Description="x", VpcId=cloud.facts["vpc_id"])["GroupId"]
    ec2.modify_instance_attribute(InstanceId=key, Groups=[other])
    cloud.reset_calls()
    foreseen = ansible.playbook([task(cloud, "repair", **wanted)], check=True, diff=True).ok()
    assert foreseen["repair"]["changed"] and cloud.changing_calls == {}

    tasks = [
        task(cloud, "repair", **wanted),
        task(cloud, "again", **wanted),
        task(cloud, "purge", **wanted, purge_tags=True),
    ]
    repaired = ansible.playbook(tasks, diff=True).ok()
    assert set(steps(repaired["repair"])) == {"tag", "modify"} and not repaired["again"]["changed"]
    assert repaired["repair"]["workspaces"][0]["tags"] == {"cost": "42", "mine": "x"}
    assert steps(repaired["purge"]) == ["tag"]
    assert "cost" in repaired.output and "hop_limit" in repaired.output
    (instance,) = cloud.instances()
    left = tags(instance)
    assert (left["cost"], left["devcontainer:owner"], left["Name"]) == ("42", "ada", "demo") and "mine" not in left
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert [g["GroupId"] for g in instance["NetworkInterfaces"][0]["Groups"]] == [cloud.security_group_id]


def test_delete_and_create_again_at_once(cloud, ansible):
    result = ansible.playbook(
        [
            task(cloud, "create", name="demo"),
            task(cloud, "delete", name="demo", state="absent"),
            task(cloud, "delete again", name="demo", state="absent"),
            task(cloud, "create again", name="demo"),
            task(cloud, "delete without waiting", name="demo", state="absent", wait=False),
            # The second one is still shutting down.
            task(cloud, "third", name="demo", volume_size=40),
        ]
    ).ok()
    assert result["delete"]["workspaces"][0]["state"] == "absent" and not result["delete again"]["changed"]
    ids = [result[title]["workspaces"][0]["id"] for title in ("create", "create again", "third")]
    assert len(set(ids)) == 3
    assert [i["InstanceId"] for i in cloud.instances()] == [ids[2]]
    until(cloud, ids[1], "terminated")
    assert [v["Size"] for v in cloud.ec2.describe_volumes()["Volumes"]] == [40]


def test_two_machines_of_one_name_are_refused(cloud, ansible):
    ours = {
        "devcontainer:managed-by": "devcontainer.cloud",
        "devcontainer:workspace": "twin",
        "devcontainer:version": "1",
    }
    spec = [{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in ours.items()]}]
    ids = [launch(cloud, TagSpecifications=spec)["InstanceId"] for _number in range(2)]
    for key in ids:
        until(cloud, key, "running")
    cloud.reset_calls()
    result = ansible.playbook(
        [task(cloud, "keep", {"ignore_errors": True}, name="twin"), task(cloud, "delete", name="twin", state="absent")]
    )
    assert result.rc != 0
    for title in ("keep", "delete"):
        assert result[title]["kind"] == "failed" and all(key in result[title]["msg"] for key in ids)
    assert cloud.changing_calls == {}


def test_a_stranger_is_left_alone(cloud, ansible):
    """The same Name, a tag of ours that is not enough, and a stopped one beside it."""
    strangers = [
        launch(cloud, TagSpecifications=tagged("Name", "demo"))["InstanceId"],
        launch(cloud, TagSpecifications=tagged("devcontainer:workspace", "demo"))["InstanceId"],
    ]
    for key in strangers:
        until(cloud, key, "running")
    before = {i["InstanceId"]: i for i in cloud.instances()}
    cloud.reset_calls()
    result = ansible.playbook(
        [
            task(cloud, "nobody", workspaces=[], state="absent"),
            task(cloud, "absent", name="demo", state="absent"),
            task(cloud, "create", name="demo"),
            task(cloud, "delete", name="demo", state="absent"),
        ]
    ).ok()
    assert not result["nobody"]["changed"] and not result["absent"]["changed"]
    assert result["create"]["workspaces"][0]["id"] not in strangers
    assert cloud.changing_calls == {"RunInstances": 1, "TerminateInstances": 1}
    assert {i["InstanceId"]: i for i in cloud.instances()} == before


def calls_so_far(cloud, title):
    """A task that notes the counts; on the controller, so it costs no process."""
    counts = f"{{{{ lookup('ansible.builtin.url', '{cloud.endpoint}/_sandbox/calls', split_lines=false) }}}}"
    return {"name": title, "ansible.builtin.debug": {"msg": counts}}


def test_calls_do_not_grow_with_the_list(cloud, ansible):
    many = named(*(f"w{n}" for n in range(20)))
    result = ansible.playbook(
        [
            task(cloud, "two", workspaces=named("a", "b")),
            calls_so_far(cloud, "after two"),
            task(cloud, "twenty", workspaces=many),
            calls_so_far(cloud, "after twenty"),
            task(cloud, "again", workspaces=many),
        ]
    ).ok()
    two, both = (
        collections.Counter(json.loads(result[title]["msg"])[cloud.region]) for title in ("after two", "after twenty")
    )
    twenty, again = both - two, cloud.calls - both
    assert len({workspace["id"] for workspace in result["twenty"]["workspaces"]}) == 20
    assert (two["RunInstances"], twenty["RunInstances"]) == (2, 20)
    # One poller for all: a look more or less is a matter of time.
    assert twenty["DescribeInstances"] <= two["DescribeInstances"] + 2
    for action in two.keys() - {"RunInstances", "DescribeInstances", "DescribeVolumes"}:
        assert twenty[action] == two[action], action
    assert not result["again"]["changed"] and again == {"DescribeInstances": 1, "DescribeVolumes": 1}

"""The inventory through real ansible-inventory processes, over the sandbox's cloud."""

from __future__ import annotations

import time

import boto3
import pytest
from moto.ec2.models import ec2_backends

from tests.integration.inventories import failure, groups, hostvars, plain
from tests.integration.tools import ROOT
from tests.sandbox import settings

OTHER_REGION = "us-east-1"
PAST, FUTURE = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


def add(cloud, name, region=None, ours=True, client=None, **labels):
    """A machine, running and visible; its id. ``labels`` are the contract's, with _ for -."""
    region = region or cloud.region
    facts = cloud.facts if region == cloud.region else cloud.api.seed(region)
    tags = {"Name": name}
    if ours:
        contract = {"version": "1", "managed-by": "devcontainer.cloud", "workspace": name, "user": "dev", **labels}
        tags |= {f"devcontainer:{key.replace('_', '-')}": value for key, value in contract.items()}
    place = {"SubnetId": facts["subnet_ids"][0]} if client is None else {}
    ec2 = client or cloud.client("ec2", region)
    answer = ec2.run_instances(
        ImageId=facts["image_ids"]["debian-12"],
        InstanceType="t3.medium",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
        **place,
    )
    machine_id = answer["Instances"][0]["InstanceId"]
    deadline = time.monotonic() + 20
    filters = [{"Name": "instance-id", "Values": [machine_id]}, {"Name": "instance-state-name", "Values": ["running"]}]
    while not ec2.describe_instances(Filters=filters)["Reservations"]:
        assert time.monotonic() < deadline, f"{machine_id} does not run"
        time.sleep(0.05)
    cloud.reset_calls()
    return machine_id


def source(**options):
    return {"plugin": "devcontainer.cloud.ec2", **options}


def test_groups(cloud, ansible):
    add(cloud, "api-ada", owner="ada.l@example", team="core", lease_until=PAST)
    add(cloud, "web-bob", owner="bob", lease_until=FUTURE)
    add(cloud, "theirs", ours=False)
    graph = ansible.inventory(source(), "--graph")
    assert (
        graph.splitlines()
        == """\
@all:
  |--@ungrouped:
  |--@workspaces:
  |  |--api-ada
  |  |--web-bob
  |--@lease_expired:
  |  |--api-ada
  |--@provider_ec2:
  |  |--api-ada
  |  |--web-bob
  |--@state_running:
  |  |--api-ada
  |  |--web-bob
  |--@region_eu_central_1:
  |  |--api-ada
  |  |--web-bob
  |--@owner_ada_l_example:
  |  |--api-ada
  |--@team_core:
  |  |--api-ada
  |--@owner_bob:
  |  |--web-bob""".splitlines()
    )
    assert cloud.calls == {"DescribeInstances": 1}
    assert ansible.inventory(source(), "--graph") == graph


def test_the_groups_of_plays_are_there_while_they_are_empty(cloud, ansible):
    listed = ansible.inventory(source(include_unmanaged=True))
    assert set(listed["all"]["children"]) == {"ungrouped", "workspaces", "lease_expired", "unmanaged"}


def test_host_variables_are_those_of_the_module(cloud, ansible):
    machine_id = add(cloud, "api-ada", owner="ada", repo="https://git.example/{{ a }}.git")
    result = ansible.playbook([{"name": "look", "devcontainer.cloud.ec2_workspace_info": {}}]).ok()
    (workspace,) = result["look"]["workspaces"]
    variables = hostvars(ansible.inventory(source(ssh_directory="/somewhere/my keys")))["api-ada"]
    assert variables.pop("workspace") == workspace
    assert variables == {
        "ansible_host": workspace["address"],
        "ansible_user": "dev",
        "ansible_ssh_common_args": f"-o HostKeyAlias={machine_id} -o StrictHostKeyChecking=yes"
        ' -o "UserKnownHostsFile=/somewhere/my keys/api-ada.known_hosts"',
    }


def test_what_the_cloud_says_is_no_template(cloud, ansible):
    add(cloud, "api-ada", owner="ada", repo="{{ lookup('ansible.builtin.pipe', 'id') }}")
    listed = ansible.inventory(source(compose={"copied": "workspace.repo", "asked": "workspace.repo ~ ''"}))
    variables = hostvars(listed)["api-ada"]
    assert {variables["copied"], variables["asked"]} == {"{{ lookup('ansible.builtin.pipe', 'id') }}"}


def test_stopped_and_gone(cloud, ansible):
    stopped, gone = add(cloud, "parked", lease_until=PAST), add(cloud, "gone")
    cloud.ec2.stop_instances(InstanceIds=[stopped])
    cloud.ec2.terminate_instances(InstanceIds=[gone])
    time.sleep(0.6)
    listed = groups(ansible.inventory(source()))
    assert listed["workspaces"] == listed["state_stopped"] == ["parked"]
    assert "lease_expired" not in listed or listed["lease_expired"] == []
    assert "workspaces" not in groups(ansible.inventory(source(states=["running"])))


def test_unmanaged_machines_on_demand(cloud, ansible):
    add(cloud, "api-ada")
    machine_id = add(cloud, "web", ours=False)
    odd = add(cloud, "a b", ours=False)
    listed = ansible.inventory(source(include_unmanaged=True))
    assert groups(listed)["unmanaged"] == sorted([odd, "web"])
    assert groups(listed)["workspaces"] == ["api-ada"]
    assert hostvars(listed)["web"]["ec2"] == {
        "id": machine_id,
        "name": "web",
        "tags": {"Name": "web"},
        "type": "t3.medium",
        "zone": "eu-central-1a",
    }
    assert "ansible_ssh_common_args" not in hostvars(listed)["web"]
    assert cloud.calls == {"DescribeInstances": 1}


def test_filters_are_the_services(cloud, ansible):
    add(cloud, "api-ada", owner="ada")
    add(cloud, "web-bob", owner="bob")
    listed = ansible.inventory(source(filters={"tag:devcontainer:owner": "{{ who }}"}), "--list", "-e", "who=bob")
    assert list(hostvars(listed)) == ["web-bob"]


def test_a_cached_answer_makes_no_call(cloud, ansible, tmp_path):
    options = source(cache=True, cache_plugin="ansible.builtin.jsonfile", cache_connection=str(tmp_path / "cache"))
    add(cloud, "api-ada", lease_until=FUTURE, owner="ada")
    first = ansible.inventory(options)
    assert cloud.calls == {"DescribeInstances": 1}
    add(cloud, "web-bob")
    assert ansible.inventory(options) == first
    assert cloud.calls == {}
    # another question is another answer
    assert list(hostvars(ansible.inventory({**options, "states": ["stopped"]}))) == []
    assert cloud.calls == {"DescribeInstances": 1}
    assert list(hostvars(ansible.inventory(options, env={"AWS_ACCESS_KEY_ID": "AKIAOTHEROTHEROTHER0"}))) != ["api-ada"]
    # and --flush-cache asks, and stores what it hears
    assert sorted(hostvars(ansible.inventory(options, "--list", "--flush-cache"))) == ["api-ada", "web-bob"]
    cloud.reset_calls()
    assert sorted(hostvars(ansible.inventory(options))) == ["api-ada", "web-bob"]
    assert cloud.calls == {}
    stored = "".join(path.read_text() for path in (tmp_path / "cache").iterdir())
    assert "api-ada" in stored
    assert not [word for word in ("lease_expired", "the-sandbox-takes-any-key", "SecurityGroups") if word in stored]


def test_a_lease_ends_while_the_answer_is_cached(cloud, ansible, tmp_path):
    options = source(cache=True, cache_plugin="ansible.builtin.jsonfile", cache_connection=str(tmp_path / "cache"))
    ends = time.time() + 4
    add(cloud, "api-ada", lease_until=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends)))
    before = groups(ansible.inventory(options))
    assert before["workspaces"] == ["api-ada"]
    time.sleep(max(0.0, ends - time.time()))
    cloud.reset_calls()
    assert groups(ansible.inventory(options))["lease_expired"] == ["api-ada"]
    assert cloud.calls == {}


def test_all_regions_and_a_forbidden_one(cloud, ansible, tmp_path):
    add(cloud, "api-ada")
    add(cloud, "web-bob", region=OTHER_REGION)
    options = source(
        regions=["eu-central-1", OTHER_REGION],
        cache=True,
        cache_plugin="ansible.builtin.jsonfile",
        cache_connection=str(tmp_path / "cache"),
    )
    cloud.fault("DescribeInstances", code="AuthFailure", region=OTHER_REGION, times=9)
    done = ansible.inventory_run(options, "--graph")
    words = " ".join(done.stderr.split())
    assert done.returncode == 0
    assert "api-ada" in done.stdout
    assert "web-bob" not in done.stdout
    assert "us-east-1: list the machines: a fault was asked for (AuthFailure); enable the region" in words
    assert words.count("AuthFailure") == 1
    # on demand that is an error, and a partial answer has not been cached
    assert "us-east-1" in failure(ansible, {**options, "on_error": "fail"}, "--graph")
    cloud.forget_faults()
    assert sorted(hostvars(ansible.inventory(options))) == ["api-ada", "web-bob"]
    # where nobody answers, nothing is listed as if it were all
    cloud.fault("DescribeInstances", code="UnauthorizedOperation", times=9)
    words = failure(ansible, options, "--graph", "--flush-cache")
    assert "eu-central-1: list the machines" in words
    assert "us-east-1: list the machines" in words


def test_every_enabled_region(cloud, ansible):
    add(cloud, "api-ada")
    add(cloud, "web-bob", region=OTHER_REGION)
    regions = {region["RegionName"] for region in cloud.ec2.describe_regions()["Regions"]}
    cloud.reset_calls()
    listed = ansible.inventory(source(regions=["all"]))
    assert sorted(hostvars(listed)) == ["api-ada", "web-bob"]
    assert cloud.calls == {"DescribeRegions": 1, "DescribeInstances": len(regions)}


def test_one_name_in_two_regions(cloud, ansible):
    here, there = add(cloud, "api-ada"), add(cloud, "api-ada", region=OTHER_REGION)
    for regions in (["eu-central-1", OTHER_REGION], [OTHER_REGION, "eu-central-1"]):
        done = ansible.inventory_run(source(regions=regions), "--graph", "workspaces")
        assert done.stdout.split() == ["@workspaces:", "|--api-ada.eu-central-1", "|--api-ada.us-east-1"]
        assert f"api-ada.eu-central-1 ({here}) and api-ada.us-east-1 ({there})" in " ".join(done.stderr.split())


def test_one_name_in_two_sources_of_one_folder(cloud, ansible, tmp_path):
    add(cloud, "api-ada")
    add(cloud, "api-ada", region=OTHER_REGION)
    folder = tmp_path / "two"
    folder.mkdir()
    for number, region in enumerate(["eu-central-1", OTHER_REGION]):
        (folder / f"{number}.yml").write_text(f"plugin: devcontainer.cloud.ec2\nregions: [{region}]\n")
    done = ansible.inventory_run(folder, "--graph", "workspaces")
    assert done.stdout.split() == ["@workspaces:", "|--api-ada", "|--api-ada.us-east-1"]
    assert "means something else in this inventory already" in " ".join(done.stderr.split())


def other_account(cloud, role):
    """A client of the account that the role is in, which has the same images."""
    keys = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    own, other = (ec2_backends[account][cloud.region] for account in (settings.ACCOUNT, role.split(":")[4]))
    other.amis.update(own.amis)
    return boto3.client(
        "ec2",
        endpoint_url=cloud.endpoint,
        region_name=cloud.region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def test_accounts_side_by_side(cloud, ansible):
    role = "arn:aws:iam::210987654321:role/inventory"
    theirs = other_account(cloud, role)
    add(cloud, "api-ada")
    add(cloud, "api-ada", client=theirs)
    listed = ansible.inventory(source(accounts=[{"name": "own"}, {"role_arn": role}]))
    assert groups(listed)["account_own"] == ["api-ada.own"]
    assert groups(listed)["account_210987654321"] == ["api-ada.210987654321"]
    assert cloud.calls == {"AssumeRole": 1, "DescribeInstances": 2}
    # one that cannot be entered leaves the other
    cloud.fault("AssumeRole", code="AccessDenied", times=9)
    done = ansible.inventory_run(source(accounts=[{"name": "own"}, {"role_arn": role}]), "--graph", "workspaces")
    assert done.stdout.split() == ["@workspaces:", "|--api-ada"], done.stderr
    assert f"account 210987654321, every region: assume the role {role}" in " ".join(done.stderr.split())


def test_a_bastion(cloud, ansible):
    add(cloud, "api-ada")
    options = source(connection="bastion", bastion="{{ jump }}@bastion.example:2222")
    variables = hostvars(ansible.inventory(options, "--list", "-e", "jump=ada"))["api-ada"]
    assert variables["ansible_ssh_common_args"].startswith("-o ProxyJump=ada@bastion.example:2222 -o HostKeyAlias=i-")
    assert variables["ansible_host"] == variables["workspace"]["private_address"]


def test_expressions(cloud, ansible):
    add(cloud, "api-ada", team="core")
    add(cloud, "web-bob")
    options = source(
        compose={"half": "workspace.team | default('nobody', true)"},
        groups={"cored": "half == 'core'"},
        keyed_groups=[{"key": "half", "prefix": "half", "parent_group": "halves"}],
    )
    listed = ansible.inventory(options)
    assert groups(listed)["cored"] == ["api-ada"]
    assert groups(listed)["half_nobody"] == ["web-bob"]
    assert sorted(listed["halves"]["children"]) == ["half_core", "half_nobody"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"compose": {"made": "workspace.nothing.deeper"}}, "Could not set made for host api-ada"),
        ({"groups": {"odd": "workspace.nothing"}}, "Could not add host api-ada to group odd"),
        ({"keyed_groups": [{"key": "no_such"}]}, "Could not generate group for host api-ada from no_such entry"),
    ],
)
def test_a_failing_expression_is_named_where_strict(cloud, ansible, options, words):
    add(cloud, "api-ada")
    assert words in failure(ansible, source(strict=True, **options), "--graph")
    assert "api-ada" in ansible.inventory(source(**options), "--graph")


@pytest.mark.parametrize(
    ("options", "env", "words"),
    [
        (
            {},
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            "there are no AWS credentials; set access_key and secret_key, profile, AWS_PROFILE or",
        ),
        ({"regions": ["eu-central"]}, {}, "regions: 'eu-central' is no region; write for example eu-central-1"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_any_call(cloud, ansible, options, env, words):
    """The other sentences are in tests/unit/inventory."""
    assert words in failure(ansible, source(**options), "--graph", env=env)
    assert cloud.calls == {}


def test_a_typing_error_in_an_options_name_is_seen(cloud, ansible):
    done = ansible.inventory_run(source(region_s=["eu-central-1"]), "--graph")
    assert "region_s: there is no such option; correct it, or leave it out" in " ".join(done.stderr.split())


@pytest.mark.parametrize("name", ["workspaces.yml", "a.yaml", "aws_ec2.yml"])
def test_any_yaml_file_that_names_the_plugin(cloud, ansible, name):
    add(cloud, "api-ada")
    text = '# of ours\n"plugin" : "devcontainer.cloud.ec2"  # this one\n'
    env = {"ANSIBLE_INVENTORY_ENABLED": "devcontainer.cloud.ec2"}
    assert "api-ada" in ansible.inventory(text, "--graph", name=name)
    assert "api-ada" in ansible.inventory(text, "--graph", name=name, env=env)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.yml", "plugin: devcontainer.cloud.ec2_other\n"), ("a.ini", "plugin: devcontainer.cloud.ec2\n")],
)
def test_other_files_are_declined(cloud, ansible, name, text):
    env = {"ANSIBLE_INVENTORY_ENABLED": "devcontainer.cloud.ec2"}
    assert "Completely failed to parse" in failure(ansible, text, "--graph", name=name, env=env)
    assert cloud.calls == {}


@pytest.mark.parametrize("given", ["options", "variables"])
def test_credentials_as_amazon_aws_takes_them(cloud, ansible, given):
    add(cloud, "api-ada")
    taken_away = dict.fromkeys(cloud.env, "") | {"AWS_EC2_METADATA_DISABLED": "true"}
    if given == "options":
        assert "api-ada" in ansible.inventory(source(**cloud.options), "--graph", env=taken_away)
    else:
        old_names = {
            "AWS_ACCESS_KEY": cloud.options["access_key"],
            "AWS_SECRET_KEY": cloud.options["secret_key"],
            "AWS_URL": cloud.endpoint,
            "AWS_DEFAULT_REGION": cloud.region,
        }
        assert "api-ada" in ansible.inventory(source(), "--graph", env=taken_away | old_names)


def test_the_examples(cloud, ansible, tmp_path):
    add(cloud, "demo", owner="ada")
    aws = ansible.inventory(ROOT / "inventories" / "aws")
    assert groups(aws)["type_t3_medium"] == ["demo"]
    assert plain(aws["_meta"]["hostvars"])["demo"]["workspaces"][0]["name"] == "my-workspace"
    port = cloud.endpoint.rpartition(":")[2]
    folder = tmp_path / "state"
    env = {"DEVCONTAINER_SANDBOX_PORT": port, "DEVCONTAINER_SANDBOX_STATE": str(folder), "AWS_PROFILE": "somebodys"}
    sandbox = plain(ansible.inventory(ROOT / "inventories" / "sandbox" / "ec2.yml", env=env))["_meta"]["hostvars"]
    assert f'"UserKnownHostsFile={folder}/ssh/demo.known_hosts"' in sandbox["demo"]["ansible_ssh_common_args"]

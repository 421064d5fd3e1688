"""Options that cannot be meant: one sentence each, before anybody is called."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from ansible_collections.devcontainer.cloud.plugins.plugin_utils import ec2_sources

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": "no-secret",
    "AWS_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


@pytest.fixture
def parse(monkeypatch, tmp_path):
    """Parse a file of these options in this process; the environment is a test's own, and nobody can be called."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE", "AWS_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    called = []
    monkeypatch.setattr(ec2_sources, "_describe", lambda client, source, question: called.append(source) or [])

    def run(options, env=None):
        for name, value in {**ENVIRONMENT, **(env or {})}.items():
            if value:
                monkeypatch.setenv(name, value)
            else:
                monkeypatch.delenv(name, raising=False)
        path = tmp_path / "ec2.yml"
        path.write_text(yaml.safe_dump({"plugin": "devcontainer.cloud.ec2", **options}))
        plugin = inventory_loader.get("devcontainer.cloud.ec2")
        assert plugin.verify_file(str(path))
        plugin.parse(InventoryData(), DataLoader(), str(path))
        return called

    run.called = called
    return run


@pytest.mark.parametrize(
    ("options", "env", "words"),
    [
        ({}, NO_KEYS, "there are no AWS credentials; set access_key and secret_key, profile, AWS_PROFILE or"),
        ({"regions": ["eu-central-1", "us-east-1"]}, NO_KEYS, "there are no AWS credentials; set access_key"),
        ({}, {"AWS_REGION": ""}, "regions: it is empty, and no region is set elsewhere; give regions (or [all])"),
        ({}, {"AWS_SECRET_ACCESS_KEY": ""}, "secret_key: it is empty and access_key is set; give both or neither"),
        ({"profile": "me"}, {}, "profile: 'me' cannot go with access_key, secret_key or session_token"),
        ({"profile": "me"}, NO_KEYS, "profile: 'me' is not in the AWS configuration files; correct it"),
        ({"regions": ["eu-central"]}, {}, "regions: 'eu-central' is no region; write for example eu-central-1"),
        ({"region": "Frankfurt"}, {}, "region: 'Frankfurt' is no region"),
        ({"regions": ["all", "eu-central-1"]}, {}, "regions: 'all' stands alone"),
        ({"accounts": [{"role": "x"}]}, {}, "accounts: 'role' is not known; use role_arn, profile, name, external_id"),
        ({"accounts": [{"role_arn": "inventory"}]}, {}, "accounts: 'inventory' is no role; write for example arn:aws"),
        ({"accounts": [{}]}, {}, "accounts: '' is no name for an account; give each entry a name"),
        ({"accounts": [{"name": "a"}, {"name": "a"}]}, {}, "accounts: two entries are called 'a'"),
        ({"accounts": [{"name": "a", "external_id": "x"}]}, {}, "accounts: external_id goes with role_arn only"),
        ({"assume_role_arn": "x"}, {}, "assume_role_arn: 'x' is no role"),
        ({"states": []}, {}, "states: it is empty; name at least one"),
        ({"filters": {"instance-state-name": "running"}}, {}, "filters: 'instance-state-name' is the option states"),
        ({"filters": {"vpc-id": []}}, {}, "filters: 'vpc-id' is []; give a value or a list of values"),
        ({"bastion": "b.example"}, {}, "bastion: 'b.example' is not used by connection: direct"),
        ({"connection": "bastion"}, {}, "bastion: it is empty; connection: bastion needs one"),
        ({"connection": "bastion", "bastion": "-oProxyCommand=x"}, {}, "bastion: '-oProxyCommand=x' is no SSH dest"),
        ({"ssh_directory": 'a"b'}, {}, "holds a quote, backslash, % or line break; choose another folder"),
    ],
)
def test_one_sentence_before_any_call(parse, options, env, words):
    with pytest.raises(AnsibleParserError) as caught:
        parse(options, env)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not parse.called


def test_what_can_be_meant(parse):
    called = parse(
        {
            "regions": ["eu-central-1", "us-gov-west-1", "eu-central-1"],
            "filters": {"vpc-id": "vpc-1", "tag:n": [1, True]},
            "connection": "bastion",
            "bastion": "jump@10.0.0.1:22",
        }
    )
    assert [region for _account, region in called] == ["eu-central-1", "us-gov-west-1"]


def test_without_regions_the_environments_region_is_meant(parse):
    assert [region for _account, region in parse({})] == ["eu-central-1"]


def test_an_empty_profile_puts_the_environments_out_of_play(parse):
    keys = {"access_key": "AKIA", "secret_key": "s", "profile": ""}
    assert [region for _account, region in parse(keys, {**NO_KEYS, "AWS_PROFILE": "not-there"})] == ["eu-central-1"]

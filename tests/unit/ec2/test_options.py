"""Options of ec2_workspace that cannot be used: one sentence that names option, value and the way out."""

from __future__ import annotations

import datetime as dt

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.devcontainer.cloud.plugins.module_utils import options
from ansible_collections.devcontainer.cloud.plugins.module_utils.ec2_module import EC2_SPEC, spec_of
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3kqmFZ0Zl0jVv8m7s1o9Yp2m1n5b6c7d8e9f0a1b2c ada@laptop"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
CREATABLE = {"subnets": ["subnet-12345678"], "security_groups": ["sg-12345678"], "ssh_keys": [KEY]}


def specs(**given):
    """What the module makes of its parameters."""
    result = ArgumentSpecValidator(options.argument_spec(EC2_SPEC)).validate({**CREATABLE, **given})
    assert not result.error_messages, result.error_messages
    return options.specs_of(result.validated_parameters, EC2_SPEC, lambda one: spec_of(one, NOW))


def test_good_ones():
    assert [spec.name for spec in specs(workspaces=[{"name": "a"}, {"name": "b", "lease": "none"}])] == ["a", "b"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "a", "tags": {"devcontainer:owner": "x"}}, ["tags", "'devcontainer:owner'"]),
        ({"name": "a", "tags": {"a/b": "x"}}, ["tags", "'a/b'"]),
        ({"workspaces": [{"name": "a", "instance_typ": "x"}]}, ["workspaces[0]", "instance_typ"]),
        ({"workspaces": [{"name": "a"}, {"name": "a"}]}, ["workspaces", "a", "more than once"]),
        ({"name": "a", "workspaces": [{"name": "b"}]}, ["name", "'a'", "workspaces"]),
        ({"workspaces": [{"lease": "8h"}]}, ["workspaces[0]", "name"]),
        ({}, ["name", "workspaces"]),
        ({"name": "a", "ssh_keys": []}, ["ssh_keys", "empty"]),
        ({"name": "a", "subnets": ["my-subnet"]}, ["subnets", "'my-subnet'", "subnet-"]),
        ({"name": "a", "security_groups": ["default"]}, ["security_groups", "'default'", "sg-"]),
        ({"name": "a", "volume_size": 1}, ["volume_size", "1", "8"]),
        ({"name": "a", "hop_limit": 65}, ["hop_limit", "65", "64"]),
        ({"name": "a", "spot": True, "hibernation": True}, ["hibernation", "spot"]),
    ],
)
def test_bad_ones(given, words):
    with pytest.raises(InvalidInput) as caught:
        specs(**given)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_of_a_list_the_one_that_is_wrong_is_named():
    with pytest.raises(InvalidInput, match=r"^workspaces\[1\] \(b\): lease: '8 hours' is no duration"):
        specs(workspaces=[{"name": "a"}, {"name": "b", "lease": "8 hours"}])
    with pytest.raises(InvalidInput, match=r"^lease: "):
        specs(name="a", lease="8 hours")

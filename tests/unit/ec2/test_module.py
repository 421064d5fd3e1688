"""What the modules repeat of their options."""

from __future__ import annotations

from ansible_collections.devcontainer.cloud.plugins.module_utils.ec2_module import EC2_SPEC
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace_module import hide_cloud_config


def test_cloud_config_is_not_repeated_and_not_blotted_out_elsewhere():
    secret = {"runcmd": ["s3cr3t"]}
    params = {
        "name": "a",
        "cloud_config": secret,
        "workspaces": [{"name": "b", "cloud_config": {"runcmd": ["s3cr3t"]}}, {"name": "c"}, "no dict"],
    }
    hide_cloud_config(params)
    assert "s3cr3t" not in str(params) and params["workspaces"][1:] == [{"name": "c"}, "no dict"]
    # What the spec was made from is another reference to the same dict.
    assert secret == {"runcmd": ["s3cr3t"]}
    # no_log would mask each scalar of it in every result: {"swap": {"size": 1}} the ones of an address.
    assert EC2_SPEC["cloud_config"]["no_log"] is False


def test_a_list_that_is_none_yet():
    params = {"cloud_config": None, "workspaces": None}
    hide_cloud_config(params)
    assert params == {"cloud_config": None, "workspaces": None}

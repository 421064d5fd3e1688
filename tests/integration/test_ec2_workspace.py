"""ec2_workspace through ansible-playbook: what happens when all goes well."""

from __future__ import annotations

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3kqmFZ0Zl0jVv8m7s1o9Yp2m1n5b6c7d8e9f0a1b2c ada@laptop"


def task(cloud, name, /, **options):
    common = {"subnets": cloud.subnet_ids, "security_groups": [cloud.security_group_id], "ssh_keys": [KEY]}
    return {"name": name, "devcontainer.cloud.ec2_workspace": {**common, **options}}


def test_create(cloud, ansible):
    result = ansible.playbook([task(cloud, "create", name="demo")]).ok()
    assert result["create"]["workspaces"][0]["state"] == "running"
    (instance,) = cloud.instances()
    assert instance["InstanceId"] == result["create"]["workspaces"][0]["id"]

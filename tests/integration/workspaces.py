"""Tasks of ec2_workspace as data."""

from __future__ import annotations

import typing as t

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3kqmFZ0Zl0jVv8m7s1o9Yp2m1n5b6c7d8e9f0a1b2c ada@laptop"


def task(cloud: t.Any, title: str, _task: t.Mapping[str, t.Any] | None = None, **options: t.Any) -> dict[str, t.Any]:
    """A task of this title with what a creation needs; ``_task`` holds keywords of the task itself."""
    common = {"subnets": cloud.subnet_ids, "security_groups": [cloud.security_group_id], "ssh_keys": [KEY]}
    return {"name": title, "devcontainer.cloud.ec2_workspace": {**common, **options}, **(_task or {})}


def named(*names: str, **more: t.Any) -> list[dict[str, t.Any]]:
    """The option ``workspaces``."""
    return [{"name": name, **more} for name in names]


def steps(result: t.Mapping[str, t.Any], index: int = 0) -> list[str]:
    """The verbs of one workspace's steps."""
    return [step["step"] for step in result["workspaces"][index]["steps"]]


def tags(resource: t.Mapping[str, t.Any]) -> dict[str, str]:
    """A resource's tags as a dict, whatever the API calls them."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", resource.get("TagSet", ()))}

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the ec2 modules share: their options, their clients, one run.

A subclass of AnsibleAWSModule owns credentials and regions, so that amazon.aws's options, variables and AWX credentials
work unchanged.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import typing as t

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.devcontainer.cloud.plugins.module_utils import options, user_data, workspace_module
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.fleet import SystemClock
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2 import Ec2Provider
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.ec2_catalog import check_image, check_type
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Spec

with contextlib.suppress(ImportError):  # AnsibleAWSModule says so in a sentence
    from botocore.config import Config

EC2_SPEC: options.Options = {
    "image": {"type": "str", "default": "debian-12"},
    "instance_type": {"type": "str", "default": "t3.medium"},
    "subnets": {"type": "list", "elements": "str", "default": []},
    "security_groups": {"type": "list", "elements": "str"},
    "instance_profile": {"type": "str"},
    "public_ip": {"type": "bool", "default": False},
    "hop_limit": {"type": "int", "default": 1},
    "volume_size": {"type": "int", "default": 30},
    "volume_type": {"type": "str", "default": "gp3", "choices": ["gp3", "gp2", "io1", "io2"]},
    "kms_key": {"type": "str", "no_log": False},
    "hibernation": {"type": "bool", "default": False},
    "spot": {"type": "bool", "default": False},
    "spot_max_price": {"type": "str"},
    # Not no_log: Ansible would then blot out its every word and number wherever it stands, in addresses too.
    "cloud_config": {"type": "dict", "default": {}, "no_log": False},
}
_SUBNET = re.compile(r"^subnet-[0-9a-f]{8,17}$")
_GROUP = re.compile(r"^sg-[0-9a-f]{8,17}$")
#: Metadata tags are on, and the service then takes no other key.
_TAG_KEY = re.compile(r"^[A-Za-z0-9+\-=.,_:@]{1,128}$")


def spec_of(given: options.Options, now: dt.datetime) -> Spec:
    """One workspace's options as a spec. Raises InvalidInput; makes no call."""
    check_image(given["image"])
    check_type(given["instance_type"])
    for option, pattern, example in (("subnets", _SUBNET, "subnet-0abc..."), ("security_groups", _GROUP, "sg-0abc...")):
        for value in given[option] or ():
            if not pattern.fullmatch(value):
                raise InvalidInput(f"{option}: {value!r} is no id; write for example {example}")
    for key, value in (given["tags"] or {}).items():
        if not _TAG_KEY.fullmatch(str(key)):
            raise InvalidInput(
                f"tags: the key {key!r} cannot be shown in instance metadata; use letters, digits and +-=.,_:@"
            )
        if len(str(value)) > 256:
            raise InvalidInput(f"tags: the value of {key!r} has {len(str(value))} characters; 256 at most")
    if not 1 <= given["hop_limit"] <= 64:
        raise InvalidInput(f"hop_limit: {given['hop_limit']} is out of range; 1 to 64")
    if given["volume_size"] < 8:
        raise InvalidInput(f"volume_size: {given['volume_size']} GiB is too small for an image and Docker; 8 at least")
    groups = given["security_groups"]
    spec = options.to_spec(
        given,
        now,
        settings={
            "instance_type": given["instance_type"],
            "security_groups": None if groups is None else sorted(groups),
            "instance_profile": given["instance_profile"],
            "http_tokens": "required",
            "hop_limit": given["hop_limit"],
            "metadata_tags": "enabled",
            "volume_size": given["volume_size"],
            "volume_type": given["volume_type"],
            "encrypted": True,
            "kms_key": given["kms_key"],
            "hibernation": given["hibernation"],
            "spot": given["spot"],
        },
        create={
            key: given[key]
            for key in ("image", "subnets", "public_ip", "spot_max_price", "user", "ssh_keys", "cloud_config")
        },
    )
    if given["state"] == "running":
        _check_creatable(given)
    return spec


def _check_creatable(given: options.Options) -> None:
    """What only a creation needs is asked for whenever one might follow: a run must not depend on what is there."""
    for option, why in (
        ("subnets", "the subnets to launch in, in order of preference"),
        ("security_groups", "the security groups; none is made up, and the VPC's default is never taken silently"),
        ("ssh_keys", "at least one public key, or nobody could log in"),
    ):
        if not given[option]:
            raise InvalidInput(f"{option}: it is empty; give {why}")
    if given["spot"] and given["hibernation"]:
        raise InvalidInput("hibernation: true cannot go with spot: true here; choose one of the two")
    user_data.check_size(given["user"], given["ssh_keys"], given["cloud_config"])


class Ec2Module(AnsibleAWSModule):  # type: ignore[misc]
    """amazon.aws's module with our clients: standard retries, and room for the steps that run side by side."""

    def __init__(self, **kwargs: t.Any) -> None:
        # amazon.aws's own seam for another class of module; there is no argument for it.
        AnsibleAWSModule.default_settings["module_class"] = workspace_module.Module
        # no_log here means no line with all options in the system's log.
        super().__init__(**kwargs, no_log=True)

    def provider(self) -> Ec2Provider:
        """The provider over this task's credentials and region. Fails the task where there is no region."""
        if not self.region:
            self.fail_json(msg="region: it is not set; give region, or set AWS_REGION")
        config = Config(
            retries={"mode": "standard", "max_attempts": 5},
            connect_timeout=10,
            max_pool_connections=Ec2Provider.concurrency,
        )
        return Ec2Provider(self.client("ec2", config=config), self.client("ssm", config=config))


def run(module: Ec2Module) -> None:
    """Bring the task's workspaces to their states and leave the module."""
    clock = SystemClock()
    specs = workspace_module.specs_or_fail(
        module, lambda: options.specs_of(module.params, EC2_SPEC, lambda given: spec_of(given, clock.now()))
    )
    workspace_module.bring(module, module.provider(), "ec2", module.region, specs, clock)


def look_up(module: Ec2Module) -> None:
    """Return what there is of the named workspaces, or of all, and leave the module."""
    workspace_module.names_or_leave(module)
    workspace_module.show(module, module.provider().find, "ec2", module.region)

"""What an account has before anybody comes: a network, a group, an instance profile, images and their names in SSM."""

from __future__ import annotations

import datetime as dt
import hashlib
import typing as t

from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami
from moto.iam.models import iam_backends
from moto.ssm.models import Parameter, ssm_backends

from tests.sandbox import settings

PROFILE = "devcontainer-workspace"
ARCHITECTURES = ("x86_64", "arm64")
#: Family -> the parameter's name as its publisher documents it, and the publisher's words for the two architectures.
#: Written out and not taken from the collection, which is to be tested by it.
FAMILIES = {
    "al2023": ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}", "x86_64", "arm64"),
    "debian-12": ("/aws/service/debian/release/12/latest/{}", "amd64", "arm64"),
    "debian-13": ("/aws/service/debian/release/13/latest/{}", "amd64", "arm64"),
    "ubuntu-24.04": (
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id",
        "amd64",
        "arm64",
    ),
}
_ROOT_DEVICE = {"ubuntu-24.04": "/dev/sda1"}


def image_id(family: str, architecture: str, region: str) -> str:
    """The same at every start."""
    return "ami-" + hashlib.sha256(f"{family}/{architecture}/{region}".encode()).hexdigest()[:17]


def families(region: str) -> dict[str, str]:
    """Image id -> family."""
    return {image_id(family, arch, region): family for family in FAMILIES for arch in ARCHITECTURES}


def seed(region: str) -> dict[str, t.Any]:
    """Make what is missing in a region; return its facts. The network is only made in an account without instances."""
    ec2 = ec2_backends[settings.ACCOUNT][region]
    _images(ec2, region)
    _names(region)
    _profile()
    found = [v for v in ec2.describe_vpcs() if any(tag["key"] == "sandbox" for tag in v.get_tags())]
    vpc = found[0] if found else _network(ec2, region)
    subnets = {s.availability_zone: s.id for s in ec2.describe_subnets() if s.vpc_id == vpc.id}
    group = next(g for g in ec2.describe_security_groups() if g.vpc_id == vpc.id and g.name == "workspaces")
    return {
        "vpc_id": vpc.id,
        "subnet_ids": [subnets[zone] for zone in _zones(region)],
        "security_group_id": group.id,
        "instance_profile": PROFILE,
        "image_ids": {family: image_id(family, "x86_64", region) for family in FAMILIES},
    }


def _zones(region: str) -> dict[str, str]:
    """Zone -> range; another region than the sandbox's own has the same ranges under its own zones' names."""
    return {zone.replace(settings.REGION, region): cidr for zone, cidr in settings.SUBNETS.items()}


def _network(ec2: t.Any, region: str) -> t.Any:
    vpc = ec2.create_vpc(settings.CIDR)
    vpc.add_tags({"sandbox": "network"})
    for zone, cidr in _zones(region).items():
        ec2.create_subnet(vpc.id, cidr, availability_zone=zone)
    ec2.create_security_group("workspaces", "workspaces of the sandbox", vpc.id)
    return vpc


def _images(ec2: t.Any, region: str) -> None:
    for family in FAMILIES:
        for architecture in ARCHITECTURES:
            key = image_id(family, architecture, region)
            if key not in ec2.amis:
                ec2.amis[key] = Ami(
                    ec2,
                    key,
                    name=f"{family}-{architecture}",
                    architecture=architecture,
                    public=True,
                    virtualization_type="hvm",
                    hypervisor="xen",
                    root_device_type="ebs",
                    root_device_name=_ROOT_DEVICE.get(family, "/dev/xvda"),
                    region_name=f"{region}a",
                )


def _names(region: str) -> None:
    """The public parameters; put_parameter refuses their names, since the publishers own them."""
    parameters = ssm_backends[settings.ACCOUNT][region]._parameters
    for family, (template, x86, arm) in FAMILIES.items():
        for architecture, word in (("x86_64", x86), ("arm64", arm)):
            name = template.format(word)
            parameters[name] = [
                Parameter(
                    account_id=settings.ACCOUNT,
                    name=name,
                    value=image_id(family, architecture, region),
                    parameter_type="String",
                    description=None,
                    allowed_pattern=None,
                    keyid=None,
                    last_modified_date=dt.datetime(2026, 1, 1),
                    version=1,
                    data_type="aws:ec2:image",
                )
            ]


def _profile() -> None:
    iam = iam_backends[settings.ACCOUNT]["aws"]
    if PROFILE not in {profile.name for profile in iam.instance_profiles.values()}:
        iam.create_instance_profile(name=PROFILE, path="/", role_names=[], tags=[])

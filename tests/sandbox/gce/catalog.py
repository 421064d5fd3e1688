"""What is there before anybody makes anything: regions, zones, machine and disk types, images, networks."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t
import zlib

from .. import settings
from . import errors, words

#: Region -> its zones' letters.
REGIONS = {"europe-west3": "abc", "europe-west4": "abc"}
ZONES = {f"{region}-{letter}": region for region, letters in REGIONS.items() for letter in letters}
NETWORK = "workspaces"
#: The upper half of the range that the hosts' network has; the sandbox of EC2 uses the lower one.
_RANGES = list(ipaddress.IPv4Network(settings.CIDR).subnets(new_prefix=18))[2:]
SUBNET_RANGES = dict(zip(REGIONS, _RANGES, strict=False))
DISK_TYPES = ("pd-standard", "pd-balanced", "pd-ssd", "hyperdisk-balanced")
_CREATED = "2025-01-15T00:00:00.000-08:00"


@dataclasses.dataclass(frozen=True)
class Image:
    """``family`` is the image family; ``host`` the family as the hosts' driver names it."""

    project: str
    family: str
    name: str
    host: str
    disk_gb: int


IMAGES = (
    Image("debian-cloud", "debian-12", "debian-12-bookworm-v20251014", "debian-12", 10),
    Image("debian-cloud", "debian-13", "debian-13-trixie-v20251014", "debian-13", 10),
    Image("ubuntu-os-cloud", "ubuntu-2404-lts-amd64", "ubuntu-2404-noble-amd64-v20251014", "ubuntu-24.04", 10),
)
#: Projects that anybody may read images of.
PUBLIC_PROJECTS = frozenset(image.project for image in IMAGES)


@dataclasses.dataclass(frozen=True)
class MachineType:
    """CPUs and memory in MB; what a family can do."""

    name: str
    cpus: int
    memory_mb: int

    @property
    def family(self) -> str:
        """e2, n2d, ..."""
        return self.name.split("-")[0]

    @property
    def confidential(self) -> frozenset[str]:
        """The confidential types that the family takes."""
        return {"n2d": frozenset({"SEV", "SEV_SNP"}), "c3": frozenset({"TDX"})}.get(self.family, frozenset())

    @property
    def suspends(self) -> bool:
        """Not every family can, and none above 208 GB."""
        return self.family not in ("c3", "t2d", "m1", "a2", "h3") and self.memory_mb <= 208 * 1024


def _machine_types() -> t.Iterator[MachineType]:
    yield from (MachineType("e2-micro", 2, 1024), MachineType("e2-small", 2, 2048), MachineType("e2-medium", 2, 4096))
    for family, kinds in {
        "e2": {"standard": 4, "highmem": 8},
        "n2": {"standard": 4, "highmem": 8},
        "n2d": {"standard": 4, "highmem": 8},
        "c3": {"standard": 4},
        "t2d": {"standard": 4},
    }.items():
        for kind, gb in kinds.items():
            sizes = (4, 8, 22, 44) if family == "c3" else (2, 4, 8, 16, 32)
            yield from (MachineType(f"{family}-{kind}-{n}", n, n * gb * 1024) for n in sizes)


MACHINE_TYPES = {machine.name: machine for machine in _machine_types()}


def _number(text: str) -> str:
    """A number that stays the same over restarts."""
    return str(1_000_000_000_000_000_000 + zlib.crc32(text.encode()))


def check_zone(project: str, zone: str) -> str:
    """The zone. Raises ApiError."""
    if zone not in ZONES:
        raise errors.invalid("zone", zone, f"Unknown zone: projects/{project}/zones/{zone}.")
    return zone


def zone_resource(project: str, zone: str) -> dict[str, t.Any]:
    """A Zone."""
    if zone not in ZONES:
        raise errors.not_found(f"projects/{project}/zones/{zone}")
    return {
        "kind": "compute#zone",
        "id": _number(zone),
        "creationTimestamp": _CREATED,
        "name": zone,
        "description": zone,
        "status": "UP",
        "region": words.link(f"projects/{project}/regions/{ZONES[zone]}"),
        "selfLink": words.link(f"projects/{project}/zones/{zone}"),
        "availableCpuPlatforms": ["Intel Broadwell", "Intel Ice Lake", "AMD Milan"],
    }


def region_resource(project: str, region: str, quotas: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    """A Region."""
    if region not in REGIONS:
        raise errors.not_found(f"projects/{project}/regions/{region}")
    zones = [words.link(f"projects/{project}/zones/{zone}") for zone in ZONES if ZONES[zone] == region]
    return {
        "kind": "compute#region",
        "id": _number(region),
        "creationTimestamp": _CREATED,
        "name": region,
        "description": region,
        "status": "UP",
        "zones": zones,
        "quotas": quotas,
        "selfLink": words.link(f"projects/{project}/regions/{region}"),
    }


def machine_type_resource(project: str, zone: str, name: str) -> dict[str, t.Any]:
    """A MachineType."""
    check_zone(project, zone)
    machine = MACHINE_TYPES.get(name)
    if machine is None:
        raise errors.not_found(f"projects/{project}/zones/{zone}/machineTypes/{name}")
    return {
        "kind": "compute#machineType",
        "id": _number(name),
        "creationTimestamp": _CREATED,
        "name": name,
        "description": f"{machine.cpus} vCPUs, {machine.memory_mb / 1024:g} GB RAM",
        "guestCpus": machine.cpus,
        "memoryMb": machine.memory_mb,
        "imageSpaceGb": 0,
        "maximumPersistentDisks": 128,
        "maximumPersistentDisksSizeGb": "263168",
        "zone": zone,
        "selfLink": words.link(f"projects/{project}/zones/{zone}/machineTypes/{name}"),
        "isSharedCpu": name in ("e2-micro", "e2-small", "e2-medium"),
        "architecture": "X86_64",
    }


def find_image(field: str, url: str, project: str) -> Image:
    """The image that a sourceImage means: a family or a name. Raises ApiError."""
    found = words.parse_link(field, url, r"global/images/(?:family/(?P<family>[^/]+)|(?P<name>[^/]+))", project)
    return image_of(found["project"], found["family"], found["name"])


def image_of(project: str, family: str | None, name: str | None) -> Image:
    """An image by family or by name or number. Raises ApiError."""
    for image in IMAGES:
        names = (image.name, _number(image.name))
        if image.project == project and (image.family == family if family else name in names):
            return image
    wanted = f"family/{family}" if family else str(name)
    raise errors.not_found(f"projects/{project}/global/images/{wanted}")


def image_link(image: Image) -> str:
    """The selfLink of an image."""
    return words.link(f"projects/{image.project}/global/images/{image.name}")


def image_resource(image: Image) -> dict[str, t.Any]:
    """An Image."""
    features = ("UEFI_COMPATIBLE", "VIRTIO_SCSI_MULTIQUEUE", "GVNIC", "SEV_CAPABLE", "SEV_SNP_CAPABLE", "TDX_CAPABLE")
    return {
        "kind": "compute#image",
        "id": _number(image.name),
        "creationTimestamp": _CREATED,
        "name": image.name,
        "family": image.family,
        "description": f"{image.family}, built for the sandbox",
        "sourceType": "RAW",
        "status": "READY",
        "archiveSizeBytes": "1073741824",
        "diskSizeGb": str(image.disk_gb),
        "architecture": "X86_64",
        "guestOsFeatures": [{"type": feature} for feature in features],
        "licenses": [words.link(f"projects/{image.project}/global/licenses/{image.family}")],
        "labelFingerprint": words.fingerprint({}),
        "selfLink": image_link(image),
    }


def network_resource(project: str, name: str) -> dict[str, t.Any]:
    """A Network."""
    if name not in (NETWORK, _number(NETWORK)):
        raise errors.not_found(f"projects/{project}/global/networks/{name}")
    subnets = [words.link(f"projects/{project}/regions/{region}/subnetworks/{NETWORK}") for region in REGIONS]
    return {
        "kind": "compute#network",
        "id": _number(NETWORK),
        "creationTimestamp": _CREATED,
        "name": NETWORK,
        "autoCreateSubnetworks": False,
        "mtu": 1460,
        "routingConfig": {"routingMode": "REGIONAL"},
        "subnetworks": subnets,
        "selfLink": words.link(f"projects/{project}/global/networks/{NETWORK}"),
    }


def subnetwork_resource(project: str, region: str, name: str) -> dict[str, t.Any]:
    """A Subnetwork: one of the network's name in each region."""
    number = _number(f"{region}/{NETWORK}")
    if region not in REGIONS or name not in (NETWORK, number):
        raise errors.not_found(f"projects/{project}/regions/{region}/subnetworks/{name}")
    addresses = SUBNET_RANGES[region]
    return {
        "kind": "compute#subnetwork",
        "id": number,
        "creationTimestamp": _CREATED,
        "name": NETWORK,
        "network": words.link(f"projects/{project}/global/networks/{NETWORK}"),
        "ipCidrRange": str(addresses),
        "gatewayAddress": str(addresses[1]),
        "region": words.link(f"projects/{project}/regions/{region}"),
        "privateIpGoogleAccess": True,
        "purpose": "PRIVATE",
        "stackType": "IPV4_ONLY",
        "fingerprint": words.fingerprint(region),
        "selfLink": words.link(f"projects/{project}/regions/{region}/subnetworks/{NETWORK}"),
    }

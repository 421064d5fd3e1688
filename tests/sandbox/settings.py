"""Where the sandbox lives: its state folder, addresses and ports. One sandbox per checkout and per address range."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = Path(os.environ.get("DEVCONTAINER_SANDBOX_STATE") or ROOT / ".sandbox").absolute()
#: What a started sandbox says of itself, as JSON: endpoint, region, vpc_id, subnet_ids, security_group_id,
#: instance_profile, image_ids (family -> AMI), registry, git, files, cli_url, cli_sha256, ssh_private_key, pid; and
#: gce: endpoint, project, zones, network, subnetworks (region -> path), image_families, service_account_file, ...
FACTS = STATE / "sandbox.json"
#: What takes long to make or to fetch, for every sandbox of this user: `down` keeps it, `down --all` does not.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "devcontainer-cloud-sandbox"

API_PORT = int(os.environ.get("DEVCONTAINER_SANDBOX_PORT") or "5566")
#: Compute Engine's, beside the other one unless it is said.
GCE_PORT = int(os.environ.get("DEVCONTAINER_SANDBOX_GCE_PORT") or API_PORT + 1)
REGION = "eu-central-1"
ACCOUNT = "123456789012"

#: The first two numbers of the VPC's range; another checkout on the same machine chooses another.
_PREFIX = os.environ.get("DEVCONTAINER_SANDBOX_PREFIX", "10.213")
CIDR = f"{_PREFIX}.0.0/16"
GATEWAY = f"{_PREFIX}.0.1"
#: Registry, git server and instance metadata, on the bridge of the hosts.
SERVICES_ADDRESS = f"{_PREFIX}.0.10"
#: Hosts know them by these names too; the machine itself and containers in a host only by the address.
NAMES = ("registry.sandbox", "git.sandbox", "files.sandbox")
REGISTRY = "registry.sandbox:5000"
GIT = f"git://{SERVICES_ADDRESS}"
FILES = f"http://{SERVICES_ADDRESS}:8000"
#: Zone -> subnet, in the order that the examples use.
SUBNETS = {f"{REGION}a": f"{_PREFIX}.16.0/20", f"{REGION}b": f"{_PREFIX}.32.0/20"}

#: Every Docker object that we make carries this label with the state folder as its value: `down` removes just these.
LABEL = "devcontainer-cloud-sandbox"
NETWORK = f"devcontainer-cloud-{_PREFIX.replace('.', '-')}"
#: The images carry this one instead, since sandboxes share them.
IMAGE_LABEL = "devcontainer-cloud-sandbox-image"

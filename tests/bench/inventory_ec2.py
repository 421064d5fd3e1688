"""How long an inventory takes from the cloud's answer to hosts, beside ansible-core's way of compiling for each host.

    tests/tools/in-venv python tests/bench/inventory_ec2.py [HOSTS]

Both ways run in this process, one after the other, over the same machines: the ratio is what counts, not the seconds.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from pathlib import Path

import yaml
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

ROOT = Path(__file__).resolve().parents[2]
EXPRESSIONS = {
    "compose": {"place": "workspace.region ~ '/' ~ workspace.zone"},
    "groups": {"large": "workspace.instance_type is search('xlarge')"},
    "keyed_groups": [
        {"key": "workspace.instance_type", "prefix": "type"},
        {"key": "workspace.tags", "prefix": "tag"},
        {"key": "workspace.owner | default('nobody', true)", "prefix": "of"},
    ],
}


def instance(number: int) -> dict:
    """One machine as EC2 describes it, as far as an inventory looks."""
    name = f"w-{number}"
    tags = {
        "Name": name,
        "devcontainer:version": "1",
        "devcontainer:managed-by": "devcontainer.cloud",
        "devcontainer:workspace": name,
        "devcontainer:user": "dev",
        "devcontainer:owner": f"o{number % 50}",
        "devcontainer:team": f"t{number % 5}",
        "cost": str(number % 20),
    }
    return {
        "InstanceId": f"i-{number:017x}",
        "State": {"Name": "running"},
        "Placement": {"AvailabilityZone": "eu-central-1a"},
        "InstanceType": ["t3.medium", "m7i.xlarge"][number % 2],
        "PrivateIpAddress": f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}",
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def main() -> None:
    """Print a line for each way and the ratio."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    _AnsibleCollectionFinder(paths=[str(ROOT / ".collections")])._install()
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.release import __version__

    ours = "ansible_collections.devcontainer.cloud.plugins"
    accounts = importlib.import_module(f"{ours}.plugin_utils.ec2_accounts")
    ec2_sources = importlib.import_module(f"{ours}.plugin_utils.ec2_sources")
    shared = importlib.import_module(f"{ours}.plugin_utils.inventory")
    answers = importlib.import_module(f"{ours}.plugin_utils.sources")
    plugin = importlib.import_module(f"{ours}.inventory.ec2").InventoryModule

    account = accounts.Account()
    machines = [ec2_sources._found(account, "eu-central-1", instance(number)) for number in range(count)]
    plugin.ask = lambda self: answers.Answer(machines, [], 1)
    compile_once = shared.compile_once

    def run(folder: str, expressions: dict, once: bool) -> tuple[float, object]:
        shared.compile_once = compile_once if once else lambda templar: False
        path = Path(folder) / "ec2.yml"
        path.write_text(
            yaml.safe_dump({"plugin": plugin.NAME, "regions": ["eu-central-1"], "strict": True, **expressions})
        )
        start = time.perf_counter()
        manager = InventoryManager(loader=DataLoader(), sources=[str(path)])
        return time.perf_counter() - start, manager._inventory

    with tempfile.TemporaryDirectory() as folder:
        run(folder, {}, True)  # warm: imports, and the plugins of filters and tests
        plain, _inventory = run(folder, {}, True)
        stock, theirs = run(folder, EXPRESSIONS, False)
        once, mine = run(folder, EXPRESSIONS, True)
    same = {n: [h.name for h in g.hosts] for n, g in theirs.groups.items()} == {
        n: [h.name for h in g.hosts] for n, g in mine.groups.items()
    } and {n: h.vars for n, h in theirs.hosts.items()} == {n: h.vars for n, h in mine.hosts.items()}
    print(f"ansible-core {__version__}, {count} hosts, 5 expressions, seconds from the answer to hosts")
    print(f"  no expressions        {plain:7.2f}")
    print(f"  compiled per host     {stock:7.2f}   expressions alone {stock - plain:7.2f}")
    print(f"  compiled once         {once:7.2f}   expressions alone {once - plain:7.2f}")
    print(f"  ratio                 {stock / once:7.2f}   expressions alone {(stock - plain) / (once - plain):7.2f}")
    if not same or len(mine.hosts) != count:
        sys.exit("the two inventories differ")


if __name__ == "__main__":
    main()

"""What the mask (fields=) saves an inventory of Compute Engine, and what a whole ansible-inventory costs.

    tests/tools/in-venv python tests/bench/inventory_gce.py [HOSTS]

The sandbox answers from a process of its own. Each way of asking runs in a new process, one after the other, over the
same machines: the ratio is what counts, not the seconds. The seconds of CPU are those of the asking process alone.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import multiprocessing as mp
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
PLUGINS = "ansible_collections.devcontainer.cloud.plugins"
KEYED = {
    "strict": True,
    "compose": {"place": "workspace.region ~ '/' ~ workspace.zone"},
    "keyed_groups": [
        {"key": "workspace.instance_type", "prefix": "type"},
        {"key": "workspace.tags", "prefix": "label"},
        {"key": "workspace.owner | default('nobody', true)", "prefix": "of"},
    ],
}


@dataclasses.dataclass
class Cost:
    """Seconds of wall clock and of CPU, peak memory in MB, bytes that came, and a digest of what was found."""

    wall: float
    cpu: float
    memory: float
    size: int = 0
    hosts: int = 0
    records: object = None


def _import_collection() -> None:
    from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

    _AnsibleCollectionFinder(paths=[str(ROOT / ".collections")])._install()


def serve(count: int, pipe: object) -> None:
    """A project of ``count`` workspaces; ends when the other side says so."""
    _import_collection()
    from tests.integration.gce_cloud import Cloud
    from tests.sandbox.gce import Api

    codec = importlib.import_module(f"{PLUGINS}.module_utils.codec")
    workspace = importlib.import_module(f"{PLUGINS}.module_utils.workspace")
    api = Api()
    api.start()
    cloud = Cloud(api)
    contract = {**workspace.identity("w"), "user": "dev", "owner": "Ada L.", "team": "core", "repo": "https://g/r.git"}
    labels, metadata = codec.to_gce(contract)
    items = [{"key": key, "value": value} for key, value in metadata.items()]
    cloud.made("w", labels={**labels, "cost": "42"}, metadata={"items": items})
    cloud.control("copies", zone=cloud.zone, instance="w", count=count - 1)
    pipe.send({"endpoint": api.endpoint, "key": cloud.seed["service_account_key"], "project": cloud.project})
    pipe.recv()
    api.stop()


def ask(place: dict, masked: bool, pipe: object) -> None:
    """Gather all machines once and send what it cost."""
    _import_collection()
    gce_sources = importlib.import_module(f"{PLUGINS}.plugin_utils.gce_sources")
    cache = importlib.import_module(f"{PLUGINS}.plugin_utils.cache")
    plain = gce_sources.connect
    sizes = []

    def connect(credentials: object, connections: int) -> object:
        session = plain(credentials, connections)
        session.hooks["response"].append(lambda answer, **_more: sizes.append(len(answer.content)))
        return session

    gce_sources.connect = connect
    gce_sources.FIELDS = gce_sources.FIELDS if masked else ""
    names = ("auth_kind", "service_account_file", "access_token", "scopes", "impersonate_service_account")
    key = json.dumps(place["key"])
    who = {**dict.fromkeys(names), "service_account_contents": key, "api_endpoint": place["endpoint"]}
    question = gce_sources.question_of(["RUNNING"], [], include_unmanaged=False)
    began, used = time.perf_counter(), time.process_time()
    answer = gce_sources.gather(who, [place["project"]], question)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    records = cache.to_cache(sorted(answer.machines, key=lambda found: found.machine.id))
    assert not answer.failures
    pipe.send(Cost(wall, cpu, memory, sum(sizes), len(answer.machines), records))


def measured(place: dict, masked: bool) -> Cost:
    """``ask`` in a process of its own."""
    context = mp.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=ask, args=(place, masked, theirs))
    process.start()
    theirs.close()
    cost = mine.recv()
    process.join()
    return cost


def whole(place: dict, options: dict) -> Cost:
    """A real ansible-inventory --list."""
    with tempfile.TemporaryDirectory() as folder:
        source = {"plugin": "devcontainer.cloud.gce", "service_account_contents": place["key"], **options}
        (Path(folder) / "gce.yml").write_text(yaml.safe_dump({**source, "api_endpoint": place["endpoint"]}))
        (Path(folder) / "ansible.cfg").touch()
        env = {key: value for key, value in os.environ.items() if not key.startswith(("GCP_", "ANSIBLE_"))}
        env.update(ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".collections"), ANSIBLE_HOME=folder)
        command = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", "gce.yml", "--list"]
        out = Path(folder) / "out.json"
        began = time.perf_counter()
        with out.open("w") as file:
            process = subprocess.Popen(command, cwd=folder, env=env, stdout=file)
            _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit("ansible-inventory failed")
        hosts = json.loads(out.read_text())["_meta"]["hostvars"]
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, hosts=len(hosts))


def main() -> None:
    """Print a line for each way and the ratio."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    context = mp.get_context("spawn")
    mine, theirs = context.Pipe()
    server = context.Process(target=serve, args=(count, theirs))
    server.start()
    try:
        place = mine.recv()
        unmasked, masked = measured(place, False), measured(place, True)
        plain, keyed = whole(place, {}), whole(place, KEYED)
    finally:
        mine.send("end")
        server.join()
    from ansible.release import __version__

    print(f"ansible-core {__version__}, {count} hosts: wall s, CPU s, peak MB, MB received")
    for name, cost in (("without fields=", unmasked), ("with fields=", masked)):
        print(f"  {name:26}{cost.wall:7.2f} {cost.cpu:7.2f} {cost.memory:7.0f} {cost.size / 1e6:7.2f}")
    print(
        f"  {'ratio':26}{unmasked.wall / masked.wall:7.2f} {unmasked.cpu / masked.cpu:7.2f} "
        f"{unmasked.memory / masked.memory:7.2f} {unmasked.size / masked.size:7.2f}"
    )
    for name, cost in (("ansible-inventory", plain), ("ansible-inventory, keyed", keyed)):
        print(f"  {name:26}{cost.wall:7.2f} {cost.cpu:7.2f} {cost.memory:7.0f}")
    if masked.records != unmasked.records or {count} != {cost.hosts for cost in (masked, unmasked, plain, keyed)}:
        sys.exit("the ways did not find the same machines")


if __name__ == "__main__":
    main()

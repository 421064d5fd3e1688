"""An instance of the sandboxed Compute Engine on a real host: who gets in, what runs at boot, who powers it off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from google.cloud import compute_v1 as gce

from tests.integration.gce_cloud import Cloud

pytestmark = pytest.mark.hosts
ROOT = Path(__file__).resolve().parents[2]
LABELS = codec.to_gce({"managed-by": "devcontainer.cloud", "workspace": "one"})[0]

_SERVER = """
import json, sys, time
from tests.sandbox import engine, hosts, network, settings, state
from tests.sandbox.gce import Api
found = engine.prepare()
with state.locked():  # the folder is a sandbox's: `down` may remove it
    network.ensure(found)
api = Api(hosts.Hosts(found), state=settings.STATE / "gce", check_answers=True)
api.start()
api.serve_metadata(settings.GATEWAY)
print(json.dumps(api.seed()), file=open(sys.argv[1], "w"), flush=True)
time.sleep(3600)
"""


class _Remote:
    """An Api in another process."""

    def __init__(self, seed: dict[str, t.Any]) -> None:
        self.endpoint = seed["endpoint"]
        self.seed = lambda: seed


@pytest.fixture
def cloud(tmp_path: Path) -> t.Iterator[Cloud]:
    """A sandbox of its own address range; everything of it goes at the end."""
    state = {"DEVCONTAINER_SANDBOX_STATE": str(tmp_path / "state"), "DEVCONTAINER_SANDBOX_PREFIX": "10.218"}
    environment = {**os.environ, **state}
    said = tmp_path / "seed.json"
    server = subprocess.Popen([sys.executable, "-c", _SERVER, str(said)], cwd=ROOT, env=environment)
    try:
        _until(lambda: said.exists() and said.read_text().endswith("\n"), 120)
        yield Cloud(t.cast(t.Any, _Remote(json.loads(said.read_text()))))
    finally:
        server.kill()
        server.wait()
        subprocess.run([sys.executable, "-m", "tests.sandbox", "down"], cwd=ROOT, env=environment, check=True)


def _until(true: t.Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.5)


def test_a_real_host(cloud: Cloud, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    items = [
        gce.Items(key="ssh-keys", value=f"ada:{key.with_suffix('.pub').read_text()}"),
        gce.Items(key="startup-script", value="#!/bin/sh\necho booted >> /var/tmp/boots\n"),
        gce.Items(key="enable-guest-attributes", value="TRUE"),
        gce.Items(key="user-data", value="#cloud-config\nwrite_files:\n- {path: /var/tmp/own, content: mine}\n"),
    ]
    instance = cloud.made("one", labels=LABELS, metadata=gce.Metadata(items=items))
    address = instance.network_interfaces[0].network_i_p

    def ssh(command: str) -> subprocess.CompletedProcess[str]:
        options = ("StrictHostKeyChecking=no", f"UserKnownHostsFile={tmp_path / 'known'}", "ConnectTimeout=5")
        told = [part for option in options for part in ("-o", option)]
        line = ["ssh", "-F", "none", "-i", str(key), *told, "-o", "BatchMode=yes", f"ada@{address}", command]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)

    def boots() -> str:
        return ssh("cat /var/tmp/own /var/tmp/boots").stdout

    _until(lambda: boots() == "minebooted\n", 180)
    assert ssh("sudo -n id -un").stdout == "root\n"
    ask = "curl -sS -H Metadata-Flavor:Google http://metadata.google.internal/computeMetadata/v1/instance"
    assert ssh(f"{ask}/name").stdout == "one"
    assert "403" in ssh("curl -sI http://metadata.google.internal/computeMetadata/v1/instance/name").stdout
    put = ask.replace("curl", "curl -X PUT --data 1700000000")
    assert ssh(f"{put}/guest-attributes/idle/since").returncode == 0
    where = {"project": cloud.project, "zone": cloud.zone, "instance": "one", "query_path": "idle/since"}
    assert cloud.instances.get_guest_attributes(request=where).variable_value == "1700000000"
    ssh("sudo -n systemctl poweroff")
    _until(lambda: cloud.get("one").status == "TERMINATED", 60)
    assert not cloud.verb("start", "one").error.errors
    assert cloud.get("one").network_interfaces[0].network_i_p == address
    _until(lambda: boots() == "minebooted\nbooted\n", 120)
    cloud.verb("delete", "one")
    assert ssh("true").returncode == 255

"""What is sent to launch a machine, and what it is told at its first boot."""

from __future__ import annotations

import json
import subprocess

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import user_data
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.lifecycle import Step
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers import gce_guest, gce_launch
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Spec, identity

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3 ada@laptop"
HOST_KEY = user_data.HostKey("ssh-ed25519 AAAAhost", "-----BEGIN\nPRIVATE\n-----END\n")
ZONES = ["europe-west3-a", "europe-west3-b"]


def spec(create=(), **settings):
    return Spec(
        "demo",
        labels=identity("demo"),
        settings={
            "machine_type": "e2-medium",
            "shielded": True,
            "confidential": "none",
            "os_login": True,
            "project_ssh_keys": False,
            "spot": False,
            "disk_size": 30,
            **settings,
        },
        create={
            "image": "debian-12",
            "zones": ZONES,
            "subnetwork": "workspaces",
            "public_ip": False,
            "disk_type": "pd-balanced",
            "user": "dev",
            "ssh_keys": [KEY],
            "cloud_config": {},
            **dict(create),
        },
    )


def request(spec_, **tags):
    labels = {**spec_.labels, "owner": "Ada L.", "lease-until": "2026-11-24T17:00:00Z"}
    body = gce_launch.build_request(spec_, Step("create", labels=labels, tags=tags), HOST_KEY)
    return gce_launch.in_zone(body, "europe-west3-a")


def items(body):
    return {item["key"]: item["value"] for item in body["metadata"]["items"]}


def test_a_machine_is_private_shielded_and_nobody():
    body = request(spec(), stage="test")
    assert body["networkInterfaces"] == [{"subnetwork": "regions/europe-west3/subnetworks/workspaces"}]
    assert set(body["shieldedInstanceConfig"].values()) == {True} and len(body["shieldedInstanceConfig"]) == 3
    assert "serviceAccounts" not in body and "confidentialInstanceConfig" not in body
    assert body["machineType"] == "zones/europe-west3-a/machineTypes/e2-medium"
    (disk,) = body["disks"]
    assert disk["autoDelete"] and disk["boot"] and "diskEncryptionKey" not in disk
    assert disk["initializeParams"]["diskType"] == "zones/europe-west3-a/diskTypes/pd-balanced"
    assert body["labels"]["stage"] == "test" and body["labels"]["devcontainer-lease-until"].isdigit()
    assert "devcontainer-lease-until" not in disk["initializeParams"]["labels"]
    assert disk["initializeParams"]["labels"]["devcontainer-owner"] == body["labels"]["devcontainer-owner"]
    assert items(body)["devcontainer-owner"] == "Ada L."
    assert items(body)["devcontainer-host-key"] == HOST_KEY.public


@pytest.mark.parametrize(("os_login", "value"), [(True, "TRUE"), (False, "FALSE")])
def test_keys_never_go_by_ssh_keys_metadata(os_login, value):
    told = items(request(spec(os_login=os_login)))
    assert told["enable-oslogin"] == value and told["block-project-ssh-keys"] == "TRUE" and "ssh-keys" not in told
    assert KEY in told["startup-script"] and KEY in told["user-data"]


def test_options_reach_the_request():
    create = {"public_ip": True, "subnetwork": "projects/host/regions/europe-west3/subnetworks/x"}
    body = request(
        spec(
            create,
            confidential="TDX",
            vm_service_account="vm@p.iam",
            vm_scopes=["s"],
            kms_key="K",
            network_tags=["dev"],
        )
    )
    (interface,) = body["networkInterfaces"]
    assert interface["subnetwork"] == create["subnetwork"]
    assert interface["accessConfigs"][0]["type"] == "ONE_TO_ONE_NAT"
    assert body["serviceAccounts"] == [{"email": "vm@p.iam", "scopes": ["s"]}]
    assert body["confidentialInstanceConfig"]["confidentialInstanceType"] == "TDX"
    assert body["disks"][0]["diskEncryptionKey"] == {"kmsKeyName": "K"} and body["tags"] == {"items": ["dev"]}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {},
            {
                "provisioningModel": "STANDARD",
                "preemptible": False,
                "automaticRestart": True,
                "onHostMaintenance": "MIGRATE",
            },
        ),
        (
            {"spot": True},
            {
                "provisioningModel": "SPOT",
                "preemptible": True,
                "automaticRestart": False,
                "onHostMaintenance": "TERMINATE",
                "instanceTerminationAction": "STOP",
            },
        ),
        (
            {"max_run_duration": 3600},
            {
                "provisioningModel": "STANDARD",
                "preemptible": False,
                "automaticRestart": True,
                "onHostMaintenance": "MIGRATE",
                "maxRunDuration": {"seconds": "3600"},
                "instanceTerminationAction": "STOP",
            },
        ),
        (
            {"confidential": "SEV"},
            {
                "provisioningModel": "STANDARD",
                "preemptible": False,
                "automaticRestart": True,
                "onHostMaintenance": "TERMINATE",
            },
        ),
    ],
)
def test_scheduling(settings, expected):
    assert gce_launch.scheduling(settings) == expected


@pytest.mark.parametrize(
    ("image", "machine_type", "path"),
    [
        ("debian-12", "e2-medium", "projects/debian-cloud/global/images/family/debian-12"),
        ("debian-13", "c4a-standard-4", "projects/debian-cloud/global/images/family/debian-13-arm64"),
        ("ubuntu-24.04", "n2-standard-2", "projects/ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-amd64"),
        ("ubuntu-24.04", "t2a-standard-1", "projects/ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-arm64"),
        ("projects/mine/global/images/golden", "e2-medium", "projects/mine/global/images/golden"),
    ],
)
def test_images(image, machine_type, path):
    gce_launch.check_image(image)
    gce_launch.check_type(machine_type)
    assert gce_launch.source_image(image, machine_type) == path


@pytest.mark.parametrize("image", ["", "debian-11", "ami-12345678", "projects/p/images/x", "family/debian-12"])
def test_bad_images(image):
    with pytest.raises(InvalidInput, match="image"):
        gce_launch.check_image(image)


@pytest.mark.parametrize("machine_type", ["", "m7i.large", "medium", "E2-medium", "zones/a/machineTypes/e2-medium"])
def test_bad_types(machine_type):
    with pytest.raises(InvalidInput, match="machine_type"):
        gce_launch.check_type(machine_type)


def test_the_user_data_is_that_of_ec2():
    told = items(request(spec({"cloud_config": {"runcmd": ["true"]}})))
    assert told["user-data"] == user_data.cloud_config("dev", [KEY], HOST_KEY, {"runcmd": ["true"]})


#: What the script calls, so that it can be run without being root; each notes itself.
STUBS = """
getent() { echo "dev:x:1:1::$ROOT/home/dev:/bin/sh"; }
id() { echo dev; }
chown() { :; }
install() { while [ "${1#-}" != "$1" ]; do case $1 in -d) shift;; *) shift 2;; esac; done; mkdir -p "$1"; }
systemctl() { echo "$2" >>"$ROOT/restarted"; }
"""


def test_the_startup_script_does_its_work_once(tmp_path):
    for folder in ("etc/ssh", "etc/sudoers.d", "home/dev", "var/lib"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/ssh/ssh_host_rsa_key").write_text("old")
    script = gce_guest.startup_script("dev", [KEY], HOST_KEY)
    for folder in ("/etc/", "/var/lib/"):
        script = script.replace(f"{folder}", f"{tmp_path}{folder}")
    script = script.replace("set -eu\n", "set -eu\n" + STUBS, 1)

    def boot():
        environment = {"ROOT": str(tmp_path), "PATH": "/usr/bin:/bin"}
        subprocess.run(["sh"], check=True, env=environment, input=script, text=True)

    boot()
    keys = tmp_path / "home/dev/.ssh/authorized_keys"
    assert keys.read_text() == KEY + "\n"
    assert [path.name for path in sorted((tmp_path / "etc/ssh").iterdir())] == [
        "ssh_host_ed25519_key",
        "ssh_host_ed25519_key.pub",
    ]
    private = tmp_path / "etc/ssh/ssh_host_ed25519_key"
    assert private.read_text() == HOST_KEY.private and private.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "etc/sudoers.d/90-cloud-init-users").read_text() == "dev ALL=(ALL) NOPASSWD:ALL\n"
    assert (tmp_path / "restarted").read_text() == "ssh.service\n"
    keys.write_text("rotated")
    boot()
    assert keys.read_text() == "rotated", "what a role did was undone by the next boot"
    assert (tmp_path / "restarted").read_text() == "ssh.service\n"


def test_in_zone_is_json_that_two_zones_do_not_share():
    body = gce_launch.build_request(spec(), Step("create", labels=identity("demo")), HOST_KEY)
    before = json.dumps(body)
    one, other = (json.dumps(gce_launch.in_zone(body, zone)) for zone in ZONES)
    assert "europe-west3-b" not in one and "europe-west3-a" not in other and json.dumps(body) == before

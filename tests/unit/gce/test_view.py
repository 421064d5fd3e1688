"""What Compute Engine shows, in our words."""

from __future__ import annotations

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers import gce_view
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce import GceProvider
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import STATES, TRANSITIONS


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PROVISIONING", "pending"),
        ("STAGING", "pending"),
        ("PENDING", "pending"),
        ("REPAIRING", "pending"),
        ("RUNNING", "running"),
        ("PENDING_STOP", "stopping"),
        ("STOPPING", "stopping"),
        ("SUSPENDING", "stopping"),
        ("STOPPED", "stopped"),
        ("TERMINATED", "stopped"),
        ("SUSPENDED", "suspended"),
        ("DEPROVISIONING", "deleting"),
        ("SOMETHING_NEW", "failed"),
    ],
)
def test_states(instance, status, state):
    assert gce_view.observed(instance(status=status)).state == state
    assert state in STATES + TRANSITIONS


def test_all_twelve_statuses_are_known():
    assert len(gce_view.STATES) == 12


def test_labels_are_told_apart(instance):
    seen = gce_view.observed(instance())
    assert seen.ours and seen.labels["owner"] == "Ada L." and seen.labels["workspace"] == "demo"
    assert seen.tags == {"cost-center": "42"}
    assert seen.id == "4501234567890123456" and seen.info["zone"] == "europe-west3-a" and seen.info["name"] == "demo"
    assert not gce_view.observed(instance(ours=False)).ours


def test_addresses_and_times(instance):
    access = [{"natIP": "203.0.113.7"}]
    seen = gce_view.observed(
        instance(
            networkInterfaces=[{"networkIP": "10.0.0.9", "accessConfigs": access}],
            creationTimestamp="2026-11-01T00:00:00.000-07:00",
            lastStartTimestamp="2026-11-02T00:00:00.000-07:00",
        )
    ).info
    assert (seen["private_address"], seen["public_address"]) == ("10.0.0.9", "203.0.113.7")
    assert seen["launched_at"].startswith("2026-11-02")


@pytest.mark.parametrize(
    ("more", "setting", "value"),
    [
        ({}, "network_tags", ["dev", "web"]),
        ({"tags": {}}, "network_tags", []),
        ({}, "machine_type", "e2-medium"),
        ({}, "vm_service_account", ""),
        ({"serviceAccounts": [{"email": "a@b", "scopes": ["z", "y"]}]}, "vm_scopes", ["y", "z"]),
        ({}, "shielded", False),
        ({"shieldedInstanceConfig": {"enableSecureBoot": True, "enableVtpm": True}}, "shielded", False),
        (
            {
                "shieldedInstanceConfig": {
                    "enableSecureBoot": True,
                    "enableVtpm": True,
                    "enableIntegrityMonitoring": True,
                }
            },
            "shielded",
            True,
        ),
        ({}, "confidential", "none"),
        ({"confidentialInstanceConfig": {"enableConfidentialCompute": True}}, "confidential", "SEV"),
        (
            {"confidentialInstanceConfig": {"enableConfidentialCompute": True, "confidentialInstanceType": "TDX"}},
            "confidential",
            "TDX",
        ),
        ({}, "os_login", False),
        ({"metadata": {"items": [{"key": "enable-oslogin", "value": "true"}]}}, "os_login", True),
        ({}, "project_ssh_keys", True),
        ({"metadata": {"items": [{"key": "block-project-ssh-keys", "value": "TRUE"}]}}, "project_ssh_keys", False),
        ({}, "spot", False),
        ({"scheduling": {"provisioningModel": "SPOT"}}, "spot", True),
        ({"scheduling": {"preemptible": True}}, "spot", True),
        ({"scheduling": {"maxRunDuration": {"seconds": "3600"}}}, "max_run_duration", 3600),
        ({}, "max_run_duration", 0),
        ({}, "disk_size", 30),
        ({"disks": [{"diskSizeGb": "99"}]}, "disk_size", None),
    ],
)
def test_settings(instance, more, setting, value):
    seen = gce_view.observed(instance(**more)).settings
    assert seen.get(setting) == value and set(seen) <= set(GceProvider.settings)


@pytest.mark.parametrize(
    ("more", "can"),
    [
        ({}, True),
        ({"guestAccelerators": [{"acceleratorCount": 1}]}, False),
        ({"confidentialInstanceConfig": {"enableConfidentialCompute": True}}, False),
    ],
)
def test_who_can_be_suspended(instance, more, can):
    seen = gce_view.observed(instance(**more))
    assert seen.can_suspend is can and bool(seen.reason) is not can


@pytest.mark.parametrize(
    ("declared", "seen", "differs"),
    [
        ("projects/p/locations/l/keyRings/r/cryptoKeys/k", "projects/p/locations/l/keyRings/r/cryptoKeys/k", False),
        (
            "projects/p/locations/l/keyRings/r/cryptoKeys/k",
            "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/3",
            False,
        ),
        ("projects/p/locations/l/keyRings/r/cryptoKeys/k", "", True),
    ],
)
def test_a_key_is_compared_without_its_version(declared, seen, differs):
    assert GceProvider.settings["kms_key"].differs(declared, seen) is differs


def test_a_label_that_somebody_changed_is_believed_over_its_full_text():
    labels, metadata = codec.to_gce({"owner": "Ada L."})
    assert codec.from_gce(labels, metadata) == {"owner": "Ada L."}
    assert codec.from_gce({**labels, "devcontainer-owner": "bob"}, metadata) == {"owner": "bob"}
    assert codec.from_gce({}, metadata) == {}

"""Options as specs and credentials: what is refused before anything is asked."""

from __future__ import annotations

import datetime as dt
import json

import google.auth.credentials
import google.auth.impersonated_credentials
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.devcontainer.cloud.plugins.module_utils import gce_auth, gce_module, options
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput, Unreachable
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce import GceProvider
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.unit.gce.test_launch import KEY

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.timezone.utc)


def spec_of(**given):
    usual = {"name": "demo", "zones": ["europe-west3-a"], "subnetwork": "workspaces"}
    checked = ArgumentSpecValidator({**options.WORKSPACE_SPEC, **gce_module.GCE_SPEC}).validate({**usual, **given})
    assert not checked.error_messages
    return gce_module.spec_of(checked.validated_parameters, NOW, "europe-west3")


def test_what_is_declared_where_nothing_is_said():
    settings = spec_of().settings
    assert settings["shielded"] and settings["os_login"] and settings["project_ssh_keys"] is False
    assert not {"network_tags", "vm_service_account", "vm_scopes", "max_run_duration", "kms_key"} & set(settings)
    assert set(settings) <= set(GceProvider.settings)


def test_scopes_go_with_an_account():
    assert spec_of(vm_service_account="a@b").settings["vm_scopes"] == [
        "https://www.googleapis.com/auth/logging.write",
        "https://www.googleapis.com/auth/monitoring.write",
    ]
    assert spec_of(vm_service_account="").settings["vm_scopes"] == []
    full = "https://www.googleapis.com/auth/cloud-platform"
    assert spec_of(vm_service_account="a@b", vm_scopes=[full]).settings["vm_scopes"] == [full]


@pytest.mark.parametrize(("text", "seconds"), [("12h", 43200), ("none", 0)])
def test_lifetimes(text, seconds):
    assert spec_of(max_run_duration=text).settings["max_run_duration"] == seconds


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"image": "debian-11"}, "image: 'debian-11'"),
        ({"machine_type": "big"}, "machine_type: 'big'"),
        ({"zones": ["europe-west3"]}, "zones: 'europe-west3'"),
        ({"zones": ["europe-west4-a"]}, "zones: 'europe-west4-a' is not in the region 'europe-west3'"),
        ({"zones": []}, "zones: it is empty"),
        ({"subnetwork": None}, "subnetwork: it is empty"),
        ({"subnetwork": "regions/europe-west4/subnetworks/x"}, "subnetwork: .* is not in the region"),
        ({"subnetwork": "a/b"}, "subnetwork: 'a/b'"),
        ({"network_tags": ["Web"]}, "network_tags: 'Web'"),
        ({"kms_key": "alias/x"}, "kms_key: 'alias/x'"),
        ({"disk_size": 5}, "disk_size: 5"),
        ({"disk_type": "zones/x"}, "disk_type: 'zones/x'"),
        ({"max_run_duration": "10s"}, "max_run_duration: '10s'"),
        ({"max_run_duration": "200d"}, "max_run_duration: '200d'"),
        ({"tags": {"Cost": "1"}}, "tags: 'Cost'"),
        ({"tags": {"cost": "A B"}}, "tags: 'cost' with 'A B'"),
        ({"tags": {"devcontainer-owner": "x"}}, "tags: the key 'devcontainer-owner'"),
        ({"tags": {"goog-x": "x"}}, "tags: the key 'goog-x'"),
        ({"os_login": False}, "ssh_keys: it is empty"),
        ({"cloud_config": {"runcmd": ["true"]}}, "cloud_config: the images of debian-12 have no cloud-init"),
        ({"cloud_config": {"users": []}, "image": "ubuntu-24.04"}, "cloud_config: users"),
        ({"ssh_keys": ["x"]}, "ssh_keys: entry 1"),
    ],
)
def test_what_is_refused(given, said):
    with pytest.raises(InvalidInput, match=said):
        spec_of(**given)


@pytest.mark.parametrize("state", ["stopped", "suspended", "absent"])
def test_what_creates_nothing_needs_no_place(state):
    assert spec_of(state=state, zones=[], subnetwork=None, os_login=False).state == state


def test_keys_may_be_left_to_os_login():
    assert spec_of(ssh_keys=[]).create["ssh_keys"] == [] and spec_of(ssh_keys=[KEY], os_login=False)


def auth(**given):
    return {**dict.fromkeys(gce_auth.AUTH_SPEC), **given}


@pytest.fixture(scope="module")
def key():
    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "from-key",
            "client_email": "a@b",
            "token_uri": "http://127.0.0.1:1/token",
            "private_key": private.decode(),
        }
    )


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, "application"),
        ({"access_token": "t"}, "accesstoken"),
        ({"service_account_file": "x"}, "serviceaccount"),
        ({"service_account_contents": "{}"}, "serviceaccount"),
        ({"auth_kind": "machineaccount", "access_token": "t"}, "machineaccount"),
    ],
)
def test_how_to_authenticate(given, kind):
    assert gce_auth.auth_kind(auth(**given)) == kind


def test_a_service_account_by_file_or_content(key, tmp_path):
    (tmp_path / "key.json").write_text(key)
    for given in ({"service_account_contents": key}, {"service_account_file": str(tmp_path / "key.json")}):
        found, project = gce_auth.credentials(auth(**given))
        assert found.service_account_email == "a@b" and project == "from-key"
        assert found.scopes == list(gce_auth.DEFAULT_SCOPES)


def test_other_credentials(key):
    assert gce_auth.credentials(auth(access_token="t"))[0].token == "t"
    found, _project = gce_auth.credentials(auth(auth_kind="machineaccount", service_account_email="m@p"))
    assert found.service_account_email == "m@p"
    found, project = gce_auth.credentials(
        auth(service_account_contents=key, impersonate_service_account="other@p", scopes=["s"])
    )
    assert isinstance(found, google.auth.impersonated_credentials.Credentials) and project == "from-key"
    assert found.service_account_email == "other@p"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"auth_kind": "serviceaccount"}, "service_account_file: "),
        ({"service_account_file": "/nowhere/key.json"}, "'/nowhere/key.json' cannot be read"),
        ({"service_account_contents": "secret words"}, "service_account_contents: "),
        ({"service_account_contents": '{"private_key": "secret"}'}, "no usable key"),
        ({"auth_kind": "accesstoken"}, "access_token: "),
    ],
)
def test_bad_credentials_are_said_without_repeating_them(given, said):
    with pytest.raises(InvalidInput, match=said) as error:
        gce_auth.credentials(auth(**given))
    assert "secret" not in str(error.value)


def test_no_credentials_name_the_ways_in(monkeypatch, tmp_path):
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(Unreachable, match="gcloud auth application-default login"):
        gce_auth.credentials(auth())

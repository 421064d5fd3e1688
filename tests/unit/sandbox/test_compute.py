"""Compute Engine as the sandbox's daemon starts it: what stands in the facts, and what must not."""

from __future__ import annotations

import json

import pytest

from tests.integration.gce_cloud import FakeHosts
from tests.sandbox import compute, settings
from tests.sandbox.errors import SandboxError


@pytest.fixture
def facts(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "STATE", tmp_path)
    monkeypatch.setattr(settings, "GCE_PORT", 0)
    # Nobody's address here: the metadata server cannot be had, as where port 80 is somebody's.
    monkeypatch.setattr(settings, "GATEWAY", "192.0.2.1")
    monkeypatch.setattr(compute, "KEY_FILE", tmp_path / "key.json")
    api, facts = compute.start(FakeHosts())
    yield facts
    api.stop()


def test_the_key_is_in_a_file_of_its_owners_and_nowhere_else(facts, tmp_path):
    file = tmp_path / "key.json"
    assert facts["service_account_file"] == str(file) and file.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" in json.loads(file.read_text())["private_key"]
    assert "PRIVATE KEY" not in json.dumps(facts)


def test_without_its_metadata_server_it_says_so_and_works(facts):
    assert facts["metadata_server"] == "" and facts["metadata_refused"].startswith("port 80 of 192.0.2.1 cannot be had")
    assert compute.instances(facts) == []


def test_a_server_that_does_not_answer_is_named(facts):
    with pytest.raises(SandboxError, match="does not answer as it should"):
        compute.instances({**facts, "endpoint": "http://127.0.0.1:1"})

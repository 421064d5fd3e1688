"""Make the checkout importable as ``ansible_collections.devcontainer.cloud``, the way ansible-core does it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

_AnsibleCollectionFinder(paths=[str(ROOT / ".collections")])._install()

# A property holds or not, however busy the machine is; the same examples in every run of CI.
settings.register_profile(
    "devcontainer.cloud", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("devcontainer.cloud")

# They hold assertions and are no test files: without this, a failure would not say what it saw.
pytest.register_assert_rewrite("tests.integration.real_sandbox", "tests.integration.workspace_story")

"""The main job on hosts of Compute Engine: the same story."""

from __future__ import annotations

import pytest

from tests.integration.real_clouds import Gce
from tests.integration.workspace_story import Story

pytestmark = pytest.mark.hosts
CLOUD = Gce


class TestWorkspace(Story):
    """On Compute Engine."""

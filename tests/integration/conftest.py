"""Fixtures: a clean cloud for each test, and real Ansible processes that use it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from tests.integration.tools import Ansible, Cloud
from tests.sandbox.api import Api


@pytest.fixture(scope="session")
def api() -> t.Iterator[Api]:
    """The API in this process, without hosts."""
    api = Api()
    api.start()
    yield api
    api.stop()


@pytest.fixture
def cloud(api: Api) -> Cloud:
    """An empty account with a network, images and an instance profile."""
    return Cloud(api)


@pytest.fixture
def ansible(cloud: Cloud, tmp_path: Path) -> Ansible:
    """ansible-playbook and ansible-inventory with the cloud's environment."""
    return Ansible(tmp_path, cloud.env)

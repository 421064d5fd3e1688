"""Fixtures: a clean cloud for each test, and real Ansible processes that use it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from tests.integration.real_sandbox import RealSandbox, Run, brought_up
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


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[RealSandbox]:
    """A whole sandbox with hosts; the test file's ``CLOUD`` says which of its clouds is used."""
    with brought_up(tmp_path_factory.mktemp("world"), request.module.CLOUD) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def first(world: RealSandbox) -> Run:
    """The first real run of the main playbook."""
    return world.playbook()

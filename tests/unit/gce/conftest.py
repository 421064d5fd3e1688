"""An instance as Compute Engine shows it, and a provider over a fake session."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce import GceProvider
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_api import Api
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_operations import Operations
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import identity

from tests.unit.gce.fake import Session

URL = "https://www.googleapis.com/compute/v1/projects/p/zones"


class Time:
    """Passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def make_instance(
    name: str = "demo", zone: str = "europe-west3-a", ours: bool = True, **more: t.Any
) -> dict[str, t.Any]:
    labels, metadata = codec.to_gce({**identity(name), "owner": "Ada L.", "user": "dev"} if ours else {})
    return copy.deepcopy(
        {
            "id": "4501234567890123456",
            "name": name,
            "zone": f"{URL}/{zone}",
            "status": "RUNNING",
            "machineType": f"{URL}/{zone}/machineTypes/e2-medium",
            "labels": {**labels, "cost-center": "42", "goog-ops-agent": "on"},
            "labelFingerprint": "l1",
            "metadata": {
                "fingerprint": "m1",
                "items": [{"key": k, "value": v} for k, v in {**metadata, "serial-port-enable": "TRUE"}.items()],
            },
            "tags": {"items": ["web", "dev"], "fingerprint": "t1"},
            "networkInterfaces": [{"networkIP": "10.0.0.2"}],
            "disks": [{"boot": True, "diskSizeGb": "30", "source": f"{URL}/{zone}/disks/{name}"}],
            **more,
        }
    )


def make_provider(session: Session, wait: bool = True, timeout: float = 600) -> GceProvider:
    time = Time()
    api = Api("p", session, sleep=time.sleep)
    operations = Operations(api, timeout, time.monotonic, time.sleep)
    return GceProvider(api, "europe-west3", operations, wait)


@pytest.fixture
def instance() -> t.Callable[..., dict[str, t.Any]]:
    return make_instance


@pytest.fixture
def provider() -> t.Callable[..., GceProvider]:
    return make_provider

"""Projects of Compute Engine behind a session: pages, warnings and refusals, and what was asked."""

from __future__ import annotations

import copy
import threading
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import identity

from tests.unit.gce.fake import Answer, refusal

ZONE_A, ZONE_B = "europe-west3-a", "us-central1-b"


def instance(number: int, workspace: str = "", name: str = "", zone: str = ZONE_A, **labels: str) -> dict[str, t.Any]:
    """One instance as the mask leaves it; a workspace where it is named."""
    ours, metadata = codec.to_gce({**identity(workspace), "owner": "Ada L.", "user": "dev"} if workspace else {})
    return copy.deepcopy(
        {
            "id": str(4500 + number),
            "name": name or workspace,
            "zone": f"https://www.googleapis.com/compute/v1/projects/p/zones/{zone}",
            "status": "RUNNING",
            "machineType": f"https://www.googleapis.com/compute/v1/projects/p/zones/{zone}/machineTypes/e2-medium",
            "labels": {**ours, **labels},
            "metadata": {"items": [{"key": key, "value": value} for key, value in metadata.items()]},
            "networkInterfaces": [{"networkIP": f"10.0.0.{number}"}],
            "lastStartTimestamp": "2026-11-24T17:00:00.000-08:00",
        }
    )


def page(*instances: dict[str, t.Any], **warnings: str) -> dict[str, t.Any]:
    """An answer; ``warnings`` are zone (with _ for -) -> code."""
    items: dict[str, t.Any] = {}
    for one in instances:
        zone = one["zone"].rpartition("/")[2]
        items.setdefault(f"zones/{zone}", {"instances": []})["instances"].append(one)
    for zone, code in warnings.items():
        items[f"zones/{zone.replace('_', '-')}"] = {"warning": {"code": code, "message": "it sleeps."}}
    return {"items": items}


class Projects:
    """project -> its pages, or an Answer that refuses. A project that is not here is forbidden."""

    def __init__(self, **projects: t.Any) -> None:
        self.projects = {name.replace("_", "-"): pages for name, pages in projects.items()}
        self.asked: list[tuple[str, dict[str, t.Any]]] = []
        self.lock = threading.Lock()

    def request(self, verb: str, url: str, params: t.Any = None, json: t.Any = None, timeout: float = 0) -> Answer:
        """One call."""
        project, _slash, rest = url.partition("/compute/v1/projects/")[2].partition("/")
        assert (verb, rest, json) == ("GET", "aggregated/instances", None)
        with self.lock:
            self.asked.append((project, dict(params)))
        pages = self.projects.get(project, refusal(403, "forbidden", f"Required permission for '{project}'"))
        if isinstance(pages, Answer):
            return pages
        number = int(params.get("pageToken", 0))
        more = {"nextPageToken": str(number + 1)} if number + 1 < len(pages) else {}
        return Answer(200, {**pages[number], **more})

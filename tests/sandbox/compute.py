"""Compute Engine as the daemon runs it: on a port of its own, over the hosts' driver that EC2 has too."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.oauth2 import service_account
from requests.exceptions import RequestException

from tests.sandbox import settings
from tests.sandbox.errors import SandboxError
from tests.sandbox.gce import Api
from tests.sandbox.host import HostDriver

#: The key of a service account, in the form that Google Cloud gives; good for this sandbox only.
KEY_FILE = settings.STATE / "gce-service-account.json"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def start(driver: HostDriver) -> tuple[Api, dict[str, t.Any]]:
    """A running API and its facts. Raises OSError where the port is taken."""
    api = Api(driver, state=settings.STATE / "gce", port=settings.GCE_PORT)
    facts = {key: value for key, value in api.seed().items() if key != "service_account_key"}
    write_secret(KEY_FILE, json.dumps(api.seed()["service_account_key"]))
    facts["service_account_file"] = str(KEY_FILE)
    try:
        # Before the API starts: a host that is started from then on knows of it.
        api.serve_metadata(settings.GATEWAY)
        facts["metadata_server"] = f"http://{settings.GATEWAY}"
    except OSError as error:
        # Port 80 wants a privilege or is somebody's: everything else works.
        facts["metadata_server"] = ""
        facts["metadata_refused"] = f"port 80 of {settings.GATEWAY} cannot be had ({error.strerror})"
    api.start()
    return api, facts


def write_secret(file: Path, content: str) -> None:
    """For its owner only, and there whole or not at all."""
    half = file.with_suffix(".half")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(content)
    half.replace(file)


def instances(facts: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """All instances as the API has them, of all projects. Raises SandboxError."""
    found = []
    try:
        key = service_account.Credentials.from_service_account_file(facts["service_account_file"], scopes=[_SCOPE])
        with AuthorizedSession(key) as session:
            session.trust_env = False
            for project in facts["projects"]:
                token = ""
                while True:
                    answer = session.get(
                        f"{facts['endpoint']}/compute/v1/projects/{project}/aggregated/instances",
                        params={"maxResults": 500, **({"pageToken": token} if token else {})},
                        timeout=30,
                    )
                    answer.raise_for_status()
                    page = answer.json()
                    found += [one for scope in page.get("items", {}).values() for one in scope.get("instances", ())]
                    token = page.get("nextPageToken", "")
                    if not token:
                        break
    except (GoogleAuthError, RequestException, OSError, ValueError) as error:
        raise SandboxError(
            f"The sandbox's Compute Engine does not answer as it should ({error}); see {settings.STATE / 'daemon.log'}"
        ) from error
    return found

"""`down`: what carries this sandbox's label goes, and nothing else."""

from __future__ import annotations

import concurrent.futures
import contextlib
import shutil

import docker
import docker.errors

from tests.sandbox import daemon, engine, hosts, settings, state
from tests.sandbox.errors import SandboxError
from tests.sandbox.progress import say, step

_OURS = {"label": f"{settings.LABEL}={settings.STATE}"}


def down(everything: bool) -> None:
    """Remove the sandbox; ``everything``: the cache of root file systems too. Raises SandboxError."""
    with state.locked(), step("Removing the sandbox"):
        daemon.end()
        try:
            found = engine.client()
        except SandboxError as error:
            if (settings.STATE / "metadata").exists():  # it had an engine: its containers would stay unseen
                raise
            say(f"No containers were looked for. {error}")
        else:
            remove_containers(found)
            for network in found.api.networks(filters=_OURS):
                found.api.remove_network(network["Id"])
            for volume in found.api.volumes(filters=_OURS)["Volumes"] or []:
                found.api.remove_volume(volume["Name"])
            _remove_images(found)
        state.remove()
    if everything:
        shutil.rmtree(settings.CACHE, ignore_errors=True)
    elif settings.CACHE.exists():
        say(f"Kept for the next time: the root file systems in {settings.CACHE}; `down --all` removes them")
    if engine.DOCKERD_LOG.exists():
        say("The Docker engine that was started for a sandbox keeps running, as others may use it by now")


def remove_containers(found: docker.DockerClient) -> None:
    """Hosts and services, with their disks."""

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        containers = found.api.containers(all=True, filters=_OURS)
        list(pool.map(lambda item: hosts.remove(found, item["Id"]), containers))


def _remove_images(found: docker.DockerClient) -> None:
    """Unless another sandbox is there: they share them."""
    any_sandbox = {"label": settings.LABEL}
    if found.api.networks(filters=any_sandbox) or found.api.containers(all=True, filters=any_sandbox):
        return
    for image in found.api.images(filters={"label": settings.IMAGE_LABEL}):
        # In use by a container that is no sandbox's: then it is theirs.
        with contextlib.suppress(docker.errors.APIError):
            found.api.remove_image(image["Id"], force=True)

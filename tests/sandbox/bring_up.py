"""`up`: from whatever is there to a sandbox that answers. Each step looks first: a second run repairs a first."""

from __future__ import annotations

import concurrent.futures

import docker

from tests.sandbox import cleaning, cli, daemon, engine, images, network, services, settings, state
from tests.sandbox.progress import say, step

#: The family that is made beforehand; another one when a host of it is started.
FAMILY = "debian-12"


def up() -> None:
    """Raises SandboxError with one sentence."""
    with state.locked(), step("Bringing the sandbox up"):
        found = engine.prepare()
        if not (settings.STATE / "api").exists():
            # Hosts whose API was lost with its folder, or never was: nobody can reach or remove them by name.
            cleaning.remove_containers(found)
        _images(found)
        network.ensure(found)
        services.ensure(found)
        sha256 = cli.ensure(services.FILES)
        said = daemon.ensure()
        state.write(
            settings.FACTS,
            {
                **{key: value for key, value in said.items() if key != "version"},
                "region": settings.REGION,
                "registry": settings.REGISTRY,
                "git": settings.GIT,
                "files": settings.FILES,
                "cli_url": f"{settings.FILES}/{cli.FILE}",
                "cli_sha256": sha256,
                "ssh_private_key": str(state.ssh_key()),
            },
        )
    if said["gce"].get("metadata_refused"):
        say(f"Hosts of Compute Engine have no metadata server: {said['gce']['metadata_refused']}")
    both = f"{said['endpoint']} (EC2) and {said['gce']['endpoint']} (Compute Engine)"
    say(f"The sandbox answers at {both}; what it is made of stands in {settings.FACTS}")


def _images(found: docker.DockerClient) -> None:
    """What services and hosts need, side by side: most of the time goes into fetching and unpacking."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        work = [
            pool.submit(images.image, found, images.host(FAMILY)),
            pool.submit(images.image, found, images.services()),
            pool.submit(images.tarball, images.base()),
        ]
        for item in work:
            item.result()

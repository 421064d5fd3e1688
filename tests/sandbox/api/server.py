"""The API as one object: start, seed, stop."""

from __future__ import annotations

import logging
import os
import threading
import typing as t
from pathlib import Path

# Only our own images exist; moto's would cost a second at every start.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from tests.sandbox import settings
from tests.sandbox.api import strict
from tests.sandbox.api.front import Front
from tests.sandbox.api.hosts import Hosts
from tests.sandbox.api.keep import Store
from tests.sandbox.api.seed import seed
from tests.sandbox.api.world import Delays, World
from tests.sandbox.host import HostDriver

#: Seconds between two looks for hosts that powered themselves off.
POLL = 1.0


class _Quiet(MotoRequestHandler):
    """No line per request, and no name for the server that moto could take for a service."""

    def log(self, type: str, message: str, *args: t.Any) -> None:
        logging.getLogger("sandbox").debug(message, *args)


USUAL = Delays()


class Api:
    """EC2, SSM and IAM of one account on loopback. ``port`` 0 takes a free one; ``state`` None keeps nothing."""

    def __init__(
        self,
        driver: HostDriver | None = None,
        state: Path | None = None,
        port: int = 0,
        delays: Delays = USUAL,
    ) -> None:
        self.driver = driver
        hosts = Hosts(driver) if driver else None
        self.world = World(delays, hosts, Store(state) if state else None)
        strict.install(self.world)
        self.world.restore()
        self.front = Front(DomainDispatcherApplication(create_backend_app), self.world)
        self._server = make_server("127.0.0.1", port, self.front, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, name="sandbox-api", daemon=True)
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="sandbox-poller", daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Answer calls, go on with what a killed process left half done, and look after the hosts."""
        with self.world.lock:
            self.world.commit()
        self._thread.start()
        self._poller.start()

    def _poll(self) -> None:
        while not self._stopping.wait(POLL):
            self.world.powered_off()

    def stop(self) -> None:
        """Answer no more calls; the hosts stay as they are."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def seed(self, region: str = settings.REGION) -> dict[str, t.Any]:
        """Make what an account has before anybody comes; what is there already stays."""
        with self.world.lock:
            facts = seed(region)
            self.world.changed()
            self.world.commit()
            return facts

    def reset(self) -> None:
        """An empty account without faults and counts, and this API as the process's own: for tests."""
        with self.world.lock:
            strict.install(self.world)
            self.world.clear()
            BackendDict.reset()
            self.front.forget()

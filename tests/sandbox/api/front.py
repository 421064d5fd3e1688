"""What stands before moto: counts calls, plays faults, and lets one call at a time through."""

from __future__ import annotations

import collections
import dataclasses
import http.client
import json
import socket
import threading
import time
import typing as t

from tests.sandbox.api.calls import CURRENT, Call, Environ, error
from tests.sandbox.api.world import World

Start = t.Callable[[str, list[tuple[str, str]]], t.Any]


@dataclasses.dataclass
class Fault:
    """What goes wrong with the next ``times`` calls of ``action`` (``*`` for any)."""

    action: str
    code: str = ""  #: the error's code
    times: int = 1
    region: str = ""
    subnet: str = ""
    status: int | None = None
    message: str = ""
    lost: bool = False  #: the call is carried out, and its answer never arrives
    delay: float = 0.0  #: seconds that the call takes longer
    die: str = ""  #: a launch ends in `terminated` with this StateReason, "Code: message"

    def matches(self, call: Call) -> bool:
        return (
            self.times > 0
            and self.action in (call.action, "*")
            and self.region in ("", call.region)
            and (not self.subnet or self.subnet in call.subnets)
        )


class Front:
    """A WSGI application around moto's."""

    def __init__(self, app: t.Any, world: World) -> None:
        self._app = app
        self._world = world
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.calls: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)

    def fault(self, **what: t.Any) -> None:
        """Play a fault; see Fault for its fields. Raises TypeError for an unknown one."""
        with self._lock:
            self._faults.append(Fault(**what))

    def forget(self, faults: bool = True, calls: bool = True) -> None:
        with self._lock:
            if faults:
                self._faults.clear()
            if calls:
                self.calls.clear()

    def __call__(self, environ: Environ, start_response: Start) -> t.Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_sandbox/"):
            return _send(start_response, *self._control(path, environ))
        call = Call.parse(environ)
        with self._lock:
            self.calls[call.region][call.action] += 1
            fault = next((fault for fault in self._faults if fault.matches(call)), None)
            if fault:
                fault.times -= 1
        if fault and fault.delay:
            time.sleep(fault.delay)
        if fault and fault.code and not fault.lost:
            return _send(
                start_response, *error(call, fault.code, fault.message or "a fault was asked for", fault.status)
            )
        answer = self._perform(call, environ, fault)
        if fault and fault.lost:
            _hang_up(environ)
        return _send(start_response, *answer)

    def _perform(self, call: Call, environ: Environ, fault: Fault | None) -> tuple[int, str, bytes]:
        """One call through moto, and what it changed on disk before anybody hears of it."""
        answer: list[t.Any] = []

        def collect(status: str, headers: list[tuple[str, str]], exc_info: t.Any = None) -> t.Any:
            answer[:] = [int(status.split()[0]), {k.lower(): v for k, v in headers}.get("content-type", "")]

        with self._world.lock:
            self._world.advance()
            self._world.fate = fault.die if fault else ""
            token = CURRENT.set(call)
            try:
                chunks = self._app(environ, collect)
                body = b"".join(chunks)
                if hasattr(chunks, "close"):
                    chunks.close()
            finally:
                CURRENT.reset(token)
                self._world.fate = ""
            if not call.action.startswith(("Describe", "Get", "List")):
                self._world.changed()
            self._world.commit()
        return answer[0], answer[1], body

    def _control(self, path: str, environ: Environ) -> tuple[int, str, bytes]:
        method = environ["REQUEST_METHOD"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer: t.Any = {}
        if (path, method) == ("/_sandbox/faults", "POST"):
            try:
                self.fault(**json.loads(body))
            except (TypeError, ValueError) as bad:
                return 400, "text/plain", f"no fault: {bad}\n".encode()
        elif (path, method) == ("/_sandbox/faults", "DELETE"):
            self.forget(calls=False)
        elif (path, method) == ("/_sandbox/calls", "GET"):
            with self._lock:
                answer = {region: dict(counts) for region, counts in self.calls.items()}
        elif (path, method) == ("/_sandbox/calls", "DELETE"):
            self.forget(faults=False)
        else:
            return 404, "text/plain", b"POST or DELETE /_sandbox/faults, GET or DELETE /_sandbox/calls\n"
        return 200, "application/json", json.dumps(answer).encode()


def _send(start_response: Start, status: int, kind: str, body: bytes) -> list[bytes]:
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    start_response(f"{status} {http.client.responses.get(status, 'Unknown')}", headers)
    return [body]


def _hang_up(environ: Environ) -> t.NoReturn:
    """Close the connection without a byte; werkzeug takes the error for a client that went away."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("the answer is lost, as was asked for")

"""The sandbox's Compute Engine: a server on loopback and what it knows."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
import time
import typing as t
import urllib.parse
from pathlib import Path

from ..host import HostDriver
from . import catalog, control, document, errors, faults, masks, metadata, methods, schema, server
from .auth import Auth, OAuthError
from .hosts import Hosts
from .operations import Operations
from .store import Store
from .world import Call, Delays, World

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_REPLAY_SECONDS = 3600


USUAL = Delays()


class Api:
    """``state`` None: nothing outlives the process. ``accept_any_token``: any caller is the service account.

    ``check_answers``: an answer that the document does not allow becomes a 500; for the tests, since it takes time.
    """

    def __init__(
        self,
        driver: HostDriver | None = None,
        state: Path | None = None,
        port: int = 0,
        delays: Delays = USUAL,
        *,
        projects: t.Sequence[str] = ("devcontainer-sandbox",),
        accept_any_token: bool = False,
        check_answers: bool = False,
    ) -> None:
        self._document = document.load()
        self._check_answers = check_answers
        self._store = Store(state)
        self.world = World(self._store, self._document, delays, projects)
        self.auth = Auth(self._store, self.world.service_account, projects[0], accept_any_token)
        self.world.faults = faults.Faults()
        self.world.hosts = Hosts(self.world, driver)
        self.world.operations = Operations(self.world)
        self._http = server.make("127.0.0.1", port, self.handle)
        self._more: list[http.server.HTTPServer] = []
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="gce-http", daemon=True)

    @property
    def endpoint(self) -> str:
        """Where it answers; the scheme is part of it."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def start(self) -> None:
        """Begin to answer."""
        self.world.operations.start()
        self.world.hosts.start()
        self._thread.start()

    def serve_metadata(self, address: str, port: int = 80) -> None:
        """Let hosts read their metadata too; each is known by the address that it comes from.

        On port 80 hosts that start from here on know it as metadata.google.internal. Raises OSError.
        """
        more = server.make(address, port, self._metadata)
        self.world.metadata_address = address if port == 80 else ""
        threading.Thread(target=more.serve_forever, args=(0.05,), name="gce-metadata", daemon=True).start()
        self._more.append(more)

    def stop(self) -> None:
        """End; hosts and state stay."""
        for more in self._more:
            more.shutdown()
            more.server_close()
        self._http.shutdown()
        self._http.server_close()
        self.world.hosts.stop()
        self.world.operations.stop()
        self._store.close()

    def seed(self) -> dict[str, t.Any]:
        """What a user of the sandbox must know; ``service_account_key`` is the content of a service account file."""
        project, network = self.world.projects[0], catalog.NETWORK
        return {
            "endpoint": self.endpoint,
            "metadata_host": self.endpoint.removeprefix("http://"),
            "project": project,
            "projects": list(self.world.projects),
            "zones": list(catalog.ZONES),
            "regions": list(catalog.REGIONS),
            "network": f"projects/{project}/global/networks/{network}",
            "subnetworks": {r: f"projects/{project}/regions/{r}/subnetworks/{network}" for r in catalog.REGIONS},
            "image_families": {
                image.family: f"projects/{image.project}/global/images/family/{image.family}"
                for image in catalog.IMAGES
            },
            "service_account": self.world.service_account,
            "service_account_key": self.auth.key_file(self.endpoint),
        }

    def handle(self, request: server.Request) -> server.Answer:
        """Every request comes through here."""
        try:
            if request.path.startswith("/_sandbox/"):
                return control.answer(self.world, request.verb, request.path, _json(request.body))
            if metadata.is_for_us(request):
                return metadata.answer(self.world, self.auth, request)
            if request.path == "/token":
                return self._token(request)
            return self._call(request)
        except errors.ApiError as error:
            return server.Answer(error.code, error.body())
        except OAuthError as error:
            return server.Answer(400, error.body)
        except server.Dropped:
            raise
        except Exception as error:  # a mistake of the sandbox's own: say which, in the shape that clients read
            message = f"The sandbox failed: {type(error).__name__}: {error}"
            return server.Answer(500, errors.ApiError(500, "internalError", message).body())

    def _metadata(self, request: server.Request) -> server.Answer:
        if not metadata.is_for_us(request):
            return server.Answer(404, "Not found.\n")
        return metadata.answer(self.world, self.auth, request)

    def _token(self, request: server.Request) -> server.Answer:
        form = {key: values[0] for key, values in urllib.parse.parse_qs(request.body.decode()).items()}
        with self._store:
            self.world.faults.calls["token"] += 1
        return server.Answer(200, self.auth.exchange(form, self.endpoint))

    def _call(self, request: server.Request) -> server.Answer:
        method, path = self._document.route(request.verb, request.path)
        user = self.auth.check(request.headers.get("authorization", ""), method.scopes, self.endpoint)
        parameters = schema.check_parameters(method, path, request.query)
        body = schema.check_body(self._document, method, _json(request.body))
        selector = parameters.get("fields")
        mask = masks.parse(str(selector)) if selector is not None else {}
        if mask:
            masks.check(mask, self._document, {"$ref": method.response}, str(selector))
        with self._store:
            world_faults = self.world.faults
            world_faults.calls[method.id] += 1
            world_faults.ignored.update(body.ignored)
            fault = world_faults.take(method.id, parameters)
        if fault and fault.get("delay"):
            time.sleep(fault["delay"])
        failing = None
        if fault and fault.get("in_operation"):
            failing = faults.in_operation(fault, parameters)
        elif fault and ("code" in fault or "reason" in fault):
            raise faults.as_error(fault, method.id, parameters)
        with self._store:  # encoded under the lock: what exists is not copied
            value = self._run(Call(method, parameters, body.value, user, failing))
            wrong = schema.problems(self._document, str(method.response), value) if self._check_answers else []
            data = server.encode(masks.apply(mask, value))
        if wrong:
            raise AssertionError(f"{method.id} answers what the document does not allow: {wrong}")
        if fault and fault.get("lost"):
            raise server.Dropped
        return server.Answer(200, data)

    def _run(self, call: Call) -> t.Any:
        handler = methods.HANDLERS.get(call.method.id)
        if handler is None:
            raise errors.ApiError(501, "notImplemented", f"The sandbox does not know compute.{call.method.id}")
        self._check_project(call)
        request_id = str(call.parameters.get("requestId", ""))
        if not request_id:
            return handler(self.world, call)
        if not _UUID.fullmatch(request_id) or set(request_id) <= {"0", "-"}:
            raise errors.invalid("requestId", request_id, "Must be a valid UUID that is not all zeros.")
        return self._once(handler, call, request_id.lower())

    def _once(self, handler: methods.Handler, call: Call, request_id: str) -> t.Any:
        """The operation that this request id began already, or a new one."""
        said = {
            key: value for key, value in call.parameters.items() if key not in ("requestId", "fields", "prettyPrint")
        }
        digest = hashlib.sha256(json.dumps([call.method.id, said, call.body], sort_keys=True).encode()).hexdigest()
        key = f"{call.project}/{request_id}"
        known = self._store.table("requests").get(key)
        if known and time.time() - known["at"] < _REPLAY_SECONDS:
            if known["digest"] != digest:
                why = "The request ID was used already for a different request."
                raise errors.invalid("requestId", request_id, why)
            record = self._store.table("operations").get(known["operation"])
            if record is not None:
                return record["resource"]
        operation = handler(self.world, call)
        name = f"{call.project}/{call.zone}/{operation['name']}"
        self._store.put("requests", key, {"digest": digest, "operation": name, "at": time.time()})
        return operation

    def _check_project(self, call: Call) -> None:
        public = call.project in catalog.PUBLIC_PROJECTS and call.method.id.startswith("images.")
        if call.project not in self.world.projects and not public:
            message = f"Required 'compute.{call.method.id}' permission for 'projects/{call.project}'"
            raise errors.ApiError(403, "forbidden", message)


def _json(body: bytes) -> t.Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError as why:
        raise errors.ApiError(400, "parseError", f"Invalid JSON payload received. {why}") from why

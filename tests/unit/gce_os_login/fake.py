"""A small Google over HTTP: the OS Login API of one account, a project's and an instance's metadata, and operations."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import typing as t
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, t.Any]]
USER = re.compile(r"/v1/users/([^/:]+)(/loginProfile|:importSshPublicKey|/sshPublicKeys/([0-9a-f]+))")
COMPUTE = re.compile(r"/compute/v1/projects/p(/.*)?")


def refusal(status: int, reason: str, message: str = "no") -> Answer:
    """An error as both APIs say it."""
    return status, {"error": {"code": status, "message": message, "errors": [{"reason": reason}]}}


class Google:
    """``first``: answers to give before any other, in turn, to changing calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, str], t.Any]] = []
        self.first: list[Answer] = []
        self.before_change: t.Callable[[], None] = lambda: None
        self.failing: dict[str, str] = {}  #: the error that every operation ends with
        self.keys: dict[str, dict[str, str]] = {}
        self.accounts: list[dict[str, t.Any]] = []
        self.project = {"fingerprint": "f1", "items": [{"key": "foreign", "value": "kept"}]}
        self.instance = {"fingerprint": "i1", "items": [{"key": "foreign", "value": "own"}]}
        self.waits = 0
        google = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                url = urllib.parse.urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                asked = dict(urllib.parse.parse_qsl(url.query))
                status, said = google.answer(self.command, url.path, asked, body, self.headers.get("Authorization", ""))
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_DELETE = _handle

            def log_message(self, *_words: t.Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def changes(self) -> list[str]:
        """The changing calls that were made, without the waits."""
        return [f"{verb} {path}" for verb, path, _asked, _body in self.calls if verb != "GET" and "/wait" not in path]

    def answer(self, verb: str, path: str, asked: dict[str, str], body: t.Any, token: str) -> Answer:
        """HTTP status and JSON."""
        self.calls.append((verb, path, asked, body))
        if token != "Bearer token":
            return refusal(401, "authError")
        if verb != "GET" and self.first and "/wait" not in path:
            return self.first.pop(0)
        user, compute = USER.fullmatch(path), COMPUTE.fullmatch(path)
        if user:
            return self._user(verb, urllib.parse.unquote(user[1]), user[2], user[3], asked, body)
        if compute:
            return self._compute(verb, compute[1] or "", body)
        return refusal(404, "notFound")

    def _user(
        self, verb: str, account: str, call: str, fingerprint: str | None, asked: dict[str, str], body: t.Any
    ) -> Answer:
        if account != "ada@example.com":
            return refusal(403, "forbidden", "not you")
        if call == "/loginProfile" and verb == "GET":
            return 200, self._profile()
        if call == ":importSshPublicKey" and verb == "POST":
            key = hashlib.sha256(body["key"].encode()).hexdigest()
            self.keys[key] = {**body, "fingerprint": key}
            if not self.accounts:
                self.accounts = [posix("ada_example_com", accountId=asked["projectId"], primary=True)]
            return 200, {"loginProfile": self._profile()}
        if fingerprint not in self.keys:
            return refusal(404, "notFound")
        if verb == "DELETE":
            del self.keys[fingerprint]
            return 200, {}
        if verb == "PATCH" and asked == {"updateMask": "expirationTimeUsec"}:
            self.keys[fingerprint].pop("expirationTimeUsec", None)
            self.keys[fingerprint].update(body)
            return 200, self.keys[fingerprint]
        return refusal(400, "badRequest")

    def _profile(self) -> dict[str, t.Any]:
        said: dict[str, t.Any] = {"name": "123", "posixAccounts": self.accounts, "sshPublicKeys": self.keys}
        return {key: value for key, value in said.items() if value}

    def _compute(self, verb: str, path: str, body: t.Any) -> Answer:
        if verb == "GET" and path == "":
            return 200, {"name": "p", "commonInstanceMetadata": self.project}
        if verb == "GET" and path == "/zones/europe-west3-a/instances/one":
            return 200, {"name": "one", "metadata": self.instance}
        if path.endswith("/wait"):
            self.waits += 1
            error = {"error": {"errors": [self.failing]}} if self.failing else {}
            return 200, {"name": "operation", "status": "DONE", **error}
        metadata = {
            "/setCommonInstanceMetadata": self.project,
            "/zones/europe-west3-a/instances/one/setMetadata": self.instance,
        }.get(path)
        if verb != "POST" or metadata is None:
            return refusal(404, "notFound")
        self.before_change()
        if body["fingerprint"] != metadata["fingerprint"]:
            return refusal(412, "conditionNotMet")
        if not self.failing:
            metadata.update(items=body["items"], fingerprint=metadata["fingerprint"] + "+")
        return 200, {"name": "operation", "status": "RUNNING"}


def posix(username: str, **more: t.Any) -> dict[str, t.Any]:
    """A POSIX account as the API shows it."""
    return {
        "username": username,
        "uid": "1234567",
        "gid": "1234567",
        "homeDirectory": f"/home/{username}",
        "shell": "/bin/bash",
        "operatingSystemType": "LINUX",
        **more,
    }

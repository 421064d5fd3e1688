"""What a mount's test talks to: a Cloud Storage server with its API, and an HTTP server for files and identities."""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import threading
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

_UP_SECONDS = 20


class Storage:
    """fake-gcs-server in memory. ``url`` is what an endpoint option takes."""

    def __init__(self, program: Path, address: str, port: int, log: Path) -> None:
        self.url = f"http://{address}:{port}"
        options = ["-scheme=http", f"-host={address}", f"-port={port}", "-backend=memory"]
        names = [f"-public-host={address}:{port}", f"-external-url={self.url}"]
        with log.open("w") as written:
            self._process = subprocess.Popen([str(program), *options, *names], stdout=written, stderr=written)
        until = time.monotonic() + _UP_SECONDS
        while True:
            try:
                self._call("GET", "/storage/v1/b?project=test")
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > until:
                    self.stop()
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        """End it; what it holds is gone."""
        self._process.terminate()
        self._process.wait(10)

    def make(self, bucket: str) -> None:
        """A new bucket."""
        self._call("POST", "/storage/v1/b?project=test", json.dumps({"name": bucket}).encode(), "application/json")

    def put(self, bucket: str, name: str, data: bytes) -> None:
        """Write an object."""
        query = urllib.parse.urlencode({"uploadType": "media", "name": name})
        self._call("POST", f"/upload/storage/v1/b/{bucket}/o?{query}", data, "application/octet-stream")

    def get(self, bucket: str, name: str) -> bytes | None:
        """An object's bytes; None where there is none."""
        try:
            return self._call("GET", f"/storage/v1/b/{bucket}/o/{urllib.parse.quote(name, safe='')}?alt=media")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def _call(self, method: str, path: str, data: bytes | None = None, kind: str = "") -> bytes:
        request = urllib.request.Request(self.url + path, data, {"Content-Type": kind} if kind else {}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return t.cast(bytes, answer.read())


class Peer:
    """Serves a folder's files, and the tokens of a service account and of an instance; remembers who asked."""

    def __init__(self, folder: Path, address: str) -> None:
        self.tokens: list[str] = []
        handler = functools.partial(_Handler, self.tokens, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer((address, 0), handler)
        self.host = f"{address}:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, tokens: list[str], *args: t.Any, **more: t.Any) -> None:
        self._tokens = tokens
        super().__init__(*args, **more)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._token("key" if "assertion=" in body else "nothing")

    def do_GET(self) -> None:
        if not self.path.startswith("/computeMetadata/"):
            super().do_GET()
        elif "/token" in self.path and self.headers["Metadata-Flavor"] == "Google":
            self._token("instance")
        else:
            self._answer(b"test", "text/plain")

    def _token(self, kind: str) -> None:
        self._tokens.append(kind)
        text = json.dumps({"access_token": f"of-{kind}", "expires_in": 3600, "token_type": "Bearer"})
        self._answer(text.encode(), "application/json")

    def _answer(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(data))), ("Metadata-Flavor", "Google")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: t.Any) -> None:
        """Nothing."""

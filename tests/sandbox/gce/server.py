"""HTTP for the sandbox: one threaded server; JSON in, JSON out, never HTML."""

from __future__ import annotations

import http.server
import json
import socket
import typing as t
import urllib.parse


class Dropped(Exception):
    """The answer shall get lost on its way."""


class Answer(t.NamedTuple):
    """Status, value (JSON; text as it is; bytes for JSON that is encoded already) and more headers."""

    status: int
    value: t.Any
    headers: t.Mapping[str, str] = {}


class Request(t.NamedTuple):
    """What a handler gets; ``body`` as bytes, header names in lower case."""

    verb: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    client: str = "127.0.0.1"


def encode(value: t.Any) -> bytes:
    """Text as it is, everything else as JSON."""
    return value.encode() if isinstance(value, str) else json.dumps(value, separators=(",", ":")).encode()


def make(address: str, port: int, handle: t.Callable[[Request], Answer]) -> http.server.ThreadingHTTPServer:
    """A bound server whose requests go to ``handle``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "ESF"
        sys_version = ""
        disable_nagle_algorithm = True
        wbufsize = 65536

        def _do(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            request = Request(
                self.command,
                urllib.parse.unquote(url.path),
                urllib.parse.parse_qs(url.query, keep_blank_values=True),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
                self.client_address[0],
            )
            try:
                answer = handle(request)
            except Dropped:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            plain = isinstance(answer.value, str)
            data = answer.value if isinstance(answer.value, bytes) else encode(answer.value)
            self.send_response(answer.status)
            kind = "text/plain" if plain else "application/json; charset=UTF-8"
            for name, value in {"Content-Type": kind, **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _do

        def log_message(self, *_args: t.Any) -> None:
            """Quiet: the calls are counted instead."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_args: t.Any) -> None:
            """A client that goes away is no news."""

    return Server((address, port), Handler)

"""The lease, from a metadata service on loopback that is as strict as the real one: no token, no answer."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from shutdown_decision import Lease, parse_time
from shutdown_lease import lease_of, read_tags


class Service(BaseHTTPRequestHandler):
    tags: dict[str, str] | None = None

    def answer(self, code, text=""):
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self):
        ttl = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
        self.answer(200, "token") if self.path == "/latest/api/token" and ttl else self.answer(400)

    def do_GET(self):
        tags, prefix = type(self).tags, "/latest/meta-data/tags/instance/"
        if self.headers.get("X-aws-ec2-metadata-token") != "token":
            self.answer(401)
        elif tags is None or not self.path.startswith(prefix):
            self.answer(404)
        elif self.path == prefix:
            self.answer(200, "\n".join(tags))
        else:
            self.answer(200, tags[self.path[len(prefix) :]])

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (None, None),  # tags are not shown to the instance
        ({"Name": "x"}, {}),
        (
            {"Name": "x", "devcontainer:lease-until": "2026-11-24T17:00:00Z", "devcontainer:user": "ada"},
            {"lease-until": "2026-11-24T17:00:00Z"},
        ),
        ({"devcontainer:keep": "2026-11-24T17:00:00Z demo"}, {"keep": "2026-11-24T17:00:00Z demo"}),
    ],
)
def test_read_tags(service, monkeypatch, tags, expected):
    monkeypatch.setattr(Service, "tags", tags)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # must not be asked
    assert read_tags(service) == expected


def test_no_service_is_no_answer():
    assert read_tags("http://127.0.0.1:9") is None


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, Lease()),
        ({"lease-until": "2026-11-24T17:00:00Z"}, Lease(until=parse_time("2026-11-24T17:00:00Z"))),
        ({"lease-until": "soon"}, Lease()),
        (
            {"keep": "2026-11-24T17:00:00Z the \x1b[31mdemo"},
            Lease(kept_until=parse_time("2026-11-24T17:00:00Z"), kept_for="the ?[31mdemo"),
        ),
        ({"keep": "demo"}, Lease()),
    ],
)
def test_lease_of(tags, expected):
    assert lease_of(tags) == expected

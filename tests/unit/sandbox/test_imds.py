"""The metadata service: a token first, each caller its own instance, tags only where the instance shows them."""

from __future__ import annotations

import http.client
import json
import threading
import typing as t

import pytest

from tests.sandbox.inside import imds

TOKEN = "X-aws-ec2-metadata-token"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"


def instance(**changes: t.Any) -> dict[str, t.Any]:
    return {
        "account": "123456789012",
        "hostname": "ip-10-213-16-7",
        "image_id": "ami-1",
        "instance_id": "i-1",
        "instance_type": "t3.medium",
        "metadata_tags": True,
        "private_ip": "10.213.16.7",
        "region": "eu-central-1",
        "tags": {"Name": "demo", "devcontainer:lease-until": "2026-01-01T00:00:00Z"},
        "zone": "eu-central-1a",
        **changes,
    }


class Caller:
    """A process on the host that the table knows by the loopback address."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = ""

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def get(self, path: str) -> tuple[int, str]:
        return self.ask("GET", path, **{TOKEN: self.token})


@pytest.fixture
def world() -> t.Iterator[dict[str, t.Any]]:
    """``table``: what the driver wrote; ``now``: the clock; ``caller``: has no token yet."""
    said: dict[str, t.Any] = {"table": {"127.0.0.1": instance()}, "now": 1000.0}
    server = imds.server("127.0.0.1", 0, imds.Metadata(lambda: said["table"], lambda: said["now"]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    said["caller"] = Caller(server.server_address[1])
    yield said
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def caller(world: dict[str, t.Any]) -> Caller:
    found: Caller = world["caller"]
    status, found.token = found.ask("PUT", "/latest/api/token", **{TTL: "60"})
    assert status == 200
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/latest/meta-data/instance-id", "i-1"),
        ("/latest/meta-data/instance-type", "t3.medium"),
        ("/latest/meta-data/local-ipv4", "10.213.16.7"),
        ("/latest/meta-data/ami-id", "ami-1"),
        ("/latest/meta-data/hostname", "ip-10-213-16-7.eu-central-1.compute.internal"),
        ("/latest/meta-data/placement/availability-zone", "eu-central-1a"),
        ("/latest/meta-data/placement/region", "eu-central-1"),
        ("/latest/meta-data/placement/", "availability-zone\nregion"),
        ("/latest/meta-data/tags/instance", "Name\ndevcontainer:lease-until"),
        ("/latest/meta-data/tags/instance/Name", "demo"),
        ("/latest/meta-data/tags/instance/devcontainer%3Alease-until", "2026-01-01T00:00:00Z"),
    ],
)
def test_values(caller: Caller, path: str, value: str) -> None:
    assert caller.get(path) == (200, value)


def test_identity_document(caller: Caller) -> None:
    status, text = caller.get("/latest/dynamic/instance-identity/document")
    assert status == 200
    assert {"instanceId": "i-1", "accountId": "123456789012", "region": "eu-central-1"}.items() <= json.loads(
        text
    ).items()


def test_without_a_token_nothing_is_told(world: dict[str, t.Any]) -> None:
    assert world["caller"].ask("GET", "/latest/meta-data/instance-id")[0] == 401
    assert world["caller"].ask("GET", "/latest/meta-data/instance-id", **{TOKEN: "made-up"})[0] == 401


@pytest.mark.parametrize("ttl", [{}, {TTL: "0"}, {TTL: "21601"}, {TTL: "soon"}])
def test_a_token_needs_a_lifetime(world: dict[str, t.Any], ttl: dict[str, str]) -> None:
    assert world["caller"].ask("PUT", "/latest/api/token", **ttl)[0] == 400


def test_no_token_for_a_proxy(world: dict[str, t.Any]) -> None:
    assert world["caller"].ask("PUT", "/latest/api/token", **{TTL: "60", "X-Forwarded-For": "192.0.2.1"})[0] == 403


def test_a_token_ends(world: dict[str, t.Any], caller: Caller) -> None:
    world["now"] += 59
    assert caller.get("/latest/meta-data/instance-id")[0] == 200
    world["now"] += 1
    assert caller.get("/latest/meta-data/instance-id")[0] == 401


def test_tags_only_where_the_instance_shows_them(world: dict[str, t.Any], caller: Caller) -> None:
    world["table"] = {"127.0.0.1": instance(metadata_tags=False)}
    assert caller.get("/latest/meta-data/tags/instance/Name")[0] == 404
    assert "tags/" not in caller.get("/latest/meta-data/")[1].split("\n")


def test_changed_tags_are_seen_at_once(world: dict[str, t.Any], caller: Caller) -> None:
    world["table"] = {"127.0.0.1": instance(tags={"Name": "other"})}
    assert caller.get("/latest/meta-data/tags/instance/Name") == (200, "other")


def test_a_stranger_is_told_nothing(world: dict[str, t.Any], caller: Caller) -> None:
    world["table"] = {"10.213.16.8": instance()}
    assert caller.get("/latest/meta-data/instance-id")[0] == 404
    assert caller.ask("PUT", "/latest/api/token", **{TTL: "60"})[0] == 404

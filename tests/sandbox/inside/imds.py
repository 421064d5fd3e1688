"""The instance metadata service, version 2, as EC2 answers: a token first, and the caller is known by its address.

Runs in the services container with Python's standard library only: imds.py ADDRESS PORT TABLE, where TABLE is the JSON
file that the host driver writes (address -> instance). A hop limit is not emulated: a container inside a host is
masqueraded to the host's address, and gets an answer whatever the limit.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
import typing as t
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_LONGEST = 6 * 3600
_TTL = "x-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "x-aws-ec2-metadata-token"

Answer = tuple[int, str]


class Metadata:
    """Answers requests; knows no socket. ``table``: returns address -> instance as the driver wrote it."""

    def __init__(self, table: t.Callable[[], t.Mapping[str, t.Any]], now: t.Callable[[], float] = time.time) -> None:
        self._table = table
        self._now = now
        self._tokens: dict[str, tuple[str, float]] = {}  # token -> the address it was given to, its end

    def put(self, path: str, headers: t.Mapping[str, str], address: str) -> Answer:
        """A token, for as many seconds as the header asks."""
        if path != "/latest/api/token" or address not in self._table():
            return 404, "Not Found"
        if "x-forwarded-for" in headers:  # a proxy that would hand the role's credentials to strangers
            return 403, "Forbidden"
        asked = headers.get(_TTL, "")
        if not asked.isdigit() or not 1 <= int(asked) <= _LONGEST:
            return 400, "Bad Request"
        now = self._now()
        self._tokens = {token: pair for token, pair in self._tokens.items() if pair[1] > now}
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (address, now + int(asked))
        return 200, token

    def get(self, path: str, headers: t.Mapping[str, str], address: str) -> Answer:
        """A value, or the names below a folder."""
        instance = self._table().get(address)
        if instance is None:
            return 404, "Not Found"
        owner, end = self._tokens.get(headers.get(_TOKEN, ""), ("", 0.0))
        if owner != address or end <= self._now():
            return 401, "Unauthorized"
        asked = urllib.parse.unquote(path).strip("/")
        values = tree(instance)
        if asked in values:
            return 200, values[asked]
        below = [key[len(asked) + 1 :] for key in values if key.startswith(asked + "/")]
        names = {name.split("/")[0] + ("/" if "/" in name else "") for name in below}
        return (200, "\n".join(sorted(names))) if names else (404, "Not Found")


def tree(instance: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Path -> value of all that an instance may know of itself."""
    meta = {
        "ami-id": instance["image_id"],
        "hostname": f"{instance['hostname']}.{instance['region']}.compute.internal",
        "instance-id": instance["instance_id"],
        "instance-type": instance["instance_type"],
        "local-ipv4": instance["private_ip"],
        "placement/availability-zone": instance["zone"],
        "placement/region": instance["region"],
    }
    if instance["metadata_tags"]:
        meta.update({f"tags/instance/{key}": value for key, value in instance["tags"].items()})
    document = {
        "accountId": instance["account"],
        "availabilityZone": instance["zone"],
        "imageId": instance["image_id"],
        "instanceId": instance["instance_id"],
        "instanceType": instance["instance_type"],
        "privateIp": instance["private_ip"],
        "region": instance["region"],
        "version": "2017-09-30",
    }
    values = {f"latest/meta-data/{key}": str(value) for key, value in meta.items()}
    values["latest/dynamic/instance-identity/document"] = json.dumps(document, indent=2)
    return values


def server(address: str, port: int, metadata: Metadata) -> ThreadingHTTPServer:
    """Listens already; serve_forever() answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(metadata.get)

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._send(metadata.put)

        def _send(self, method: t.Callable[[str, t.Mapping[str, str], str], Answer]) -> None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            status, text = method(self.path.split("?")[0], headers, self.client_address[0])
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: t.Any) -> None:
            """Say nothing: agents ask every few seconds."""

    return ThreadingHTTPServer((address, port), Handler)


def read(table: Path) -> dict[str, t.Any]:
    """The table as it is now; the driver replaces the file as a whole."""
    return json.loads(table.read_text()) if table.exists() else {}


if __name__ == "__main__":
    server(sys.argv[1], int(sys.argv[2]), Metadata(lambda: read(Path(sys.argv[3])))).serve_forever()

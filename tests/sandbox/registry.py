"""Put a root file system into a registry as an image of one layer, by the registry's own HTTP API.

No engine takes part: the machine's would refuse a registry of plain HTTP that is not on loopback, and must not be told.
"""

from __future__ import annotations

import hashlib
import json
import platform
import typing as t
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_SECONDS = 300


def push(registry: str, name: str, tag: str, tarball: Path, labels: t.Mapping[str, str]) -> None:
    """``registry``: http://HOST:PORT. Does nothing if this very tarball is there. Raises OSError."""
    # The file's own name, which holds its recipe's hash, is a second tag: it says what the first one points at.
    if _exists(f"{registry}/v2/{name}/manifests/{tarball.stem}"):
        return
    with tarball.open("rb") as opened:
        layer = "sha256:" + hashlib.file_digest(opened, "sha256").hexdigest()
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": {"Cmd": ["bash"], "Labels": dict(labels), "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [layer]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "mmdebstrap"}],
        }
    ).encode()
    _blob(registry, name, layer, tarball)
    _blob(registry, name, "sha256:" + hashlib.sha256(config).hexdigest(), config)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _descriptor("application/vnd.docker.container.image.v1+json", config),
        # Not compressed: nothing on one machine's bridge is worth the seconds that gzip takes.
        "layers": [
            {
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar",
                "size": tarball.stat().st_size,
                "digest": layer,
            }
        ],
    }
    for reference in (tag, tarball.stem):
        body = json.dumps(manifest).encode()
        _request("PUT", f"{registry}/v2/{name}/manifests/{reference}", body, len(body), _MANIFEST)


def _descriptor(media_type: str, data: bytes) -> dict[str, t.Any]:
    return {"mediaType": media_type, "size": len(data), "digest": "sha256:" + hashlib.sha256(data).hexdigest()}


def _blob(registry: str, name: str, digest: str, source: Path | bytes) -> None:
    if _exists(f"{registry}/v2/{name}/blobs/{digest}"):
        return
    where = _request("POST", f"{registry}/v2/{name}/blobs/uploads/", b"", 0).headers["Location"]
    where = urllib.parse.urljoin(registry, where)
    where += ("&" if "?" in where else "?") + urllib.parse.urlencode({"digest": digest})
    if isinstance(source, bytes):
        _request("PUT", where, source, len(source))
    else:
        with source.open("rb") as opened:
            _request("PUT", where, opened, source.stat().st_size)


def _exists(url: str) -> bool:
    try:
        _request("HEAD", url, None, 0)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return False
        raise
    return True


def _request(method: str, url: str, data: t.Any, size: int, media_type: str = "application/octet-stream") -> t.Any:
    headers = {"Accept": _MANIFEST}
    if data is not None:
        headers |= {"Content-Type": media_type, "Content-Length": str(size)}
    # The bridge is never behind a proxy, whatever the environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    with opener.open(request, timeout=_SECONDS) as answer:
        answer.read()
        return answer

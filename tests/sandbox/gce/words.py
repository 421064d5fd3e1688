"""Names, links, times and fingerprints as Compute Engine writes them."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import random
import re
import typing as t

from . import errors

BASE = "https://www.googleapis.com/compute/v1/"
_HOSTS = re.compile(r"^(?:https?://[^/]+/compute/(?:v1|beta|alpha)/|/?compute/v1/)")
_PACIFIC = dt.timezone(dt.timedelta(hours=-8))


def link(path: str) -> str:
    """A selfLink of ``projects/...``."""
    return BASE + path


def relative(url: str) -> str:
    """``projects/...`` or ``zones/...`` of a full or partial URL."""
    return _HOSTS.sub("", url)


def last(url: str) -> str:
    """The name at a URL's end."""
    return url.rsplit("/", 1)[-1]


def stamp(epoch: float) -> str:
    """A time as the service prints it: milliseconds, and an offset that is not UTC."""
    return dt.datetime.fromtimestamp(epoch, tz=_PACIFIC).isoformat(timespec="milliseconds")


def new_id() -> str:
    """A resource's number: 19 digits as text."""
    return str(random.randrange(10**18, 9 * 10**18))


def fingerprint(value: t.Any) -> str:
    """8 bytes in base64 that change with the value."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest[:8]).decode()


def parse_link(field: str, url: str, pattern: str, project: str) -> dict[str, str]:
    """The named groups of a partial or full URL, where ``pattern`` begins behind the project. Raises ApiError."""
    match = re.fullmatch(rf"(?:projects/(?P<project>[^/]+)/)?{pattern}", relative(url))
    if not match:
        raise errors.invalid(field, url, "The URL is malformed.")
    return {**match.groupdict(), "project": match["project"] or project}

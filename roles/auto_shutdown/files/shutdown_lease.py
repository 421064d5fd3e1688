# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The workspace's lease and pin, from its own tags through the instance metadata service (IMDSv2)."""

from __future__ import annotations

import http.client
import urllib.request

from shutdown_decision import Lease, parse_time, plain

TAGS = "/latest/meta-data/tags/instance"
#: A host without the service (or a service that hangs) costs a tick this long, in seconds.
TIMEOUT = 1.0
# The service is never behind a proxy, whatever the environment says.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def read_tags(url: str) -> dict[str, str] | None:
    """The ``devcontainer:`` tags, without that prefix; None where the service gives no answer to rely on.

    An instance whose tags are not shown to it answers 404 for all of them: that is no answer either.
    """
    try:
        request = urllib.request.Request(f"{url}/latest/api/token", method="PUT")
        request.add_header("X-aws-ec2-metadata-token-ttl-seconds", "60")
        with _OPENER.open(request, timeout=TIMEOUT) as answer:
            headers = {"X-aws-ec2-metadata-token": answer.read().decode()}
        wanted = [f"devcontainer:{key}" for key in ("lease-until", "keep")]
        there = _get(f"{url}{TAGS}/", headers).split()
        return {name.partition(":")[2]: _get(f"{url}{TAGS}/{name}", headers) for name in wanted if name in there}
    except (OSError, ValueError, http.client.HTTPException):  # URLError and HTTPError are OSErrors
        return None


def _get(url: str, headers: dict[str, str]) -> str:
    with _OPENER.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
        return answer.read(4096).decode()


def lease_of(tags: dict[str, str]) -> Lease:
    """``keep`` is ``<time> <reason>``. A time that cannot be read is no limit here: the reaper outside stops on it."""
    until, _space, reason = tags.get("keep", "").partition(" ")
    return Lease(parse_time(tags.get("lease-until", "")), parse_time(until), plain(reason))

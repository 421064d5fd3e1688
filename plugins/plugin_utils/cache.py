# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache of an inventory: its key, and small records in and out."""

from __future__ import annotations

import hashlib
import json
import os
import typing as t
from pathlib import Path

from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import SHAPE, Found, from_record


def cache_key(plugin: str, decides: t.Mapping[str, t.Any]) -> str:
    """A key over everything that decides the answer; no secret can be read back from it.

    The inventory file's own path is left out: AWX unpacks a project to another folder for each job.
    """
    text = json.dumps([SHAPE, decides], sort_keys=True, default=str)
    return f"{plugin}_{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def identity(variables: t.Iterable[str], files: t.Iterable[Path]) -> dict[str, str]:
    """Who asks, as far as it can be seen without asking anybody: environment variables, and digests of files."""
    seen = {name: os.environ[name] for name in variables if name in os.environ}
    for file in files:
        try:
            seen[str(file)] = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError:
            seen[str(file)] = ""
    return seen


def to_cache(machines: t.Iterable[Found]) -> dict[str, t.Any]:
    """What is stored under the key."""
    return {"machines": [found.to_record() for found in machines]}


def from_cache(provider: str, stored: t.Any) -> list[Found] | None:
    """The machines of a stored answer; None for what cannot be one, which is then asked for anew."""
    try:
        return [from_record(provider, record) for record in stored["machines"]]
    except (KeyError, TypeError, ValueError):
        return None

"""The account on disk: written whole after each change, since a pickle of moto's backend is a few kB per instance.

One pickle, so that an instance of the world and the same one of moto's stay one object. SSM and IAM are seeded anew.
"""

from __future__ import annotations

import pickle
import typing as t
from pathlib import Path

from moto.ec2.models import ec2_backends

from tests.sandbox import settings


class Store:
    """A folder with the account in it. It is read with pickle: it must be the sandbox's own folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "account.pickle"

    def load(self) -> tuple[t.Any, t.Any] | None:
        """(tracks, tokens) as they were, moto's backends put in place; None where nothing was kept."""
        if not self._file.exists():
            return None
        kept = pickle.loads(self._file.read_bytes())
        for region, backend in kept["backends"].items():
            ec2_backends[settings.ACCOUNT][region] = backend
        return kept["tracks"], kept["tokens"]

    def save(self, tracks: t.Any, tokens: t.Any) -> None:
        """All of it; whoever is killed here leaves the one before."""
        kept = {"backends": dict(ec2_backends[settings.ACCOUNT].items()), "tracks": tracks, "tokens": tokens}
        new = self._file.with_suffix(".new")
        new.write_bytes(pickle.dumps(kept))
        new.replace(self._file)

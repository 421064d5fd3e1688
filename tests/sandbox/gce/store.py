"""What survives `kill -9`: every table in memory, every change written through in one SQLite transaction."""

from __future__ import annotations

import json
import sqlite3
import threading
import typing as t
from pathlib import Path

Record = dict[str, t.Any]


class Store:
    """Named tables of JSON values. Change them inside ``with store:`` only; the outermost exit commits.

    ``folder`` None keeps everything in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self.lock = threading.Condition(threading.RLock())
        self._depth = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "gce.sqlite" if folder else ":memory:", check_same_thread=False)
        self._db.isolation_level = None
        # The process may be killed at any time, the machine is not: what the kernel has is safe.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("CREATE TABLE IF NOT EXISTS record (tab TEXT, key TEXT, value TEXT, PRIMARY KEY (tab, key))")
        self._tables: dict[str, dict[str, t.Any]] = {}
        for table, key, value in self._db.execute("SELECT tab, key, value FROM record ORDER BY rowid"):
            self._tables.setdefault(table, {})[key] = json.loads(value)

    def __enter__(self) -> Store:
        self.lock.acquire()
        if self._depth == 0:
            self._db.execute("BEGIN")
        self._depth += 1
        return self

    def __exit__(self, *_exc: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            # What failed half way stays as it is in memory too: handlers check everything before they change anything.
            self._db.execute("COMMIT")
            self.lock.notify_all()
        self.lock.release()

    def wait(self, seconds: float) -> None:
        """Inside ``with store:``: commit, let others work, and return when something changed or the time is up."""
        depth, self._depth = self._depth, 0
        self._db.execute("COMMIT")
        self.lock.wait(seconds)
        self._depth = depth
        self._db.execute("BEGIN")

    def table(self, name: str) -> t.Mapping[str, t.Any]:
        """The table; read it under the lock, change records through put()."""
        return self._tables.setdefault(name, {})

    def put(self, table: str, key: str, value: t.Any) -> None:
        """Write one record, new or changed."""
        self._tables.setdefault(table, {})[key] = value
        self._db.execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", (table, key, json.dumps(value)))

    def remove(self, table: str, key: str) -> None:
        """Gone already is gone."""
        if self._tables.setdefault(table, {}).pop(key, None) is not None:
            self._db.execute("DELETE FROM record WHERE tab = ? AND key = ?", (table, key))

    def close(self) -> None:
        """Let go of the file."""
        with self.lock:
            self._db.close()

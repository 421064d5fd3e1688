# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of a workspace as the rest of this package sees them: paths relative to its folder, '/' between names."""

from __future__ import annotations

import os
import posixpath
import typing as t
from pathlib import Path


class Tree(t.Protocol):
    """What is asked of a workspace's files. Paths may lead out of the folder with ``..``."""

    def read(self, path: str) -> t.Optional[bytes]:
        """A file's content; None where there is no file. Raises OSError where it may not be read."""

    def walk(self, path: str) -> t.Iterator[tuple[str, bytes]]:
        """(path below the folder, what identifies it) of every file and link below a folder; nothing for no folder."""


def join(folder: str, *parts: str) -> str:
    """A path relative to the workspace, without detours; '' is the workspace itself."""
    path = posixpath.normpath(posixpath.join(folder, *parts))
    return "" if path == "." else path


class Folder:
    """A Tree on disk."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def read(self, path: str) -> t.Optional[bytes]:
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def walk(self, path: str) -> t.Iterator[tuple[str, bytes]]:
        top = self.root / path
        for folder, names, files in os.walk(top):
            # .git changes with every command and is hardly ever meant.
            names[:] = sorted(name for name in names if name != ".git")
            links = [name for name in names if (Path(folder) / name).is_symlink()]
            for name in sorted(files + links):
                file = Path(folder) / name
                below = file.relative_to(top).as_posix()
                if file.is_symlink():
                    yield below, b"link " + os.fsencode(file.readlink())
                elif file.is_file():
                    kind = b"program " if os.access(file, os.X_OK) else b"file "
                    yield below, kind + file.read_bytes()

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which devcontainer.json a workspace has, and what it says. Pure over a Tree."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import jsonc
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer.tree import Tree, join
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput

#: Where the specification looks first; a folder of its own below .devcontainer comes last.
USUAL = (".devcontainer/devcontainer.json", ".devcontainer.json")
_OWN_FOLDER = re.compile(r"\.?[^/]+/devcontainer\.json")

Config = dict[str, t.Any]


def find(tree: Tree, config: str = "") -> str:
    """The path of the one devcontainer.json, relative to the workspace. Raises InvalidInput."""
    if config:
        path = join(config)
        if path.startswith(("/", "..")):
            raise InvalidInput(f"config: {config!r} lies outside of the workspace; give a path below it")
        if tree.read(path) is None:
            raise InvalidInput(f"config: the workspace has no file {config!r}; give the path of its devcontainer.json")
        return path
    for path in USUAL:
        if tree.read(path) is not None:
            return path
    own = sorted(f".devcontainer/{path}" for path, _data in tree.walk(".devcontainer") if _OWN_FOLDER.fullmatch(path))
    if len(own) > 1:
        raise InvalidInput(f"config: the workspace has {len(own)} of them ({', '.join(own)}); name one in config")
    if not own:
        raise InvalidInput(
            f"workspace_folder: there is neither {' nor '.join(USUAL)} in it; add one, or name another in config"
        )
    return own[0]


def load(tree: Tree, path: str) -> Config:
    """What a devcontainer.json says. Raises InvalidInput for what the reference CLI would run by half."""
    content = tree.read(path)
    if content is None:
        raise InvalidInput(f"config: {path} is gone")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{path}: this is not UTF-8 text") from None
    config = jsonc.parse(text, path)
    if not isinstance(config, dict):
        raise InvalidInput(f"{path}: expected an object in braces, but it holds {type(config).__name__}")
    if not (config.get("image") or config.get("dockerComposeFile") or dockerfile(config)):
        raise InvalidInput(f"{path}: it names no image, no build.dockerfile and no dockerComposeFile; add one of them")
    return config


def dockerfile(config: Config) -> t.Optional[tuple[str, str]]:
    """(Dockerfile, build context), relative to the folder of devcontainer.json; None where nothing is built so."""
    build = config.get("build")
    build = build if isinstance(build, dict) else {}
    file = build.get("dockerfile") or config.get("dockerFile")
    if not file:
        return None
    return str(file), str(build.get("context") or config.get("context") or ".")


def compose_files(config: Config) -> list[str]:
    """The Compose files, relative to the folder of devcontainer.json."""
    found = config.get("dockerComposeFile") or []
    return [found] if isinstance(found, str) else [str(file) for file in found]


def local_features(config: Config) -> list[str]:
    """The Features that are folders of the repository, relative to the folder of devcontainer.json."""
    features = config.get("features")
    return [name for name in features if name.startswith("./")] if isinstance(features, dict) else []


def lock_file(path: str) -> str:
    """Where the lock of a devcontainer.json lies."""
    folder, _slash, name = path.rpartition("/")
    return join(folder, ".devcontainer-lock.json" if name.startswith(".") else "devcontainer-lock.json")

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a container is made of, as digests: it is made anew when one of them differs. Pure over a Tree.

The reference CLI compares nothing but labels: it uses an existing container again, whatever was changed.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import config as configs
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer.tree import Tree, join

#: Input -> digest. An input is a file's path below the workspace, or what stands before a colon, such as ``env:NAME``.
Inputs = dict[str, str]

_LOCAL_ENV = re.compile(r"\$\{(?:localEnv|env):([^:}]+)")
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)", re.IGNORECASE | re.MULTILINE)
_COPY = re.compile(r"^\s*(?:COPY|ADD)\s+(.*)$", re.IGNORECASE | re.MULTILINE)
_CONTINUED = re.compile(r"\\[ \t]*\r?\n")
_COMMENT = re.compile(r"^\s*#.*\n?", re.MULTILINE)
_BIND = re.compile(r"--mount=(?!\S*type=(?:cache|secret|ssh|tmpfs))(?!\S*from=)", re.IGNORECASE)


def inputs(
    tree: Tree,
    path: str,
    config: configs.Config,
    environment: t.Mapping[str, str],
    cli_version: str = "",
    images: t.Optional[t.Mapping[str, str]] = None,
) -> Inputs:
    """Everything that the container of the devcontainer.json at ``path`` is made of.

    ``images`` holds the ids of those base images that are known. Raises OSError for a file that may not be read.
    """
    # What it says, so that a comment makes no new container; in its order, since Features are installed in it.
    found = {path: _digest(json.dumps(config).encode())}
    folder = posixpath.dirname(path)

    def add(file: str) -> None:
        content = tree.read(file)
        if content is not None:
            found[file] = _digest(content)

    add(configs.lock_file(path))
    for feature in configs.local_features(config):
        found.update(_whole(tree, join(folder, feature)))
    built = configs.dockerfile(config)
    if built:
        found.update(_image(tree, join(folder, built[0]), join(folder, built[1])))
    for file in configs.compose_files(config):
        found.update(_compose(tree, join(folder, file)))
    for file in _option_files(config.get("runArgs")):
        add(join(file))
    for name in local_env(config):
        found[f"env:{name}"] = _digest(environment.get(name, "").encode("utf-8", "surrogateescape"))
    for name, digest in (images or {}).items():
        found[f"image:{name}"] = digest
    if cli_version:
        found["cli:version"] = cli_version
    return found


def content_hash(found: Inputs) -> str:
    """One word for all inputs."""
    return _digest(json.dumps(found, sort_keys=True).encode())


def difference(before: Inputs, after: Inputs) -> list[str]:
    """The inputs that were added, changed or removed."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def local_env(config: configs.Config) -> list[str]:
    """The names of the host's environment variables that a devcontainer.json uses."""
    return sorted(set(_LOCAL_ENV.findall(json.dumps(config, ensure_ascii=False))))


def base_images(tree: Tree, path: str, config: configs.Config) -> list[str]:
    """The images that the container starts from, as far as they are written out."""
    if config.get("image"):
        names = [str(config["image"])]
    else:
        built = configs.dockerfile(config)
        content = tree.read(join(posixpath.dirname(path), built[0])) if built else None
        names = _FROM.findall(content.decode("utf-8", "replace")) if content else []
    return sorted({name for name in names if "$" not in name and name != "scratch"})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _whole(tree: Tree, folder: str) -> Inputs:
    """Every file below a folder."""
    return {join(folder, file): _digest(content) for file, content in tree.walk(folder)}


def _image(tree: Tree, file: str, context: str) -> Inputs:
    """A Dockerfile and what it can take from its build context."""
    content = tree.read(file)
    if content is None:
        return {}
    found = {file: _digest(content)}
    sources = _copied(content.decode("utf-8", "replace"))
    if not sources:
        return found
    ignore = tree.read(f"{file}.dockerignore")
    if ignore is None:
        ignore = tree.read(join(context, ".dockerignore")) or b""
    ignored = _ignored(ignore.decode("utf-8", "replace"))
    taken = hashlib.sha256()
    for below, identity in tree.walk(context):
        if any(source == "" or below == source or below.startswith(f"{source}/") for source in sources) and not ignored(
            below
        ):
            taken.update(f"{below}\0{_digest(identity)}\n".encode("utf-8", "surrogateescape"))
    found[f"context:{context}"] = taken.hexdigest()
    return found


def _copied(text: str) -> set[str]:
    """What a Dockerfile takes from its context, as paths below it; '' for all of it, also where that cannot be told.

    Most Dockerfiles of a .devcontainer take nothing although their context is the whole repository, and then an edited
    source file is no reason for a new container.
    """
    text = _CONTINUED.sub(" ", _COMMENT.sub("", text))
    found: set[str] = set()
    if _BIND.search(text):
        found.add("")
    for arguments in _COPY.findall(text):
        words = arguments.split()
        if any(word.lower().startswith("--from") for word in words):
            continue
        words = [word for word in words if not word.startswith("--")]
        if arguments.lstrip().startswith("[") or any("$" in word or '"' in word for word in words[:-1]):
            found.add("")
            continue
        for word in words[:-1]:
            if "://" in word or word.startswith("<<"):
                continue
            # Up to the first pattern; join() takes the leading slash's meaning away, as Docker does.
            plain = re.split(r"[*?\[]", word)[0]
            plain = plain if plain == word else plain.rpartition("/")[0]
            found.add(join(plain.lstrip("/") or "."))
    return found


def _ignored(text: str) -> t.Callable[[str], bool]:
    """A .dockerignore as a test for paths below the context."""
    rules: list[tuple[bool, re.Pattern[str]]] = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        keep = line.startswith("!")
        pattern = posixpath.normpath(line.lstrip("!").strip()).lstrip("/")
        parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", pattern)
        special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
        expression = "".join(
            special.get(part, part if index % 2 and part.startswith("[") else re.escape(part))
            for index, part in enumerate(parts)
        )
        rules.append((keep, re.compile(".*" if pattern == "." else f"{expression}(?:/.*)?", re.DOTALL)))

    def test(path: str) -> bool:
        verdict = False
        for keep, expression in rules:
            if expression.fullmatch(path):
                verdict = not keep
        return verdict

    return test


def _compose(tree: Tree, file: str) -> Inputs:
    """A Compose file, .env beside it, and every file and Dockerfile's folder that it names.

    It is read as words, not as YAML: a file that is named but not used costs a digest, no more.
    """
    content = tree.read(file)
    if content is None:
        return {}
    folder = posixpath.dirname(file)
    found = {file: _digest(content)}
    words = {word.strip("\"'") for word in re.split(r"[\s\[\],{}:=]+", content.decode("utf-8", "replace"))}
    places = {join(folder, word) for word in {".env", *words} if word and not word.startswith(("/", "-", "$"))}
    for place in sorted(places):
        if "dockerfile" in posixpath.basename(place).lower():
            found.update(_image(tree, place, posixpath.dirname(place)))
        elif tree.read(join(place, "Dockerfile")) is not None:
            found.update(_image(tree, join(place, "Dockerfile"), place))
        else:
            named = tree.read(place)
            if named is not None:
                found[place] = _digest(named)
    return found


def _option_files(arguments: t.Any) -> list[str]:
    """The files of --env-file and --label-file; Docker takes them relative to the workspace."""
    words = [str(word) for word in arguments] if isinstance(arguments, list) else []
    joined = [word.split("=", 1) for word in words if "=" in word]
    pairs = [*zip(words, words[1:]), *((option, value) for option, value in joined)]
    files = [value for option, value in pairs if option in ("--env-file", "--label-file")]
    return [file.replace("${localWorkspaceFolder}/", "") for file in files]

"""The content hash changes when an input changes, and only then."""

from __future__ import annotations

import json

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import config as configs
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import content
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer.tree import Folder

PATH = ".devcontainer/devcontainer.json"
CONFIG = {
    "build": {"dockerfile": "Dockerfile", "context": ".."},
    "features": {"./features/hello": {}},
    "containerEnv": {"A": "${localEnv:TOKEN}", "B": "${env:OTHER:default}"},
    "runArgs": ["--env-file", "docker.env", "--label-file=labels"],
}
FILES = {
    ".devcontainer/Dockerfile": "FROM --platform=linux/amd64 base:1 AS a\nCOPY --chown=1:1 src/ \\\n  lib/*.txt /x/\n",
    ".devcontainer/features/hello/install.sh": "echo hello",
    ".devcontainer/devcontainer-lock.json": "{}",
    "src/main.c": "int",
    "lib/a.txt": "a",
    "src/skipped.o": "object",
    ".dockerignore": "# comment\n**/*.o\n",
    "docker.env": "A=1",
    "labels": "a=b",
    "README.md": "hello",
}
ENVIRONMENT = {"TOKEN": "t", "UNUSED": "u"}


def put(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture
def workspace(tmp_path):
    put(tmp_path, {PATH: json.dumps(CONFIG), **FILES})
    return tmp_path


def inputs(root, environment=None, version="1", images=None):
    tree = Folder(str(root))
    return content.inputs(tree, PATH, configs.load(tree, PATH), environment or ENVIRONMENT, version, images)


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({PATH: json.dumps({**CONFIG, "privileged": True})}, PATH),
        ({".devcontainer/Dockerfile": FILES[".devcontainer/Dockerfile"] + "USER x\n"}, ".devcontainer/Dockerfile"),
        ({".devcontainer/features/hello/more": "x"}, ".devcontainer/features/hello/more"),
        ({".devcontainer/devcontainer-lock.json": '{"a": 1}'}, ".devcontainer/devcontainer-lock.json"),
        ({"src/main.c": "char"}, "context:"),
        ({"src/deep/new.c": "x"}, "context:"),
        ({"lib/b.txt": "b"}, "context:"),
        ({"docker.env": "A=2"}, "docker.env"),
        ({"labels": "a=c"}, "labels"),
    ],
)
def test_an_input_changes_the_hash(workspace, change, differs):
    before = inputs(workspace)
    put(workspace, change)
    after = inputs(workspace)
    assert content.difference(before, after) == [differs]
    assert content.content_hash(before) != content.content_hash(after)


@pytest.mark.parametrize(
    "change",
    [
        {"README.md": "other"},
        {"src/skipped.o": "other object"},
        {PATH: "// a comment\n" + json.dumps(CONFIG, indent=4)},
        {".git/index": "x"},
        {"src/.git/index": "x"},
    ],
)
def test_what_is_no_input_does_not(workspace, change):
    before = inputs(workspace)
    put(workspace, change)
    assert content.content_hash(inputs(workspace)) == content.content_hash(before)


def test_environment_version_and_image_are_inputs(workspace):
    before = inputs(workspace, images={"base:1": "sha256:1"})
    assert content.difference(before, inputs(workspace, {"TOKEN": "other"}, images={"base:1": "sha256:1"})) == [
        "env:TOKEN"
    ]
    assert content.difference(before, inputs(workspace, version="2", images={"base:1": "sha256:1"})) == ["cli:version"]
    assert content.difference(before, inputs(workspace, images={"base:1": "sha256:2"})) == ["image:base:1"]
    same = inputs(workspace, {**ENVIRONMENT, "UNUSED": "other"}, images={"base:1": "sha256:1"})
    assert content.content_hash(same) == content.content_hash(before)


def test_no_value_of_the_environment_is_kept(workspace):
    assert "s3cret" not in json.dumps(inputs(workspace, {"TOKEN": "s3cret"}))


def test_the_order_of_features_counts(workspace):
    first, second = {"image": "x", "features": {"a": {}, "b": {}}}, {"image": "x", "features": {"b": {}, "a": {}}}
    tree = Folder(str(workspace))
    assert content.inputs(tree, PATH, first, {}) != content.inputs(tree, PATH, second, {})


def test_a_mode_and_a_link_in_the_context_count(workspace):
    before = inputs(workspace)
    (workspace / "src/main.c").chmod(0o755)
    changed = inputs(workspace)
    (workspace / "src/link").symlink_to("main.c")
    assert content.difference(before, changed) == content.difference(changed, inputs(workspace)) == ["context:"]


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("FROM x\nRUN make\n", set()),
        ("COPY . /x", {""}),
        ("copy --from=build /a /b", set()),
        ("ADD https://x/y /z", set()),
        ('COPY ["a b", "/x"]', {""}),
        ("COPY $DIR /x", {""}),
        ("COPY /abs/file a/b*/c /x", {"abs/file", "a"}),
        ("# COPY . /x", set()),
        ("RUN --mount=type=bind,source=.,target=/x make", {""}),
        ("RUN --mount=type=cache,target=/x make", set()),
        ("COPY <<EOF /x", set()),
    ],
)
def test_what_a_dockerfile_takes(text, sources):
    assert content._copied(text) == sources


@pytest.mark.parametrize(
    ("rules", "ignored", "kept"),
    [
        ("node_modules", ["node_modules/a/b"], ["src/node_modules/a"]),
        ("**/node_modules", ["node_modules/a", "x/y/node_modules/a"], ["node_modules2"]),
        ("*.md\n!README.md", ["a.md"], ["README.md", "x/a.md"]),
        ("/a/?b", ["a/xb"], ["a/b", "a/x/b"]),
        ("*\n!src", ["a", "b/c"], ["src/main.c"]),
        ("[ab].c", ["a.c"], ["c.c"]),
    ],
)
def test_dockerignore(rules, ignored, kept):
    test = content._ignored(rules)
    assert [path for path in ignored + kept if test(path)] == ignored


def test_compose_files_and_what_they_name(tmp_path):
    compose = """
services:
  app:
    build:
      context: ..
      dockerfile: .devcontainer/app.Dockerfile
    env_file: [app.env]
  db:
    build: ./db
"""
    put(
        tmp_path,
        {
            PATH: json.dumps({"dockerComposeFile": ["compose.yml"], "service": "app"}),
            ".devcontainer/compose.yml": compose,
            ".devcontainer/app.env": "a",
            ".devcontainer/.env": "b",
            ".devcontainer/db/Dockerfile": "FROM x\nCOPY init.sql /",
            ".devcontainer/db/init.sql": "c",
            "unnamed": "d",
        },
    )
    before = inputs(tmp_path)
    for name in (
        ".devcontainer/app.env",
        ".devcontainer/.env",
        ".devcontainer/db/init.sql",
        ".devcontainer/db/Dockerfile",
    ):
        after = inputs(tmp_path)
        put(tmp_path, {name: FILES.get(name, "FROM y\nCOPY init.sql /")})
        assert content.difference(after, inputs(tmp_path)), name
    changed = inputs(tmp_path)
    put(tmp_path, {"unnamed": "other"})
    assert content.content_hash(inputs(tmp_path)) == content.content_hash(changed) != content.content_hash(before)


def test_base_images(workspace):
    tree = Folder(str(workspace))
    assert content.base_images(tree, PATH, CONFIG) == ["base:1"]
    assert content.base_images(tree, PATH, {"image": "x:2"}) == ["x:2"]
    assert content.base_images(tree, PATH, {"dockerComposeFile": "c"}) == []

"""Which devcontainer.json is meant."""

from __future__ import annotations

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import config
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer.tree import Folder
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput


def tree_of(tmp_path, *files, text='{"image": "x"}'):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    return Folder(str(tmp_path))


@pytest.mark.parametrize(
    ("files", "asked", "found"),
    [
        ([".devcontainer/devcontainer.json", ".devcontainer.json"], "", ".devcontainer/devcontainer.json"),
        ([".devcontainer.json", ".devcontainer/a/devcontainer.json"], "", ".devcontainer.json"),
        ([".devcontainer/a/devcontainer.json"], "", ".devcontainer/a/devcontainer.json"),
        ([".devcontainer/a/devcontainer.json", "x/b.json"], "./x/b.json", "x/b.json"),
        (
            [".devcontainer/a/devcontainer.json", ".devcontainer/a/b/devcontainer.json"],
            "",
            ".devcontainer/a/devcontainer.json",
        ),
    ],
)
def test_found(tmp_path, files, asked, found):
    assert config.find(tree_of(tmp_path, *files), asked) == found


@pytest.mark.parametrize(
    ("files", "asked", "sentence"),
    [
        ([], "", "workspace_folder: there is neither"),
        ([".devcontainer/a/devcontainer.json", ".devcontainer/b/devcontainer.json"], "", "2 of them (.devcontainer/a/"),
        ([".devcontainer.json"], "other.json", "config: the workspace has no file 'other.json'"),
        ([".devcontainer.json"], "../x.json", "config: '../x.json' lies outside"),
        ([".devcontainer.json"], "/etc/x.json", "config: '/etc/x.json' lies outside"),
    ],
)
def test_not_found(tmp_path, files, asked, sentence):
    with pytest.raises(InvalidInput) as caught:
        config.find(tree_of(tmp_path, *files), asked)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"image": "x"', "line 1, column 14"),
        ("[]", "expected an object"),
        ("{}", "it names no image"),
        ('{"build": {"context": "."}}', "it names no image"),
    ],
)
def test_what_cannot_run_is_refused(tmp_path, text, sentence):
    tree = tree_of(tmp_path, ".devcontainer.json", text=text)
    with pytest.raises(InvalidInput) as caught:
        config.load(tree, ".devcontainer.json")
    assert sentence in str(caught.value) and ".devcontainer.json" in str(caught.value)


def test_text_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / ".devcontainer.json").write_bytes(b'{"image": "\xff"}')
    with pytest.raises(InvalidInput, match="not UTF-8"):
        config.load(Folder(str(tmp_path)), ".devcontainer.json")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"build": {"dockerfile": "Dockerfile"}}, ("Dockerfile", ".")),
        ({"build": {"dockerfile": "D", "context": ".."}}, ("D", "..")),
        ({"dockerFile": "old", "context": "ctx"}, ("old", "ctx")),
        ({"image": "x"}, None),
    ],
)
def test_dockerfile(said, found):
    assert config.dockerfile(said) == found


def test_small_readers():
    assert config.compose_files({"dockerComposeFile": "a.yml"}) == ["a.yml"]
    assert config.compose_files({"dockerComposeFile": ["a.yml", "b.yml"]}) == ["a.yml", "b.yml"]
    assert config.local_features({"features": {"./f": {}, "ghcr.io/x/y:1": {}}}) == ["./f"]
    assert config.lock_file(".devcontainer/devcontainer.json") == ".devcontainer/devcontainer-lock.json"
    assert config.lock_file(".devcontainer.json") == ".devcontainer-lock.json"

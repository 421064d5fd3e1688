"""Command lines by engine, and the CLI's answers as sentences."""

from __future__ import annotations

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import cli
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput

NEVER = ["--buildkit", "never"]


@pytest.mark.parametrize(
    ("version", "buildx", "flags", "buildkit"),
    [
        ("20.10.24+dfsg1", False, [*NEVER, "--omit-syntax-directive"], "1"),
        ("20.10.24", True, [*NEVER, "--omit-syntax-directive"], "1"),
        ("26.1.5+dfsg1", False, NEVER, "0"),
        ("26.1.5+dfsg1", True, [], None),
    ],
)
def test_flags_by_engine(version, buildx, flags, buildkit):
    made = cli.call("dc", "up", "/w", "/w/d.json", cli.engine_of(version, buildx), "/t")
    start = ["dc", "up", "--workspace-folder", "/w", "--config", "/w/d.json", "--no-lockfile"]
    assert made.argv == [*start, *flags, "--skip-post-attach", "--include-merged-configuration"]
    assert made.environment == {"TMPDIR": "/t", **({"DOCKER_BUILDKIT": buildkit} if buildkit else {})}
    built = cli.call("dc", "build", "/w", "/w/d.json", cli.engine_of(version, buildx), "/t", locked=True)
    assert built.argv == ["dc", "build", *start[2:-1], "--frozen-lockfile", *flags]


def test_only_a_new_container_removes_the_old_one():
    engine = cli.engine_of("26.1", True)
    assert cli.call("dc", "up", "/w", "c", engine, "/t", remove_existing=True).argv[-1] == "--remove-existing-container"
    assert "--remove-existing-container" not in cli.call("dc", "up", "/w", "c", engine, "/t").argv


def test_an_engine_without_a_version():
    with pytest.raises(cli.CliError, match="'dev'"):
        cli.engine_of("dev", False)


@pytest.mark.parametrize(
    ("stdout", "found"),
    [
        ('{"outcome":"success","containerId":"x"}\n', {"outcome": "success", "containerId": "x"}),
        ('noise\n{"outcome":"error"}', {"outcome": "error"}),
        ("", {}),
        ("[1]\nnull\n", {}),
    ],
)
def test_answer(stdout, found):
    assert cli.answer(stdout) == found


@pytest.mark.parametrize(
    ("found", "log", "sentence"),
    [
        (
            {"message": "Command failed: docker build", "description": "An error occurred building the image."},
            "#1 x\n\x1b[1mERROR: no such file\x1b[0m\n    at async f (a.js:1:2)\n",
            "devcontainer up failed: An error occurred building the image; Command failed: docker build; "
            "the log ends with: #1 x | ERROR: no such file (all of it: /l)",
        ),
        ({"message": "same", "description": "same"}, "", "devcontainer up failed: same (all of it: /l)"),
        (
            {},
            "Unknown argument: x",
            "devcontainer up failed: it gave no reason and ended with 1; "
            "the log ends with: Unknown argument: x (all of it: /l)",
        ),
        (
            {"message": "m", "disallowedFeatureId": "ghcr.io/x/y"},
            "",
            "devcontainer up failed: m (Feature ghcr.io/x/y) (all of it: /l)",
        ),
    ],
)
def test_failure_is_one_sentence(found, log, sentence):
    assert cli.failure("up", 1, found, log, "/l") == sentence


def test_hidden():
    environment = {"TOKEN": "abcd1234", "HOME": "/home/dev", "SHORT": "a"}
    text = "a abcd1234 /home/dev"
    assert cli.hidden(text, environment, ["TOKEN", "HOME", "SHORT", "MISSING"]) == "a *** /home/dev"


def test_a_program_that_is_none(tmp_path):
    with pytest.raises(InvalidInput, match="cli: '/nowhere' cannot be started"):
        cli.version("/nowhere")
    with pytest.raises(InvalidInput, match="does not tell its version"):
        cli.version("/bin/false")


def test_docker_that_fails():
    with pytest.raises(cli.CliError, match="cannot be started"):
        cli.Docker("/nowhere").ask("ps")
    with pytest.raises(cli.CliError, match="docker ps failed"):
        cli.Docker("/bin/false").ask("ps")

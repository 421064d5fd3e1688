"""What follows from what is there; and the record on disk."""

from __future__ import annotations

import dataclasses
import stat

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import state

DONE = state.Record("/w", "/w/d.json", outcome="success", container_id="a", inputs={"x": "1"})
RUNNING, EXITED, CREATED = (state.Container("a", word) for word in ("running", "exited", "created"))


@pytest.mark.parametrize(
    ("wanted", "record", "containers", "changed", "word"),
    [
        ("up", {}, [], [], "up"),
        ("up", {}, [RUNNING], [], "none"),
        ("up", {}, [EXITED], [], "up"),
        ("up", {}, [dataclasses.replace(RUNNING, status="paused")], [], "up"),
        ("up", {}, [CREATED], [], "recreate"),
        ("up", {}, [RUNNING], ["x"], "recreate"),
        ("up", {}, [EXITED], ["x"], "recreate"),
        ("up", {}, [RUNNING, EXITED], [], "recreate"),
        ("up", {"outcome": "creating"}, [RUNNING], [], "recreate"),
        ("up", {"outcome": "creating"}, [], [], "up"),
        ("up", {"outcome": "starting"}, [RUNNING], [], "restart"),
        ("up", {"outcome": "starting"}, [EXITED], [], "up"),
        ("up", {"outcome": "starting"}, [RUNNING], ["x"], "recreate"),
        ("up", {"outcome": ""}, [RUNNING], [], "recreate"),
        ("up", {"container_id": "other"}, [RUNNING], [], "recreate"),
        ("stopped", {}, [RUNNING], ["x"], "stop"),
        ("stopped", {}, [EXITED], ["x"], "none"),
        ("stopped", {}, [], [], "none"),
        ("absent", {}, [EXITED], [], "remove"),
        ("absent", {}, [], [], "none"),
        ("built", {}, [RUNNING], [], "build"),
    ],
)
def test_next_step(wanted, record, containers, changed, word):
    step = state.next_step(wanted, dataclasses.replace(DONE, **record), containers, changed)
    assert step.word == word and bool(step.reasons) == (word != "none")


def test_next_step_of_an_image():
    assert state.next_step("built", DONE, [], [], image_exists=True).word == "none"
    assert state.next_step("built", DONE, [], ["x"], image_exists=True).reasons == ("x",)


def test_recreate_is_said():
    assert state.next_step("up", DONE, [RUNNING], [], recreate=True).reasons == ("it was asked for",)


def test_the_record_comes_back_as_it_was(tmp_path):
    path = tmp_path / "deep/x.json"
    state.save(path, DONE)
    assert state.load(path, "/w", "/w/d.json") == DONE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and [file.name for file in path.parent.iterdir()] == ["x.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2, "outcome": "success"}'])
def test_what_cannot_be_read_is_not_known(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    assert state.load(tmp_path / "x.json", "/w", "/c") == state.Record("/w", "/c")


def test_slugs_tell_folders_and_configurations_apart():
    slugs = {state.slug("/a/api", "/a/api/1"), state.slug("/a/api", "/a/api/2"), state.slug("/b/api", "/a/api/1")}
    assert len(slugs) == 3 and all(slug.startswith("api-") for slug in slugs)
    assert state.slug("/a/Ünï x", "c").replace("-", "").isalnum()

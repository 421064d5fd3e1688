"""host_files, run as Ansible runs it: as a program that reads its arguments and prints one JSON answer."""

from __future__ import annotations

import json
import os

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.devcontainer.cloud.plugins.modules import host_files


def call(files, capsys, **arguments):
    with patch_module_args({"files": files, **arguments}), pytest.raises(SystemExit):
        host_files.main()
    return json.loads(capsys.readouterr().out)


@pytest.fixture(autouse=True)
def own_umask():
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_written_once(tmp_path, capsys):
    path = tmp_path / "a/b/agent"
    files = [{"path": str(path), "content": "ä\n", "mode": "0755"}]
    answer = call(files, capsys, _ansible_diff=True)
    assert (answer["changed"], answer["files"]) == (True, [str(path)])
    assert (answer["diff"][0]["before"], answer["diff"][0]["after"]) == ("", "ä\n")
    assert path.read_text(encoding="utf-8") == "ä\n"
    assert [item.stat().st_mode & 0o777 for item in (path, path.parent)] == [0o755, 0o755]
    again = call(files, capsys)
    assert (again["changed"], again["files"]) == (False, [])
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("what", ["text", "mode", "link"])
def test_what_differs_is_put_right(tmp_path, capsys, what):
    path, other = tmp_path / "file", tmp_path / "other"
    other.write_text("other")
    files = [{"path": str(path), "content": "text"}]
    call(files, capsys)
    if what == "text":
        path.write_text("changed")
    elif what == "mode":
        path.chmod(0o666)
    else:
        path.unlink()
        path.symlink_to(other)
    assert call(files, capsys)["changed"] is True
    assert (path.read_text(), path.stat().st_mode & 0o777, path.is_symlink()) == ("text", 0o644, False)
    assert other.read_text() == "other"


def test_check_mode_writes_nothing(tmp_path, capsys):
    answer = call([{"path": str(tmp_path / "a/file"), "content": "x"}], capsys, _ansible_check_mode=True)
    assert answer["changed"] is True
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"path": "relative", "content": ""}, "give an absolute path and octal digits"),
        ({"path": "/x", "content": "", "mode": "u=rw"}, "give an absolute path and octal digits"),
        ({"path": "/proc/self", "content": ""}, "cannot be written"),
    ],
)
def test_refused(capsys, item, message):
    answer = call([item], capsys)
    assert answer["failed"] is True
    assert message in answer["msg"]


def test_all_are_checked_before_one_is_written(tmp_path, capsys):
    files = [{"path": str(tmp_path / "one"), "content": "x"}, {"path": "relative", "content": ""}]
    assert call(files, capsys)["failed"] is True
    assert list(tmp_path.iterdir()) == []


def test_a_refused_file_never_takes_its_place(tmp_path, capsys):
    path = tmp_path / "rules"
    good = {"path": str(path), "content": "ok\n", "validate": "grep -q ok %s"}
    assert call([good], capsys)["changed"] is True
    answer = call([{**good, "content": "bad\n"}], capsys)
    assert answer["failed"] is True and str(path) in answer["msg"] and "refused" in answer["msg"]
    assert path.read_text() == "ok\n"
    assert list(tmp_path.iterdir()) == [path]


def test_the_owner_is_an_account(tmp_path, capsys):
    path = tmp_path / "file"
    unknown = {"path": str(path), "content": "x", "owner": "nobody-of-that-name"}
    assert "nobody-of-that-name" in call([unknown], capsys)["msg"]
    assert call([unknown], capsys, _ansible_check_mode=True)["changed"] is True
    assert not path.exists()
    if os.geteuid() == 0:
        assert call([{**unknown, "owner": "nobody"}], capsys)["changed"] is True
        assert path.owner() == "nobody"


def test_a_validation_without_a_place_for_the_file_is_refused(tmp_path, capsys):
    answer = call([{"path": str(tmp_path / "file"), "content": "x", "validate": "true"}], capsys)
    assert "%s" in answer["msg"] and answer["failed"] is True


def test_what_is_to_go_goes_and_comes_back_as_it_was(tmp_path, capsys):
    kept, gone, link = tmp_path / "kept", tmp_path / "gone", tmp_path / "link"
    gone.write_text("old")
    gone.chmod(0o640)
    link.symlink_to(kept)
    files = [
        {"path": str(kept), "content": "new"},
        {"path": str(gone), "state": "absent"},
        {"path": str(link), "state": "absent"},
        {"path": str(tmp_path / "never"), "state": "absent"},
    ]
    assert call(files, capsys, _ansible_check_mode=True)["files"] == [str(kept), str(gone), str(link)]
    assert (kept.exists(), gone.exists(), link.is_symlink()) == (False, True, True)
    answer = call(files, capsys, return_former=True)
    assert answer["files"] == [str(kept), str(gone), str(link)]
    assert (kept.exists(), gone.exists(), link.is_symlink()) == (True, False, False)
    again = call(files, capsys)
    assert (again["changed"], "former" in again) == (False, False)
    call(answer["former"], capsys)
    assert (kept.exists(), gone.read_text(), gone.stat().st_mode & 0o777) == (False, "old", 0o640)


def test_a_file_that_is_to_be_there_needs_its_text(tmp_path, capsys):
    assert "content" in call([{"path": str(tmp_path / "file")}], capsys)["msg"]

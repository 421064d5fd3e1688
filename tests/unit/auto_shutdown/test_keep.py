"""devcontainer-keep-awake: what it writes, what the agent makes of it, and of whatever else lies there."""

from __future__ import annotations

import json
import os
import time

import pytest
from shutdown_keep import main, parse_duration, signals, start_of

NOW = 1_000_000.0


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "keep-awake"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2H", 7200), (" 1h30m ", 5400), ("1d", 86400)]
)
def test_parse_duration(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "2", "h", "1m1h", "-1h", "99999d"])
def test_no_duration(text):
    with pytest.raises(ValueError, match="is no duration; write for example"):
        parse_duration(text)


def test_a_hold_and_its_end(folder, capsys):
    assert main(["2h", "nightly", "tests"], folder) == 0
    assert "No idle shutdown until" in capsys.readouterr().out
    now = time.time()
    (signal,) = signals(now, folder)
    assert signal.detail.endswith(": nightly tests")
    assert 7190 < signal.until - now <= 7200
    assert main(["10m"], folder) == 0  # a later one replaces it
    assert len(list(folder.iterdir())) == 1
    assert signals(now + 601, folder) == []
    assert list(folder.iterdir()) == []


def test_while_a_process_lives(folder):
    assert main(["--while-pid", str(os.getpid())], folder) == 0
    now = time.time()
    (signal,) = signals(now, folder)
    assert f"while process {os.getpid()} lives" in signal.detail
    assert 0 < signal.until - now <= 12 * 3600  # even this one ends
    (path,) = folder.iterdir()
    hold = json.loads(path.read_text())
    assert hold["start"] == start_of(os.getpid())
    path.write_text(json.dumps({**hold, "start": 1}))  # the number now belongs to another process
    assert signals(now, folder) == []


def test_off_ends_them(folder, capsys):
    main(["1h"], folder)
    assert main(["--off"], folder) == 0
    assert "Ended 1 hold." in capsys.readouterr().out
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["soon"], 2, "'soon' is no duration; write for example 90s"),
        (["--while-pid", "999999999"], 2, "--while-pid: there is no process 999999999"),
    ],
)
def test_refused(folder, capsys, arguments, code, message):
    assert main(arguments, folder) == code
    assert message in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_nothing_to_do_is_refused(folder, capsys):
    with pytest.raises(SystemExit):
        main([], folder)
    assert "say how long, for example" in capsys.readouterr().err


def test_before_the_first_tick(tmp_path, capsys):
    assert main(["1h"], tmp_path / "none") == 1
    assert "the agent makes it within a minute" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 4000,
        '{"until": "x"}',
        '{"until": null}',
        '{"until": Infinity}',
        '{"until": 1e300}',
        '{"until": 1000100, "pid": "x"}',
        '{"until": 1000100, "pid": Infinity}',
        '{"until": 1000100, "reason": "' + "x" * 5000 + '"}',
    ],
)
def test_what_cannot_be_read_holds_from_its_last_change(folder, text):
    path = folder / "1000"
    path.write_text(text)
    os.utime(path, (NOW - 50, NOW - 50))
    (signal,) = signals(NOW, folder)
    assert (signal.kind, signal.age, signal.until) == ("keep-awake", 50, None)
    assert "unreadable" in signal.detail


def test_neither_links_nor_pipes_nor_folders_stop_the_agent(folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text('{"until": 1000100, "reason": "secret"}')
    (folder / "link").symlink_to(secret)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    found = signals(NOW, folder)
    assert len(found) == 3
    assert not any("secret" in signal.detail for signal in found)


@pytest.mark.parametrize("text", ['{"until": 999999}', '{"until": NaN}', '{"until": 1000000}'])
def test_an_ended_hold_is_removed(folder, text):
    (folder / "1000").write_text(text)
    assert signals(NOW, folder) == []
    assert list(folder.iterdir()) == []

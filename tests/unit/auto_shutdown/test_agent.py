"""The agent, minute by minute, on a host that is a folder; and what people are told of it."""

from __future__ import annotations

import json
import time

import auto_shutdown
import pytest
import shutdown_keep
import shutdown_lease
import shutdown_status
from auto_shutdown import this_minute, tick
from shutdown_decision import parse_time

from tests.unit.auto_shutdown.hosts import FakeHost


@pytest.fixture
def commands(monkeypatch):
    """What the agent runs; ``commands.fail`` lists the programs that fail."""

    class Commands(list):
        fail: tuple[str, ...] = ()

    ran = Commands()

    def run(command):
        ran.append(command[0] if command[0] == "wall" else " ".join(command))
        return f"{command[0]}: exit code 1" if command[0] in ran.fail else ""

    monkeypatch.setattr(auto_shutdown, "_run", run)
    monkeypatch.setattr(shutdown_lease, "read_tags", lambda _url: None)
    return ran


@pytest.fixture
def host(tmp_path):
    host = FakeHost(tmp_path)
    host.now = 999_960.0  # a whole minute
    configure(host)
    return host


def configure(host, **changes):
    limits = {"idle_limit": "3m", "grace": "2m", "max_lifetime": "24h", "hold_limit": "12h", "cpu_percent": 10}
    text = json.dumps({**limits, "metadata_url": "http://127.0.0.1:9", **changes})
    host.write("etc/devcontainer-cloud/auto_shutdown.json", text)


def log_of(host):
    text = (host.root / "var/log/devcontainer-cloud/auto-shutdown.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def run(host, minutes):
    for _minute in range(minutes):
        tick(host.now, host.root)
        host.now += 60
        up = float((host.root / "proc/uptime").read_text().split()[0])
        host.write("proc/uptime", f"{up + 60} 1.0\n")
    return [line["action"] for line in log_of(host)]


def test_it_warns_and_powers_off_and_tries_again(host, commands):
    commands.fail = ("systemctl", "shutdown")
    assert run(host, 7) == ["none", "none", "none", "warn", "none", "poweroff", "poweroff", "poweroff", "poweroff"]
    assert commands == ["wall"] + ["systemctl poweroff", "shutdown -h now"] * 2
    assert log_of(host)[-1]["error"] == "systemctl: exit code 1; shutdown: exit code 1"


def test_one_poweroff_is_enough(host, commands):
    run(host, 6)
    assert commands == ["wall", "systemctl poweroff"]


def test_a_session_cancels(host, commands):
    run(host, 5)
    host.process(77, "sshd", ["sshd: ada@notty"])
    assert run(host, 3)[-3:] == ["cancel", "hold", "hold"]
    assert commands == ["wall", "wall"]
    assert log_of(host)[-1]["signals"] == [{"kind": "ssh", "detail": "SSH session of ada on notty", "age": 120}]


def test_keep_awake(host, commands, monkeypatch):
    run(host, 1)
    monkeypatch.setattr(time, "time", lambda: host.now)
    assert shutdown_keep.main(["5m", "tests"], host.root / "run/devcontainer-cloud/keep-awake") == 0
    assert run(host, 11)[1:] == ["hold"] * 5 + ["none"] * 3 + ["warn", "none", "poweroff"]
    folder = host.root / "run/devcontainer-cloud/keep-awake"
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert list(folder.iterdir()) == []


def test_the_last_known_lease_holds_while_the_service_is_silent(host, commands, monkeypatch):
    host.process(77, "sshd", ["sshd: ada@notty"])
    monkeypatch.setattr(shutdown_lease, "read_tags", lambda _url: {"lease-until": "1970-01-12T13:51:00Z"})
    run(host, 1)
    monkeypatch.setattr(shutdown_lease, "read_tags", lambda _url: None)
    assert parse_time("1970-01-12T13:51:00Z") == host.now + 4 * 60
    assert run(host, 5)[1:] == ["hold", "hold", "warn", "none", "poweroff"]


def test_a_boot_begins_anew(host, commands):
    run(host, 5)
    host.process(1, "systemd", ["/lib/systemd/systemd"], age=5000)
    assert run(host, 1)[-1] == "none"
    assert log_of(host)[-1]["idle_seconds"] == 0


def test_a_full_disk_does_not_keep_it_up(host, commands, capsys):
    host.write("var/log/devcontainer-cloud", "no folder: nothing can be written below it")
    for _minute in range(6):
        assert tick(host.now, host.root) == 1
        host.now += 60
    assert commands == ["wall", "systemctl poweroff"]
    assert "var/log/devcontainer-cloud" in capsys.readouterr().err


def test_no_idle_limit(host, commands):
    configure(host, idle_limit="never")
    assert run(host, 8) == ["none"] * 8


@pytest.mark.parametrize(("now", "expected"), [(600.0, 600), (603.9, 600), (612.0, 612.0), (659.0, 659.0)])
def test_this_minute(now, expected):
    assert this_minute(now) == expected


def status(host, capsys, monkeypatch, *arguments):
    monkeypatch.setattr(time, "time", lambda: host.now)
    log = host.root / "var/log/devcontainer-cloud/auto-shutdown.jsonl"
    code = shutdown_status.main(list(arguments), log, host.root)
    return code, capsys.readouterr().out


def test_status_says_why_it_is_up(host, commands, capsys, monkeypatch):
    host.process(77, "sshd", ["sshd: ada@notty"])
    run(host, 1)
    code, said = status(host, capsys, monkeypatch)
    assert code == 0
    assert said.splitlines()[:2] == ["This workspace is up:", "- SSH session of ada on notty (0s ago)"]
    assert "It stops at the latest at 1970-01-13T11:16:00Z (in 21h29m), by its longest lifetime." in said


@pytest.mark.parametrize(
    ("minutes", "sentence"),
    [
        (
            2,
            "the idle limit is 3m\nIt stops at 1970-01-12T13:51:00Z (in 3m), by its idle limit.",
        ),
        (4, "This workspace powers itself off soon: no sign of work for 3m, and the idle limit is 3m.\n"),
        (5, "This workspace powers itself off soon: no sign of work for 4m, and the idle limit is 3m.\n"),
        (6, "This workspace is powering itself off: no sign of work for 5m, and the idle limit is 3m."),
    ],
)
def test_status_says_when_it_stops(host, commands, capsys, monkeypatch, minutes, sentence):
    run(host, minutes)
    assert sentence in status(host, capsys, monkeypatch)[1]


def test_status_says_why_it_stopped(host, commands, capsys, monkeypatch):
    run(host, 6)
    host.process(1, "systemd", ["/lib/systemd/systemd"], age=-360)  # boots now
    host.write("proc/uptime", "10360 1\n")
    said = status(host, capsys, monkeypatch)[1]
    assert said.splitlines() == [
        "There is no decision since the boot yet; the agent makes one a minute.",
        "It last stopped itself at 1970-01-12T13:51:00Z: no sign of work for 5m, and the idle limit is 3m.",
    ]
    code, said = status(host, capsys, monkeypatch, "--json")
    assert json.loads(said)["decision"] is None
    assert json.loads(said)["last_stop"]["action"] == "poweroff"
    assert code == 0


def test_status_says_that_the_agent_is_dead(host, commands, capsys, monkeypatch):
    run(host, 1)
    host.now += 600
    code, said = status(host, capsys, monkeypatch)
    assert code == 1
    assert "The agent last ran 11m ago: is cron running?" in said


def test_the_log_does_not_grow_for_ever(tmp_path):
    log = tmp_path / "log.jsonl"
    for number in range(100):
        shutdown_status.append({"number": number}, log, largest=200)
    assert log.stat().st_size < 250
    assert [line["number"] for line in shutdown_status.lines(log)][:12] == list(range(99, 87, -1))


def test_a_torn_line_is_left_out(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text('{"number": 1}\n{"numb')
    assert list(shutdown_status.lines(log)) == [{"number": 1}]

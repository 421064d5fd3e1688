"""The sensors, on samples of real hosts."""

from __future__ import annotations

import os

import pytest
import shutdown_signals
from shutdown_proc import Process, boot, parse_stat, processes
from shutdown_signals import Host, locks, parse_locks, read_all, session_of, sessions, terminals, work, work_of

from tests.unit.auto_shutdown.hosts import FakeHost

PTS3 = 136 * 256 + 3


@pytest.fixture
def host(tmp_path):
    return FakeHost(tmp_path)


def look(fake, memory=None, walled_at=None):
    return Host(fake.now, {} if memory is None else memory, processes(fake.root), 10, walled_at, fake.root)


def process(comm, *argv, cgroup="0::/init.scope\n", pts=None):
    return Process(77, 56, comm, list(argv), pts, 1, 1.0, cgroup)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "77 (sshd) S 56 77 77 0 -1 4194560 2 3 2 3 7 1 1 1 20 0 1 0 44084 20 28 18446744073709551615",
            ("sshd", 56, None, 44084),
        ),
        ("9 (tmux: server) S 1 9 9 34819 -1 4 2 1 2 3 7 1 1 1 20 0 1 0 5 2 2", ("tmux: server", 1, 3, 5)),
        ("9 (a) (b) S 1 9 9 35072 -1 4 2 1 2 3 7 1 1 1 20 0 1 0 5 2 2", ("a) (b", 1, 256, 5)),
        ("9 (agetty) S 1 9 9 1025 -1 4 2 1 2 3 7 1 1 1 20 0 1 0 5 2 2", ("agetty", 1, None, 5)),
    ],
)
def test_parse_stat(text, expected):
    assert parse_stat(text) == expected


def test_a_container_boots_when_its_first_process_begins(host):
    identity, moment = boot(host.root, host.now)
    assert moment == host.now - 9000
    assert identity == "7e30f7c1:100000"


@pytest.mark.parametrize(
    ("comm", "argv", "expected"),
    [
        ("sshd", ["sshd: ada@pts/0"], ("ssh", "SSH session of ada on pts/0")),
        ("sshd", ["sshd: ada@pts/0,pts/2"], ("ssh", "SSH session of ada on pts/0,pts/2")),
        ("sshd", ["sshd: ada@notty", "", ""], ("ssh", "SSH session of ada on notty")),
        ("sshd", ["sshd: ada"], ("ssh", "SSH session of ada")),
        ("sshd-session", ["sshd-session: ada@pts/0"], ("ssh", "SSH session of ada on pts/0")),
        # Nobody is in yet: a scanner must hold nothing.
        ("sshd", ["sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"], None),
        ("sshd", ["sshd: [accepted]"], None),
        ("sshd", ["sshd: unknown [priv]"], None),
        ("sshd", ["sshd: root [net]"], None),
        ("sshd", ["sshd: ada [priv]"], None),
        ("sshd-auth", ["sshd-auth: ada [net]"], None),
        ("sshd", ["/usr/sbin/sshd", "-D"], None),
        ("bash", ["sshd: ada@pts/0"], None),
        ("ssm-session-wor", ["/usr/bin/ssm-session-worker", "ada-1"], ("ssm", "Session Manager session")),
        ("docker", ["docker", "exec", "-it", "web", "sh"], ("exec", "docker exec session")),
        ("docker", ["/usr/bin/docker", "--context", "exec", "ps"], None),
        ("docker", ["docker", "-H", "unix:///x", "container", "exec", "web", "sh"], ("exec", "docker exec session")),
        ("docker", ["docker", "run", "exec"], None),
        ("kworker", [""], None),
    ],
)
def test_session_of(comm, argv, expected):
    assert session_of(process(comm, *argv)) == expected


@pytest.mark.parametrize(
    ("argv", "cgroup", "expected"),
    [
        (["docker", "buildx", "build", "."], "", "docker buildx"),
        (["docker", "image", "pull", "x"], "", "docker pull"),
        (["docker", "events"], "", None),
        (["sh", "-c", "make"], "0::/system.slice/docker.service/buildkit/x1y2\n", None),
        (["sh", "-c", "make"], "4:memory:/docker/buildkit/ojw2crkxe5wdevrvpd6d8ww3x\n", "docker build"),
        (["/usr/bin/python3", "/root/.ansible/tmp/ansible-tmp-1/async_wrapper.py", "1"], "", "Ansible run"),
        (["/usr/bin/python3", "/usr/bin/ansible-pull", "-U", "x"], "", "Ansible run"),
        (["unattended-upgrade-shutdown", "--wait-for-signal"], "", None),
        ([], "", None),
    ],
)
def test_work_of(argv, cgroup, expected):
    expected = "docker build" if "/buildkit/" in cgroup else expected
    assert work_of(process("x", *argv, cgroup=cgroup)) == expected


def test_work_is_as_old_as_its_oldest_process(host):
    host.process(50, "docker", ["docker", "build", "."], age=300)
    host.process(51, "docker", ["docker", "build", "."], age=20)
    (signal,) = work(look(host))
    assert (signal.kind, signal.detail, round(signal.age)) == ("work", "docker build, begun", 300)


def minutes(host, memory, counts):
    """The age that a session shows after each minute's byte count."""
    ages = []
    for count in counts:
        host.now += 60
        host.io(77, count)
        ages.append(sessions(look(host, memory))[0].age)
    return ages


def test_a_session_ages_unless_it_moves_more_than_keepalives(host):
    host.process(77, "sshd", ["sshd: ada@notty"])
    assert minutes(host, {}, [5000, 5200, 5900, 9000, 9000]) == [0, 60, 120, 0, 60]


def test_a_key_in_its_terminal_is_a_sign_of_life(host):
    host.process(77, "sshd", ["sshd: ada@pts/0,pts/4"])
    memory = {"sessions": {f"77:{(10_000 - 100) * 100}": [0, host.now - 5000, host.now - 60]}}
    host.terminal("dev/pts/0", typed=900, printed=900)
    host.terminal("dev/pts/4", typed=30, printed=400)
    assert sessions(look(host, memory))[0].age == 30


def test_a_later_process_of_the_same_number_is_another_session(host):
    host.process(77, "sshd", ["sshd: ada@notty"], io=10)
    memory = {"sessions": {"77:1": [10, host.now - 5000, host.now - 60]}}
    assert sessions(look(host, memory))[0].age == 0
    assert list(memory["sessions"]) == ["77:990000"]


@pytest.mark.parametrize(
    ("typed", "printed", "walled", "age"),
    [
        (600, 900, None, 600),
        (900, 600, None, 600),
        (900, 600, 600, 900),  # what was printed is our own warning
        (600, 590, 600, 600),  # somebody typed at the same time
        (900, 600, 700, 600),
    ],
)
def test_terminals(host, typed, printed, walled, age):
    host.process(80, "tmux: server", ["tmux"], tty=0)
    host.process(81, "bash", ["-bash"], tty=PTS3)
    host.terminal("proc/81/root/dev/pts/3", typed=typed, printed=printed)
    (signal,) = terminals(look(host, walled_at=None if walled is None else host.now - walled))
    assert (signal.kind, signal.detail, signal.age) == ("terminal", "terminal pts/3 (bash)", age)


def test_the_freshest_terminal_counts(host):
    for pid, typed in ((81, 500), (82, 20), (83, 700)):
        host.process(pid, "vim", ["vim"], tty=PTS3)
        host.terminal(f"proc/{pid}/root/dev/pts/3", typed=typed, printed=900)
    assert [signal.age for signal in terminals(look(host))] == [20]


def test_no_terminal_no_signal(host):
    host.process(81, "bash", ["-bash"], tty=PTS3)  # its /dev/pts is gone
    assert terminals(look(host)) == []


LOCKS = """\
1: FLOCK  ADVISORY  WRITE 512 00:1a:77 0 EOF
1: -> FLOCK  ADVISORY  WRITE 513 00:1a:77 0 EOF
2: POSIX  ADVISORY  WRITE 600 fd:01:131204 0 EOF
6: OFDLCK ADVISORY  READ -1 00:06:3 0 EOF
"""


def test_parse_locks():
    assert parse_locks(LOCKS) == [(512, (0, 0x1A), 77), (600, (0xFD, 1), 131204), (-1, (0, 6), 3)]


def lock_line(path, pid, device=None):
    status = path.stat()
    device = device or f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    return f"1: POSIX  ADVISORY  WRITE {pid} {device}:{status.st_ino} 0 EOF\n"


def test_a_held_lock_is_work(host):
    path = host.write("var/lib/dpkg/lock-frontend", "")
    host.process(512, "apt-get", ["apt-get", "upgrade"], age=240)
    host.write("proc/locks", lock_line(path, 512))
    (signal,) = locks(look(host))
    assert (signal.kind, signal.detail, round(signal.age)) == ("lock", "packages are being installed, begun", 240)


@pytest.mark.parametrize(("opened", "held"), [("/usr/local/bin/devcontainer", 1), ("/run/other", 0)])
def test_on_overlay_the_holders_open_files_tell(host, opened, held):
    path = host.write("usr/local/bin/devcontainer", "")
    host.process(512, "flock", ["flock"], age=240)
    (host.root / "proc/512/fd").mkdir()
    (host.root / "proc/512/fd/3").symlink_to(opened)
    host.write("proc/locks", lock_line(path, 512, device="ff:fe"))
    assert len(locks(look(host))) == held


def test_a_lock_that_nobody_holds_is_none(host):
    host.write("var/lib/dpkg/lock-frontend", "")
    assert locks(look(host)) == []


def test_what_cannot_be_read_counts_as_work(host):
    (host.root / "proc/locks").unlink()
    found = read_all(host.now, {}, 10, root=host.root)
    assert [(signal.kind, signal.age) for signal in found] == [("unknown", 0)]
    assert "locks cannot be read" in found[0].detail


def test_no_process_table_is_unknown_too(tmp_path):
    (signal,) = read_all(0.0, {}, 10, root=tmp_path)
    assert signal.kind == "unknown"


def test_torn_memory_is_forgotten(host):
    host.process(77, "sshd", ["sshd: ada@notty"])
    memory = {"sessions": {"77:990000": ["x"]}}
    assert [signal.kind for signal in read_all(host.now, memory, 10, root=host.root)] == ["unknown"]
    assert [signal.kind for signal in read_all(host.now, memory, 10, root=host.root)] == ["ssh"]


def test_every_sensor_has_its_turn():
    assert list(shutdown_signals.SENSORS) == [
        "sessions",
        "terminals",
        "work",
        "locks",
        "processor time of containers",
    ]

"""The apt sources and settings that the sandbox's root file systems get from this machine."""

from __future__ import annotations

from tests.sandbox import apt

MIRROR = """\
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /etc/apt/keyrings/mirror.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
DOCKER = (
    "deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/debian bookworm stable\n"
)
DEFAULT = ["http://deb.debian.org/debian", "http://deb.debian.org/debian-security"]


def values(chosen: apt.Apt, key: str) -> list[str]:
    return [line.split(": ", 1)[1] for line in chosen.sources.splitlines() if line.startswith(f"{key}: ")]


def test_the_machines_mirror_serves_another_release_with_its_key() -> None:
    chosen = apt.choose("trixie", "bookworm", {"debian.sources": MIRROR, "docker.list": DOCKER}, "")
    assert values(chosen, "URIs") == ["http://mirror.example/debian", "http://mirror.example/debian-security"]
    assert values(chosen, "Suites") == ["trixie trixie-updates", "trixie-security"]
    assert values(chosen, "Types") == ["deb", "deb"]
    assert chosen.keys == ("/etc/apt/keyrings/mirror.gpg",)


def test_one_line_sources_and_their_options() -> None:
    text = (
        "# deb http://commented.example/debian bookworm main\n"
        "deb [trusted=yes arch=amd64,arm64] http://mirror.example/debian bookworm main contrib # a remark\n"
        "deb-src http://mirror.example/debian bookworm main\n"
    )
    chosen = apt.choose("bookworm", "bookworm", {"sources.list": text}, "")
    assert chosen.sources.splitlines() == [
        "Types: deb",
        "URIs: http://mirror.example/debian",
        "Suites: bookworm",
        "Components: main contrib",
        "Architectures: amd64 arm64",
        "Trusted: yes",
    ]


def test_a_disabled_source_is_not_used() -> None:
    chosen = apt.choose("bookworm", "bookworm", {"debian.sources": "Enabled: no\n" + MIRROR}, "")
    assert values(chosen, "URIs") == DEFAULT


def test_a_machine_that_is_no_debian_uses_debians_own_mirror() -> None:
    ubuntu = "deb http://archive.ubuntu.example/ubuntu noble main\n"
    chosen = apt.choose("bookworm", "", {"sources.list": ubuntu}, "")
    assert values(chosen, "URIs") == DEFAULT
    assert values(chosen, "Suites") == ["bookworm bookworm-updates", "bookworm-security"]
    assert chosen.keys == ()


def test_only_settings_about_the_way_to_the_mirror_are_taken() -> None:
    dump = "\n".join(
        [
            'APT::Architecture "amd64";',
            'Acquire::cdrom::mount "/media/cdrom/";',
            'Acquire::Check-Valid-Until "false";',
            'Acquire::http::Proxy "http://proxy.example:3128";',
            'Acquire::http::User-Agent-Non-Interactive "";',
            'Acquire::IndexTargets::deb::Packages::MetaKey "x";',
            'APT::Update::Post-Invoke-Success:: "a hook";',
            'DPkg::Post-Invoke:: "a hook";',
        ]
    )
    assert apt.choose("bookworm", "bookworm", {}, dump).settings.splitlines() == [
        'Acquire::Check-Valid-Until "false";',
        'Acquire::http::Proxy "http://proxy.example:3128";',
    ]

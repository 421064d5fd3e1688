"""What apt is told inside our root file systems: this machine's own Debian sources, keys and settings."""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t
from pathlib import Path

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
#: Written where the machine is no Debian, or has no sources that we understand.
_DEFAULT = [
    {"URIs": "http://deb.debian.org/debian", "Suites": "{0} {0}-updates", "Components": "main", "Signed-By": _KEYRING},
    {
        "URIs": "http://deb.debian.org/debian-security",
        "Suites": "{0}-security",
        "Components": "main",
        "Signed-By": _KEYRING,
    },
]
#: How to reach a mirror and what to believe of it. Never a hook, nor what only concerns the machine itself.
_SETTINGS = re.compile(
    r"^Acquire::(?:Check-Valid-Until|Check-Date|Max-FutureTime|Retries|ForceIPv[46]|https?(?:::[\w.-]+)+)"
    r' ".+";$'
)
#: One-line options that are named otherwise in deb822.
_NAMES = {"arch": "Architectures", "lang": "Languages", "target": "Targets"}


@dataclasses.dataclass(frozen=True)
class Apt:
    """``sources``: deb822 text. ``settings``: lines of apt.conf. ``keys``: files of this machine that sources name."""

    sources: str
    settings: str
    keys: tuple[str, ...]


def choose(codename: str, machine: str, sources: t.Mapping[str, str], dump: str) -> Apt:
    """What a root file system of ``codename`` uses. ``machine``: this machine's codename, empty if it is no Debian.

    ``sources``: file name -> text of what is in /etc/apt. ``dump``: what apt-config dump says.
    """
    stanzas = [
        stanza
        for name, text in sorted(sources.items())
        for stanza in (_deb822(text) if name.endswith(".sources") else _one_line(text))
    ]
    suites = {machine, f"{machine}-updates", f"{machine}-security"} if machine else set()
    ours = []
    for stanza in stanzas:
        found = [suite for suite in stanza.get("Suites", "").split() if suite in suites]
        # A third party's archive may use the same suite names; it carries no component main of "debian".
        if found and "main" in stanza.get("Components", "").split() and "debian" in stanza.get("URIs", ""):
            named = " ".join(codename + suite[len(machine) :] for suite in found)
            ours.append({**stanza, "Types": "deb", "Suites": named})
    # The security suite alone installs nothing.
    if not any(codename in stanza["Suites"].split() for stanza in ours):
        ours = [{**stanza, "Types": "deb", "Suites": stanza["Suites"].format(codename)} for stanza in _DEFAULT]
    keys = {stanza["Signed-By"] for stanza in ours if stanza.get("Signed-By", "").startswith("/")}
    return Apt(
        sources="\n".join(_text(stanza) for stanza in ours),
        settings="".join(line + "\n" for line in dump.splitlines() if _SETTINGS.match(line)),
        keys=tuple(sorted(keys - {_KEYRING})),
    )


def read_sources(folder: Path = Path("/etc/apt")) -> dict[str, str]:
    """This machine's sources: file name -> text."""
    files = [folder / "sources.list", *folder.glob("sources.list.d/*.list"), *folder.glob("sources.list.d/*.sources")]
    return {file.name: file.read_text() for file in files if file.is_file()}


def _text(stanza: t.Mapping[str, str]) -> str:
    first = ["Types", "URIs", "Suites", "Components"]
    return "".join(f"{key}: {stanza[key]}\n" for key in [*first, *sorted(set(stanza) - set(first))] if key in stanza)


def _deb822(text: str) -> t.Iterator[dict[str, str]]:
    for block in re.split(r"\n\s*\n", text):
        stanza: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and key:
                stanza[key] += "\n" + line  # a key written into the stanza, or a long list
            elif ":" in line:
                key, value = line.split(":", 1)
                stanza[key] = value.strip()
        if (
            stanza.get("Enabled", "yes").lower() not in ("no", "false", "0")
            and "deb" in stanza.get("Types", "").split()
        ):
            yield stanza


def _one_line(text: str) -> t.Iterator[dict[str, str]]:
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>[^#]+)", line)
        if match:
            pairs = (option.split("=", 1) for option in shlex.split(match["options"] or "") if "=" in option)
            options = {_NAMES.get(key, key.title()): value.replace(",", " ") for key, value in pairs}
            yield {**options, "URIs": match["uri"], "Suites": match["suite"], "Components": match["rest"].strip()}

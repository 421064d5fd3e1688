# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""One host name per machine. Pure; the outcome does not depend on the order in which machines were seen.

Two machines of one name are never merged: each gets a suffix, and the user is told.
"""

from __future__ import annotations

import collections
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import check_name
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import Found

#: These would mean something else to Ansible than the machine: its own words, and our groups.
RESERVED = frozenset({"all", "ungrouped", "localhost", "workspaces", "unmanaged"})
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")

Names = dict[str, str]


def base_name(found: Found) -> str:
    """What the machine is called if nothing else is called so: its workspace, else its title, else its id."""
    if found.machine.ours:
        try:
            return check_name(found.workspace)
        except InvalidInput:
            return found.machine.id
    return found.title if _HOST.fullmatch(found.title) else found.machine.id


def _suffixes(found: Found) -> tuple[str, ...]:
    """What tells machines of one name apart, from the most readable to what always does."""
    account = re.sub(r"[^A-Za-z0-9_-]+", "-", found.account)
    zone = found.machine.info.get("zone", "")
    places = [found.region, account, zone]
    return (*places, *(account and place and f"{account}.{place}" for place in (found.region, zone)), found.machine.id)


def host_names(machines: t.Sequence[Found], elsewhere: t.Mapping[str, str] | None = None) -> tuple[Names, list[str]]:
    """(machine id -> host name, sentences about what had to be told apart).

    ``elsewhere`` are hosts of other inventory sources that are machines too: host name -> machine id.
    A workspace never gives its name up to a machine that is not ours.
    """
    elsewhere = elsewhere or {}
    names: Names = {}
    sentences: list[str] = []
    for ours in (True, False):
        claims: dict[str, list[Found]] = collections.defaultdict(list)
        for found in machines:
            if found.machine.ours is ours:
                claims[base_name(found)].append(found)
        taken = set(names.values())
        # A suffixed name may look like another machine's own name: that one comes first.
        blocked = taken | set(claims)
        for base, claimants in sorted(claims.items()):
            lone = claimants[0]
            if len(claimants) == 1 and not _is_taken(base, lone, taken, elsewhere):
                names[lone.machine.id] = base
                continue
            chosen = _apart(base, claimants, blocked | set(names.values()), elsewhere)
            names.update(chosen)
            sentences.append(_sentence(base, claimants, chosen))
    sentences += [
        f"{found.machine.id} in {found.region} calls itself the workspace {found.workspace!r}, which is no workspace "
        f"name; it is listed as {names[found.machine.id]}"
        for found in sorted(machines, key=lambda f: f.machine.id)
        if found.machine.ours and base_name(found) != found.workspace
    ]
    return names, sentences


def _is_taken(name: str, found: Found, taken: t.Container[str], elsewhere: t.Mapping[str, str]) -> bool:
    return name in RESERVED or name in taken or elsewhere.get(name, found.machine.id) != found.machine.id


def _apart(base: str, claimants: list[Found], blocked: t.Container[str], elsewhere: t.Mapping[str, str]) -> Names:
    """The same kind of suffix for all of them: the first kind that tells all of them apart."""
    for kind in range(len(_suffixes(claimants[0]))):
        chosen = {found.machine.id: f"{base}.{_suffixes(found)[kind]}" for found in claimants if _suffixes(found)[kind]}
        if len(set(chosen.values())) == len(claimants) and not any(
            _is_taken(name, found, blocked, elsewhere) for found in claimants for name in [chosen[found.machine.id]]
        ):
            break
    return chosen


def _sentence(base: str, claimants: list[Found], chosen: Names) -> str:
    listed = " and ".join(sorted(f"{chosen[f.machine.id]} ({f.machine.id})" for f in claimants))
    if len(claimants) == 1:
        return f"the name {base!r} means something else in this inventory already; its machine is listed as {listed}"
    return f"{len(claimants)} machines are called {base!r}; they are listed as {listed}"

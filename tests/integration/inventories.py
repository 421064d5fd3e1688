"""What tests of inventories read out of ansible-inventory's answers."""

from __future__ import annotations

import typing as t

from tests.integration.tools import Ansible


def groups(listed: t.Mapping[str, t.Any]) -> dict[str, list[str]]:
    """group -> its hosts, of --list."""
    return {name: sorted(group.get("hosts", ())) for name, group in listed.items() if name not in ("_meta", "all")}


def plain(value: t.Any) -> t.Any:
    """Values as they are, without the mark of what nobody trusts as a template."""
    if isinstance(value, dict):
        return (
            value["__ansible_unsafe"] if set(value) == {"__ansible_unsafe"} else {k: plain(v) for k, v in value.items()}
        )
    return [plain(item) for item in value] if isinstance(value, list) else value


def hostvars(listed: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """host -> its variables, of --list."""
    found: dict[str, t.Any] = plain(listed["_meta"]["hostvars"])
    return found


def failure(ansible: Ansible, *args: t.Any, **kw: t.Any) -> str:
    """The output of an inventory that must fail, on one line."""
    done = ansible.inventory_run(*args, **kw)
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())

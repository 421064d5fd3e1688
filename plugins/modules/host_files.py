#!/usr/bin/python
# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_files
version_added: 0.1.0
short_description: Write and remove a role's small files in one execution
description:
  - Writes a set of text files, each at once or not at all, with the owner and the mode that are asked for, and removes
    others.
  - One execution for the whole set, where M(ansible.builtin.copy) needs two for every file.
author:
  - devcontainer.cloud contributors (@devcontainer-cloud)
options:
  files:
    description: The files.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path. Missing folders are made, with mode V(0755).
        type: path
        required: true
      content:
        description: The whole text of the file. Needed for a file that is to be there.
        type: str
      state:
        description: Whether it is to be there.
        type: str
        choices: [present, absent]
        default: present
      mode:
        description: Permissions, in octal digits as a string.
        type: str
        default: "0644"
      owner:
        description: The account that the file belongs to, with its main group. Without it, the one that writes it.
        type: str
      validate:
        description:
          - A command that has to accept the new file before it takes its place, with C(%s) for the file to look at.
        type: str
  return_former:
    description: Whether RV(former) is returned, which holds the text of the files as they were.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says what would be written; writes nothing.
    support: full
  diff_mode:
    description: Shows the files' changes.
    support: full
"""

EXAMPLES = r"""
- name: The agent and its schedule
  devcontainer.cloud.host_files:
    files:
      - path: /usr/local/lib/example/agent.py
        content: "{{ lookup('ansible.builtin.file', 'agent.py', rstrip=false) }}"
        mode: "0755"
      - path: /etc/cron.d/example
        content: "* * * * * root /usr/local/lib/example/agent.py\n"
      - path: /etc/cron.d/example-of-old
        state: absent
"""

RETURN = r"""
files:
  description: The files whose text, mode or owner changed, and those that were removed.
  returned: always
  type: list
  elements: str
former:
  description: The changed files as they were; given to O(files), it puts them back.
  returned: with O(return_former=true)
  type: list
  elements: dict
  sample: [{"path": "/etc/cron.d/example", "state": "absent"}]
"""

import os
import pwd
import re
import shlex
import stat
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def current(path: Path) -> tuple[str, tuple[int, int, int]] | None:
    """(text, (mode, owner, group)) of a file; None where there is none. Raises OSError where it is a folder."""
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            return None  # what it points to is not ours to change: a file takes its place
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    return text, (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def owner_of(module: AnsibleModule, item: dict[str, str | None]) -> tuple[int, int] | None:
    """(uid, gid) that the file is to have; None for an account that a check cannot know yet."""
    if not item["owner"]:
        return os.geteuid(), os.getegid()
    try:
        account = pwd.getpwnam(item["owner"])
    except KeyError:
        if module.check_mode:
            return None
        module.fail_json(msg=f"files: {item['path']}: there is no account {item['owner']!r}; make it first")
    return account.pw_uid, account.pw_gid


def as_it_was(path: Path, before: tuple[str, tuple[int, int, int]] | None) -> dict[str, str]:
    """What current() found, as an entry of ``files``."""
    if before is None:
        return {"path": str(path), "state": "absent"}
    text, (mode, uid, _gid) = before
    try:
        owner = {"owner": pwd.getpwuid(uid).pw_name}
    except KeyError:  # a number without an account
        owner = {}
    return {"path": str(path), "content": text, "mode": f"{mode:04o}", **owner}


def write(
    module: AnsibleModule, path: Path, text: str, mode: int, owner: tuple[int, int], validate: str | None
) -> None:
    """Write one file at once or not at all. Raises OSError, ValueError where it is refused."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)  # whatever the umask
    # Beside the file, and so in its file system; hidden, since cron and its like read all that their folders hold.
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.touch(0o600)
        partial.write_bytes(text.encode("utf-8", "surrogateescape"))
        partial.chmod(mode)
        os.chown(partial, *owner)
        if validate:
            code, out, err = module.run_command(validate.replace("%s", shlex.quote(str(partial))))
            if code:
                raise ValueError(
                    (err or out).strip().replace(str(partial), str(path)) or f"{validate} ends with {code}"
                )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    module.set_default_selinux_context(str(path), False)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str"},
                    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                    "mode": {"type": "str", "default": "0644"},
                    "owner": {"type": "str"},
                    "validate": {"type": "str"},
                },
                "required_if": [("state", "present", ["content"])],
            },
            "return_former": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    for item in module.params["files"]:
        if not Path(item["path"]).is_absolute() or not re.fullmatch(r"[0-7]{3,4}", item["mode"]):
            module.fail_json(
                msg=f"files: {item['path']} with mode {item['mode']}: give an absolute path and octal digits"
            )
        if item["validate"] and "%s" not in item["validate"]:
            module.fail_json(msg=f"files: validate of {item['path']} has no %s; write it where the file's path belongs")
    changed, diff, former = [], [], []
    for item in module.params["files"]:
        path = Path(item["path"])
        gone = item["state"] == "absent"
        mode, owner = int(item["mode"], 8), None if gone else owner_of(module, item)
        wanted = None if gone else (item["content"], (mode, *owner) if owner else None)
        try:
            before = current(path)
            if before == wanted and not (gone and path.is_symlink()):
                continue
            if module.check_mode:
                pass
            elif gone:
                path.unlink()
            else:
                write(module, path, item["content"], mode, owner, item["validate"])
        except ValueError as error:
            module.fail_json(msg=f"files: {path} was refused: {error}", changed=bool(changed), files=changed)
        except OSError as error:
            module.fail_json(msg=f"files: {path} cannot be written: {error}", changed=bool(changed), files=changed)
        changed.append(str(path))
        former.append(as_it_was(path, before))
        diff.append(
            {
                "before_header": str(path),
                "after_header": str(path),
                "before": before[0] if before else "",
                "after": wanted[0] if wanted else "",
            }
        )
    answer = {"changed": bool(changed), "files": changed}
    if module.params["return_former"]:
        answer["former"] = former
    if module._diff:
        answer["diff"] = diff
    module.exit_json(**answer)


if __name__ == "__main__":
    main()

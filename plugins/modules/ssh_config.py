#!/usr/bin/python
# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_config
version_added: 0.1.0
short_description: Write the OpenSSH client configuration of workspaces
description:
  - Writes C(NAME.conf) and C(NAME.known_hosts) for each workspace into a folder of their own, so that C(ssh NAME)
    reaches the host and C(ssh NAME.devcontainer) the container, with the host key known before the first connection.
  - Removes both for a workspace that is absent. Nothing else in the folder is touched.
author:
  - devcontainer.cloud contributors (@devcontainer-cloud)
options:
  workspaces:
    description: Workspaces as M(devcontainer.cloud.ec2_workspace) returns them; those with state V(absent) are removed.
    type: list
    elements: dict
    required: true
  directory:
    description: The folder of the files. Its C(config) includes them all.
    type: path
    default: ~/.ssh/devcontainer.cloud
  include_in:
    description:
      - The ssh_config that is to include the folder, by a line at its top. The rest of the file is kept.
      - Empty to change no file outside of O(directory); then use C(ssh -F DIRECTORY/config NAME).
    type: path
    default: ~/.ssh/config
  extra:
    description:
      - More client options for every workspace, one per entry, such as V(IdentityFile ~/.ssh/work).
      - In them C({name}) and C({zone}) stand for the workspace's name and zone. They are meant for a C(ProxyCommand),
        which is used for the host; the container is reached through the host.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Says what would be written; writes nothing.
    support: full
  diff_mode:
    description: Shows the files' changes.
    support: full
"""

EXAMPLES = r"""
- name: Let ssh know the workspaces
  devcontainer.cloud.ssh_config:
    workspaces: "{{ made.workspaces }}"

- name: Let ssh know workspaces behind Identity-Aware Proxy
  devcontainer.cloud.ssh_config:
    workspaces: "{{ made.workspaces }}"
    extra:
      - ProxyCommand gcloud compute start-iap-tunnel {name} %p --listen-on-stdin --project=acme --zone={zone}
"""

RETURN = r"""
files:
  description: The files that were written or removed.
  returned: always
  type: list
  elements: str
command:
  description: How to call ssh so that it knows the workspaces.
  returned: always
  type: str
  sample: ssh
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.devcontainer.cloud.plugins.module_utils import ssh_files
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import check_name


def wanted(params: dict) -> dict[Path, str | None]:
    """Path -> content; None for a file that is to go. Raises InvalidInput."""
    directory = Path(params["directory"])
    found: dict[Path, str | None] = {directory / "config": f"Include {ssh_files.quoted(f'{directory}/*.conf')}\n"}
    for workspace in params["workspaces"]:
        if workspace.get("state") == "absent":
            name = check_name(workspace["name"])
            found.update({directory / f"{name}.conf": None, directory / f"{name}.known_hosts": None})
        elif workspace.get("address"):
            rendered = ssh_files.files(workspace, str(directory), params["extra"], not params["include_in"])
            found.update({directory / name: text for name, text in rendered.items()})
    if params["include_in"]:
        config = Path(params["include_in"])
        found[config] = ssh_files.with_include(config.read_text() if config.exists() else "", str(directory))
    return found


def write(module: AnsibleModule, path: Path, text: str | None) -> None:
    """Write or remove one file at once or not at all; private, since ssh insists."""
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(mode)
    partial.write_text(text)
    # A link to a dotfiles repository stays a link.
    module.atomic_move(str(partial), str(path.resolve()))


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "workspaces": {"type": "list", "elements": "dict", "required": True},
            "directory": {"type": "path", "default": "~/.ssh/devcontainer.cloud"},
            "include_in": {"type": "path", "default": "~/.ssh/config"},
            "extra": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        files = wanted(module.params)
    except InvalidInput as error:
        module.fail_json(msg=str(error))
    before = {path: path.read_text() if path.exists() else None for path in files}
    changed = [path for path, text in files.items() if before[path] != text]
    if not module.check_mode:
        for path in changed:
            write(module, path, files[path])
    own = f"ssh -F {ssh_files.quoted(module.params['directory'] + '/config')}"
    answer = {
        "changed": bool(changed),
        "files": sorted(str(path) for path in changed),
        "command": "ssh" if module.params["include_in"] else own,
    }
    if module._diff:
        answer["diff"] = [
            {
                "before_header": str(path),
                "after_header": str(path),
                "before": before[path] or "",
                "after": files[path] or "",
            }
            for path in changed
        ]
    module.exit_json(**answer)


if __name__ == "__main__":
    main()

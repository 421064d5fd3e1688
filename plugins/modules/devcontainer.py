#!/usr/bin/python
# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: devcontainer
version_added: 0.1.0
short_description: Bring a repository's devcontainer up on this host, stop, build or remove it
description:
  - Drives the reference implementation, C(@devcontainers/cli), for a repository that lies on the host.
  - Remembers what the container was made of (devcontainer.json, Dockerfile and what it copies, local Features, lock,
    Compose and env files, values of C(localEnv), base images, the CLI's version) and makes a new container when one
    of them differs. The CLI itself would use the old one again, whatever was changed.
  - Does not call the CLI where nothing is to be done, so that hooks do not run again.
  - A run that failed or was killed is remembered. The next one makes a new container, or starts the old one anew if it
    was a start that failed, so that failed hooks are really run again. The CLI itself would say success.
  - Runs one at a time on a host. Others wait, up to O(timeout).
author:
  - devcontainer.cloud contributors (@devcontainer-cloud)
options:
  workspace_folder:
    description: The repository's folder. It must belong to the account that runs the module, which must not be root.
    type: path
    required: true
  state:
    description:
      - V(up) is a running container whose hooks have run; V(stopped) keeps it; V(absent) removes it and keeps its named
        volumes, the repository and the images; V(built) is an image, and touches no container.
    type: str
    choices: [up, stopped, built, absent]
    default: up
  config:
    description:
      - The devcontainer.json, relative to O(workspace_folder). Needed where there are several.
    type: str
    default: ""
  cli:
    description: The program C(devcontainer), as the role P(devcontainer.cloud.devcontainer#role) installs it.
    type: path
    default: /usr/local/bin/devcontainer
  recreate:
    description: Make a new container even if nothing differs. Never idempotent.
    type: bool
    default: false
  timeout:
    description: Seconds until it must be done, waiting for other runs included. A build without a cache takes minutes.
    type: int
    default: 3600
attributes:
  check_mode:
    description: Says what would be done, and why; calls neither the CLI's C(up) nor its C(build).
    support: full
  diff_mode:
    description: Shows the container's state and the inputs that differ, as the beginnings of their digests.
    support: full
notes:
  - C(forwardPorts) publishes nothing on the host, C(appPort) does. Reach a container's ports through its SSH door.
  - C(postAttachCommand) is not run, since nobody attaches; it may never end.
  - C(initializeCommand) runs on the host, as the account.
  - A C(devcontainer-lock.json) in the repository is held to (C(--frozen-lockfile)). None is ever written.
  - The list of withdrawn Features at containers.dev is not fetched, since that hangs for minutes behind a firewall.
  - Secrets cannot be handed over here; the CLI would show them in the host's list of processes.
requirements:
  - Docker, and membership in the group docker
  - "@devcontainers/cli and Node.js"
"""

EXAMPLES = r"""
- name: Bring the devcontainer up
  devcontainer.cloud.devcontainer:
    workspace_folder: /home/dev/workspaces/api
  become: true
  become_user: dev
  register: api

- name: Stop it, and do not start it at the next boot
  devcontainer.cloud.devcontainer:
    workspace_folder: /home/dev/workspaces/api
    state: stopped
  become: true
  become_user: dev

- name: One of several configurations, with something moving on the screen while it builds
  devcontainer.cloud.devcontainer:
    workspace_folder: /home/dev/workspaces/shop
    config: .devcontainer/backend/devcontainer.json
  become: true
  become_user: dev
  async: 3700
  poll: 5
"""

RETURN = r"""
outcome:
  description:
    - What was done, or in check mode would be. One of V(created), V(started), V(recreated), V(stopped), V(removed),
      V(built), V(unchanged).
  returned: success
  type: str
  sample: recreated
reasons:
  description: Why; the names of the inputs that differ are among them.
  returned: success
  type: list
  elements: str
  sample: [".devcontainer/Dockerfile"]
container_id:
  description: The container; of Compose, the one that is worked in. Empty where there is none.
  returned: success
  type: str
remote_user:
  description: Who works in the container.
  returned: success
  type: str
  sample: vscode
remote_workspace_folder:
  description: Where the repository is in the container.
  returned: success
  type: str
  sample: /workspaces/api
image:
  description: The image that O(state=built) made last.
  returned: success
  type: str
hash:
  description: One word for all that the container is made of. Empty for O(state=stopped) and O(state=absent).
  returned: success
  type: str
config:
  description: The devcontainer.json in use.
  returned: success
  type: str
  sample: /home/dev/workspaces/api/.devcontainer/devcontainer.json
log:
  description: What the CLI and the hooks said in the last run, on the host.
  returned: success
  type: str
  sample: /home/dev/.local/state/devcontainer-cloud/api-0f3a9c1d.log
seconds:
  description: How long it took, without waiting for other runs.
  returned: success
  type: float
"""

import os
import pwd

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.devcontainer.cloud.plugins.module_utils.devcontainer import cli, runner
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import WorkspaceError


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "workspace_folder": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["up", "stopped", "built", "absent"], "default": "up"},
            "config": {"type": "str", "default": ""},
            "cli": {"type": "path", "default": "/usr/local/bin/devcontainer"},
            "recreate": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    request = runner.Request(**module.params, check=module.check_mode)
    found = pwd.getpwuid(os.geteuid())
    account = runner.Account(found.pw_name, found.pw_uid, found.pw_dir)
    try:
        answer = runner.converge(request, account, os.environ, cli.Docker())
    except WorkspaceError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"devcontainer: {error.filename or request.workspace_folder}: {error.strerror}")
    shown = answer.pop("diff")
    if module._diff:
        answer["diff"] = shown
    module.exit_json(**answer)


if __name__ == "__main__":
    main()

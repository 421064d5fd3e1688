#!/usr/bin/python
# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: gce_workspace_info
version_added: 0.1.0
short_description: Look up Compute Engine workspaces
description:
  - Returns workspaces as M(devcontainer.cloud.gce_workspace) does, by one call however many there are.
  - A zone of the region that cannot be looked at is warned of; a workspace that is named and might be in it fails the
    task, which returns the others.
author:
  - devcontainer.cloud contributors (@devcontainer-cloud)
options:
  names:
    description:
      - The workspaces to look up; one that does not exist is returned with state V(absent).
      - Without it all workspaces of the project and region are returned. An empty list selects nothing.
    type: list
    elements: str
extends_documentation_fragment:
  - devcontainer.cloud.gcp
  - devcontainer.cloud.gcp.region
attributes:
  check_mode:
    description: Changes nothing in any mode.
    support: full
"""

EXAMPLES = r"""
- name: Every workspace of the region
  devcontainer.cloud.gce_workspace_info:
    project: acme-workspaces
    region: europe-west3
  register: found

- name: Wait for one that was started with wait=false
  devcontainer.cloud.gce_workspace_info:
    project: acme-workspaces
    region: europe-west3
    names: [api-ada]
  register: found
  until: found.workspaces[0].state == 'running'
  retries: 60
  delay: 5
"""

RETURN = r"""
workspaces:
  description: The workspaces, in the order of O(names), otherwise by name; the keys are those of
    M(devcontainer.cloud.gce_workspace), without what a run adds.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "api-ada", "state": "running", "id": "4501234567890123456", "address": "10.0.16.4"}]
"""

from ansible_collections.devcontainer.cloud.plugins.module_utils.gce_module import GceModule, look_up


def main() -> None:
    """Entry point."""
    look_up(GceModule({"names": {"type": "list", "elements": "str"}}))


if __name__ == "__main__":
    main()

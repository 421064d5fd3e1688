#!/usr/bin/python
# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_workspace_info
version_added: 0.1.0
short_description: Look up EC2 workspaces
description:
  - Returns workspaces as M(devcontainer.cloud.ec2_workspace) does, by one call however many there are.
author:
  - devcontainer.cloud contributors (@devcontainer-cloud)
options:
  names:
    description:
      - The workspaces to look up; one that does not exist is returned with state V(absent).
      - Without it all workspaces of the account and region are returned. An empty list selects nothing.
    type: list
    elements: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Changes nothing in any mode.
    support: full
"""

EXAMPLES = r"""
- name: Every workspace of the region
  devcontainer.cloud.ec2_workspace_info:
  register: found

- name: Wait for one that was started with wait=false
  devcontainer.cloud.ec2_workspace_info:
    names: [api-ada]
  register: found
  until: found.workspaces[0].state == 'running'
  retries: 60
  delay: 5
"""

RETURN = r"""
workspaces:
  description: The workspaces, in the order of O(names), otherwise by name; the keys are those of
    M(devcontainer.cloud.ec2_workspace), without what a run adds.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "api-ada", "state": "running", "id": "i-0123456789abcdef0", "address": "10.0.16.4"}]
"""

from ansible_collections.devcontainer.cloud.plugins.module_utils.ec2_module import Ec2Module, look_up


def main() -> None:
    """Entry point."""
    spec = {"names": {"type": "list", "elements": "str"}}
    look_up(Ec2Module(argument_spec=spec, supports_check_mode=True))


if __name__ == "__main__":
    main()

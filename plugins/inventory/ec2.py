# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: ec2
version_added: 0.1.0
short_description: Workspaces on EC2 as hosts
description:
  - Lists the workspaces of one or several AWS accounts and regions, and on demand their other machines.
  - All sources are asked side by side, by one filtered request each (per 1,000 machines). One that fails is
    reported and does not hide the others.
  - Any file that ends in C(.yml) or C(.yaml) and says C(plugin=devcontainer.cloud.ec2) is accepted.
  - A workspace is called by its name. Where two machines have one name, each gets its region, account, zone
    or instance id as a suffix, and a warning says so.
  - Groups are C(workspaces), C(provider_ec2), C(state_*), C(region_*), C(owner_*), C(team_*), C(lease_expired)
    (running, and the lease has ended and no pin holds it), C(account_*) with O(accounts), and C(unmanaged) with
    O(include_unmanaged).
  - A host's variable C(workspace) is what M(devcontainer.cloud.ec2_workspace_info) returns of it. C(ansible_host),
    C(ansible_user) and C(ansible_ssh_common_args) are set as far as they are known. An unmanaged machine has
    C(ec2) with its C(id), C(name), C(zone), C(type) and C(tags) instead.
  - SSH is told to trust the host key that the collection made, and no other. It looks for it in O(ssh_directory),
    where the collection's playbook C(workspace.yml) writes it. On another controller, run
    M(devcontainer.cloud.ssh_config) with the hosts' C(workspace) variables first; the key itself is one of their tags.
author:
  - devcontainer.cloud contributors (@devcontainer-cloud)
requirements:
  - botocore (it comes with boto3)
extends_documentation_fragment:
  - amazon.aws.common.plugins
  - amazon.aws.region.plugins
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: The name of this plugin.
    required: true
    choices: [devcontainer.cloud.ec2]
  regions:
    description:
      - The regions to look into. V(all) alone stands for every region that is enabled in the account, which takes
        one more request.
      - Without it, the one region that O(region), C(AWS_REGION) or the profile sets.
    type: list
    elements: str
    default: []
  assume_role_arn:
    description: A role to assume. Mutually exclusive with O(accounts).
    type: str
    aliases: [iam_role_arn]
  accounts:
    description:
      - Several accounts or roles side by side, each a dict of O(accounts[].profile) or O(accounts[].role_arn), or
        both (the profile then assumes the role). An entry with neither stands for the inventory's own credentials.
    type: list
    elements: dict
    default: []
    suboptions:
      role_arn:
        description: The role to assume.
        type: str
      external_id:
        description: The external id that the role asks for.
        type: str
      profile:
        description: The profile whose credentials are used.
        type: str
      name:
        description:
          - What the account is called in groups and messages. By default the role's account id, or the profile.
        type: str
  include_unmanaged:
    description:
      - Whether machines that are no workspaces are listed too, in the group C(unmanaged). Such a machine is called
        by its tag C(Name) where that can be a host's name, otherwise by its instance id.
    type: bool
    default: false
  filters:
    description:
      - More filters for the service, name to value or list of values, as
        U(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html) names them.
    type: dict
    default: {}
  states:
    description: The states, in EC2's words, of the machines to list. A suspended workspace is V(stopped) there.
    type: list
    elements: str
    choices: [pending, running, stopping, stopped, shutting-down]
    default: [pending, running, stopping, stopped]
  address:
    description:
      - Which address becomes C(ansible_host). V(auto) is the public one where there is one, otherwise the private
        one; with a bastion it is the other way round.
    type: str
    choices: [auto, private, public]
    default: auto
  connection:
    description: Whether hosts are reached directly or through O(bastion).
    type: str
    choices: [direct, bastion]
    default: direct
  bastion:
    description: Where to jump from, as V(user@host) or V(user@host:port). Needed for O(connection=bastion).
    type: str
  ssh_directory:
    description:
      - The O(devcontainer.cloud.ssh_config#module:directory) where the known hosts of the workspaces are. A relative
        path counts from the inventory file.
    type: str
    default: ~/.ssh/devcontainer.cloud
  on_error:
    description:
      - What a source that cannot be read does. V(warn) names it and lists the others; V(fail) fails the inventory.
      - The inventory always fails where no source could be read.
    type: str
    choices: [warn, fail]
    default: warn
notes:
  - The credentials and O(endpoint_url), O(region), O(regions), O(accounts), O(filters), O(bastion) and
    O(ssh_directory) may be templates, for example a lookup; extra variables can be used in them.
  - Expressions are compiled once for all hosts. On an ansible-core with other insides they are merely slower.
  - What is cached is a short record of each machine. Leases are judged when the inventory is read. An answer in which
    a source is missing is not cached.
"""

EXAMPLES = r"""
# The workspaces of the region that AWS_REGION or the profile sets
plugin: devcontainer.cloud.ec2

---
# Several regions, grouped by repository; cached for ten minutes
plugin: devcontainer.cloud.ec2
regions: [eu-central-1, us-east-1]
keyed_groups:
  - key: workspace.repo | ansible.builtin.basename | ansible.builtin.splitext | first
    prefix: repo
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/devcontainer.cloud
cache_timeout: 600

---
# Two accounts, every enabled region, through a bastion
plugin: devcontainer.cloud.ec2
regions: [all]
accounts:
  - name: build
    role_arn: arn:aws:iam::123456789012:role/inventory
  - profile: research
connection: bastion
bastion: jump@bastion.example

---
# Everything that runs, ours or not, with one's own variables and groups
plugin: devcontainer.cloud.ec2
include_unmanaged: true
states: [running]
filters:
  vpc-id: vpc-0123456789abcdef0
compose:
  zone: workspace.zone | default(ec2.zone, true)
groups:
  large: workspace is defined and workspace.instance_type is search('xlarge')
"""

import os
import typing as t
from pathlib import Path

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.plugin_utils import cache, ec2_accounts, ec2_sources
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.inventory import WorkspaceInventory
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.sources import Answer

#: The options that say who asks, and where.
_WHO = ("access_key", "secret_key", "session_token", "profile", "assume_role_arn", "endpoint_url", "region")
#: What botocore reads beside them.
_VARIABLES = (
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)


class InventoryModule(WorkspaceInventory):
    """EC2's sources; hosts are made by WorkspaceInventory."""

    NAME = "devcontainer.cloud.ec2"
    provider = "ec2"
    TEMPLATED = (*WorkspaceInventory.TEMPLATED, *_WHO, "regions", "accounts", "filters")

    def check(self) -> None:
        if not ec2_accounts.HAS_BOTOCORE:
            raise InvalidInput("plugin: devcontainer.cloud.ec2 needs the Python package botocore; install boto3")
        self._who = {name: self.option(name) for name in _WHO}
        ec2_accounts.check_credentials(self._who)
        self._regions = ec2_accounts.regions_of(self.option("regions"))
        self._accounts = ec2_accounts.accounts_of(self.option("accounts"))
        role = self._who["assume_role_arn"]
        if role and self.option("accounts"):
            raise InvalidInput(f"assume_role_arn: {role!r} cannot go with accounts; give it there as role_arn")
        if role:
            self._accounts = [ec2_accounts.Account(role_arn=role)]
        self._question = ec2_sources.question_of(
            self.get_option("states"), self.option("filters"), self.get_option("include_unmanaged")
        )

    def decides(self) -> dict[str, t.Any]:
        files = [
            Path(os.environ.get(variable, default)).expanduser()
            for variable, default in (
                ("AWS_CONFIG_FILE", "~/.aws/config"),
                ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
            )
        ]
        return {
            # A secret decides nothing that its key does not, so it stays out even of the digest.
            "who": {key: value for key, value in self._who.items() if key not in ("secret_key", "session_token")},
            "accounts": [vars(account) for account in self._accounts],
            "regions": self._regions,
            "question": vars(self._question),
            "environment": cache.identity(_VARIABLES, files),
        }

    def account_groups(self) -> str:
        return "account" if any(account.name for account in self._accounts) else ""

    def ask(self) -> Answer:
        return ec2_sources.gather(ec2_accounts.Sessions(self._who), self._accounts, self._regions, self._question)

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: gce
version_added: 0.1.0
short_description: Workspaces on Compute Engine as hosts
description:
  - Lists the workspaces of one or several Google Cloud projects, and on demand their other machines.
  - All projects are asked side by side over one session, by one filtered request each (per 500 machines) that
    fetches only what is shown. A project or zone that fails is reported and does not hide the others.
  - Any file that ends in C(.yml) or C(.yaml) and says C(plugin=devcontainer.cloud.gce) is accepted.
  - A workspace is called by its name. Where two machines have one name, each gets its region, project, zone or
    instance id as a suffix, and a warning says so.
  - Groups are C(workspaces), C(provider_gce), C(state_*), C(region_*), C(owner_*), C(team_*), C(lease_expired)
    (running, and the lease has ended and no pin holds it), C(project_*) where there are several, and C(unmanaged)
    with O(include_unmanaged).
  - A host's variable C(workspace) is what M(devcontainer.cloud.gce_workspace_info) returns of it. C(ansible_host),
    C(ansible_user) and C(ansible_ssh_common_args) are set as far as they are known. An unmanaged machine has
    C(gce) with its C(id), C(name), C(zone), C(type) and C(tags) instead, which are its labels.
  - SSH is told to trust the host key that the collection made, and no other. It looks for it in O(ssh_directory),
    where the collection's playbook C(workspace.yml) writes it. On another controller, run
    M(devcontainer.cloud.ssh_config) with the hosts' C(workspace) variables first; the key itself is in their metadata.
author:
  - devcontainer.cloud contributors (@devcontainer-cloud)
extends_documentation_fragment:
  - devcontainer.cloud.gcp.plugins
  - devcontainer.cloud.gcp
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: The name of this plugin.
    required: true
    choices: [devcontainer.cloud.gce]
  projects:
    description:
      - The ids of the projects to look into. Without it that of O(project), and without that the one that the
        credentials name.
    type: list
    elements: str
    default: []
  regions:
    description:
      - The regions to look into, beside O(zones). Without both everything in the projects is listed.
    type: list
    elements: str
    default: []
  zones:
    description: The zones to look into, beside those of O(regions).
    type: list
    elements: str
    default: []
  include_unmanaged:
    description:
      - Whether machines that are no workspaces are listed too, in the group C(unmanaged), called by their names.
    type: bool
    default: false
  filters:
    description:
      - More filters for the service, all of which must hold, such as C(labels.env = prod) or C(name = "web*"). The kind
        with regular expressions (C(name eq web.*)) cannot be used, since it goes with no other.
      - They are described at U(https://cloud.google.com/compute/docs/reference/rest/v1/instances/aggregatedList).
    type: list
    elements: str
    default: []
  states:
    description:
      - The states, in Compute Engine's words, of the machines to list. A stopped machine is V(TERMINATED) there.
    type: list
    elements: str
    choices:
      - PENDING
      - PROVISIONING
      - STAGING
      - RUNNING
      - REPAIRING
      - PENDING_STOP
      - STOPPING
      - STOPPED
      - TERMINATED
      - SUSPENDING
      - SUSPENDED
      - DEPROVISIONING
    default:
      - PENDING
      - PROVISIONING
      - STAGING
      - RUNNING
      - REPAIRING
      - PENDING_STOP
      - STOPPING
      - STOPPED
      - TERMINATED
      - SUSPENDING
      - SUSPENDED
  address:
    description:
      - Which address becomes C(ansible_host). V(auto) is the public one where there is one, otherwise the private
        one; with a bastion it is the other way round.
      - With O(connection=iap) it is the instance's name whatever addresses there are.
    type: str
    choices: [auto, private, public]
    default: auto
  connection:
    description:
      - Whether hosts are reached directly, through O(bastion), or through Identity-Aware Proxy with V(iap), which needs
        neither a public address nor a bastion.
      - For V(iap) C(gcloud) opens a tunnel for each connection. It must be installed on the controller and logged in
        as somebody who has C(roles/iap.tunnelResourceAccessor); the options of this inventory are not used for it. A
        firewall rule must let 35.235.240.0/20 reach port 22.
    type: str
    choices: [direct, bastion, iap]
    default: direct
  bastion:
    description: Where to jump from, as V(user@host) or V(user@host:port). Needed for O(connection=bastion).
    type: str
  ssh_user:
    description:
      - Who logs in. V(contract) is each workspace's own account, as its labels say, which works beside OS Login too;
        other machines are left to Ansible's defaults.
      - V(oslogin) is O(os_login_user) on every host, unmanaged ones too.
    type: str
    choices: [contract, oslogin]
    default: contract
  os_login_user:
    description:
      - Your POSIX user name as C(gcloud compute os-login describe-profile) shows it, such as V(ada_example_com), or
        V(sa_) and the unique id of a service account.
    type: str
  ssh_directory:
    description:
      - The O(devcontainer.cloud.ssh_config#module:directory) where the known hosts of the workspaces are. A relative
        path counts from the inventory file.
    type: str
    default: ~/.ssh/devcontainer.cloud
  on_error:
    description:
      - What a project or zone that cannot be read does. V(warn) names it and lists the others; V(fail) fails the
        inventory.
      - The inventory always fails where no project could be read.
    type: str
    choices: [warn, fail]
    default: warn
notes:
  - The options that say who asks and O(projects), O(regions), O(zones), O(filters), O(bastion), O(os_login_user) and
    O(ssh_directory) may be templates, for example a lookup; extra variables can be used in them.
  - The credentials need the permission C(compute.instances.list), which C(roles/compute.viewer) has, in each project.
  - Expressions are compiled once for all hosts. On an ansible-core with other insides they are merely slower.
  - What is cached is a short record of each machine. Leases are judged when the inventory is read. An answer in which
    a project or zone is missing is not cached.
"""

EXAMPLES = r"""
# The workspaces of the project that GCP_PROJECT or the credentials name
plugin: devcontainer.cloud.gce

---
# Several projects and one region, grouped by repository; cached for ten minutes
plugin: devcontainer.cloud.gce
projects: [build-123456, research-654321]
regions: [europe-west3]
keyed_groups:
  - key: workspace.repo | ansible.builtin.basename | ansible.builtin.splitext | first
    prefix: repo
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/devcontainer.cloud
cache_timeout: 600

---
# Machines without public addresses, through Identity-Aware Proxy, as the account that OS Login made
plugin: devcontainer.cloud.gce
connection: iap
ssh_user: oslogin
os_login_user: ada_example_com

---
# Everything that runs, ours or not, as a service account, with one's own variables and groups
plugin: devcontainer.cloud.gce
service_account_file: ~/keys/inventory.json
include_unmanaged: true
states: [RUNNING]
filters:
  - labels.env = prod
compose:
  zone: workspace.zone | default(gce.zone, true)
groups:
  large: workspace is defined and workspace.instance_type is search('standard-16')
"""

import json
import os
import typing as t
from pathlib import Path

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.gce_auth import auth_kind
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_api import HAS_GOOGLE_AUTH
from ansible_collections.devcontainer.cloud.plugins.plugin_utils import cache, gce_reach, gce_sources
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.inventory import WorkspaceInventory
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.reach import Reach, reach_of
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.sources import Answer

#: The options that say who asks, and where.
_WHO = (
    "project",
    "auth_kind",
    "service_account_file",
    "service_account_contents",
    "service_account_email",
    "access_token",
    "scopes",
    "impersonate_service_account",
    "api_endpoint",
)
#: What google-auth reads beside them.
_VARIABLES = (
    "CLOUDSDK_ACTIVE_CONFIG_NAME",
    "CLOUDSDK_CORE_PROJECT",
    "GCE_METADATA_HOST",
    "GCE_METADATA_IP",
    "GCLOUD_PROJECT",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
)


class InventoryModule(WorkspaceInventory):
    """Compute Engine's sources; hosts are made by WorkspaceInventory."""

    NAME = "devcontainer.cloud.gce"
    provider = "gce"
    TEMPLATED = (
        *WorkspaceInventory.TEMPLATED,
        *(name for name in _WHO if name != "auth_kind"),
        *("projects", "regions", "zones", "filters", "os_login_user"),
    )

    def check(self) -> None:
        if not HAS_GOOGLE_AUTH:
            raise InvalidInput(
                "plugin: devcontainer.cloud.gce needs the Python packages google-auth and requests; install them"
            )
        self._who = {name: self.option(name) for name in _WHO}
        contents, file = self._who["service_account_contents"], self._who["service_account_file"]
        if contents and not isinstance(contents, str):
            self._who["service_account_contents"] = json.dumps(contents)
        if file:
            self._who["service_account_file"] = str(Path(os.path.expandvars(file)).expanduser())
        gce_sources.check_who(self._who)
        self._projects = gce_sources.projects_of(self.option("projects"), self._who["project"] or "")
        self._question = gce_sources.question_of(
            self.get_option("states"),
            self.option("filters"),
            self.get_option("include_unmanaged"),
            self.option("regions"),
            self.option("zones"),
        )

    def decides(self) -> dict[str, t.Any]:
        # A key's contents are a secret; whose key it is decides. Of a token nothing but itself tells whose it is.
        who = {**self._who, "service_account_contents": gce_sources.whose_key(self._who["service_account_contents"])}
        files = [Path(who["service_account_file"])] if who["service_account_file"] else []
        if auth_kind(self._who) == "application":
            files += gce_sources.default_files()
        return {
            "who": who,
            "projects": self._projects,
            "question": vars(self._question),
            "environment": cache.identity(_VARIABLES, files),
        }

    def account_groups(self) -> str:
        return "project" if len(self._projects) > 1 else ""

    def reach(self, ssh_directory: str) -> Reach:
        connection, address = self.get_option("connection"), self.get_option("address")
        if connection == "iap" and address != "auto":
            raise InvalidInput(f"address: {address!r} is not used by connection: iap; leave it out")
        return reach_of(
            connection,
            self.option("bastion") or "",
            address,
            ssh_directory,
            kind=gce_reach.Iap if connection == "iap" else Reach,
            user=gce_reach.login_of(self.get_option("ssh_user"), self.option("os_login_user") or ""),
        )

    def ask(self) -> Answer:
        return gce_sources.gather(self._who, self._projects, self._question)

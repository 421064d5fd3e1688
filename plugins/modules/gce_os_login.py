#!/usr/bin/python
# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: gce_os_login
version_added: 0.1.0
short_description: Switch OS Login on, and import the own public key into it
description:
  - Switches OS Login and its second factor on or off in the metadata of a project, or of one instance; what others
    wrote there stays, whoever writes at the same time.
  - Imports a public key into the own Google account, with an end if wanted, and returns the name to log in by.
  - Who may log in is for IAM to say, by C(roles/compute.osLogin) or, with sudo, C(roles/compute.osAdminLogin).
author:
  - devcontainer.cloud contributors (@devcontainer-cloud)
options:
  enabled:
    description:
      - Whether OS Login decides who may log in (metadata C(enable-oslogin)); left alone where not given.
      - Keys in the project's and the instances' C(ssh-keys) metadata no longer count while it is on.
    type: bool
  two_factor:
    description:
      - Whether it asks for a second factor, too (metadata C(enable-oslogin-2fa)); left alone where not given.
    type: bool
  instance:
    description:
      - The instance whose metadata is meant; it goes before the project's. Without it the project's is meant.
      - For a workspace use O(devcontainer.cloud.gce_workspace#module:os_login), which would undo O(enabled=false) here.
    type: str
  zone:
    description: The zone of O(instance). Needed with it, and only with it.
    type: str
  account:
    description:
      - The Google account whose key and name are meant, by its e-mail or a service account's unique id.
      - Without it that of the credentials, where these say it; a service account's key and a machine's own account do,
        a person's access token does not.
    type: str
  public_key:
    description: The public key, as one line of OpenSSH. Keys of the account that are not named are left alone.
    type: str
  key_state:
    description: Whether O(public_key) is to be there.
    type: str
    choices: [present, absent]
    default: present
  key_lifetime:
    description:
      - How long O(public_key) lets its owner in from now on, such as V(12h) or V(30d); V(none) for no end.
      - A key that is there is renewed once less than half of it is left.
    type: str
    default: none
  os_login_endpoint:
    description:
      - Where the OS Login API is, with its scheme.
      - The variable E(GCP_OS_LOGIN_ENDPOINT) is used where it is not given.
    type: str
    default: https://oslogin.googleapis.com
  wait_timeout:
    description: Seconds until a change of metadata that is not done counts as lost.
    type: int
    default: 300
extends_documentation_fragment:
  - devcontainer.cloud.gcp
  - devcontainer.cloud.gcp.region
attributes:
  check_mode:
    description: Says what would be done; makes no changing call.
    support: full
  diff_mode:
    description: Shows the metadata and the key before and after.
    support: full
notes:
  - The project's metadata needs C(compute.projects.get) and C(compute.projects.setCommonInstanceMetadata).
  - An instance's needs C(compute.instances.get) and C(compute.instances.setMetadata).
  - Both need C(iam.serviceAccounts.actAs) on the machines' service accounts.
  - The own key needs no role, but the OS Login API has to be on.
seealso:
  - module: devcontainer.cloud.gce_workspace
"""

EXAMPLES = r"""
- name: OS Login for all machines of the project
  devcontainer.cloud.gce_os_login:
    project: acme-workspaces
    enabled: true
    two_factor: true

- name: Let me in for today
  devcontainer.cloud.gce_os_login:
    project: acme-workspaces
    public_key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    key_lifetime: 12h
  register: me

- name: Who I am on the machines
  ansible.builtin.debug:
    var: me.username

- name: Take a lost key out
  devcontainer.cloud.gce_os_login:
    project: acme-workspaces
    account: ada@example.com
    public_key: "{{ lost_key }}"
    key_state: absent
"""

RETURN = r"""
account:
  description: The Google account. Like all that follows up to RV(metadata) it needs O(account) or O(public_key).
  returned: always
  type: str
  sample: ada@example.com
username:
  description: The name to log in by, for C(ansible_user); empty where there is none yet, as before the first key.
  returned: always
  type: str
  sample: ada_example_com
posix_account:
  description: The account on the project's machines, or null.
  returned: always
  type: dict
  sample: {"username": "ada_example_com", "uid": 12345, "gid": 12345, "home": "/home/ada", "shell": "/bin/sh"}
key:
  description: What there is of O(public_key), or null; C(ends) is empty for a key that never ends.
  returned: always
  type: dict
  sample: {"fingerprint": "9f2c", "ends": "2026-11-25T20:00:00Z"}
metadata:
  description: The switches that were asked for, as they are after the task.
  returned: always
  type: dict
  sample: {"enable-oslogin": "TRUE"}
"""

from ansible.module_utils.basic import env_fallback
from ansible_collections.devcontainer.cloud.plugins.module_utils.gce_module import GceModule
from ansible_collections.devcontainer.cloud.plugins.module_utils.gce_os_login import ENDPOINT, run


def main() -> None:
    """Entry point."""
    run(
        GceModule(
            {
                "enabled": {"type": "bool"},
                "two_factor": {"type": "bool"},
                "instance": {"type": "str"},
                "zone": {"type": "str"},
                "account": {"type": "str"},
                "public_key": {"type": "str"},
                "key_state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "key_lifetime": {"type": "str", "no_log": False, "default": "none"},
                "os_login_endpoint": {
                    "type": "str",
                    "default": ENDPOINT,
                    "fallback": (env_fallback, ["GCP_OS_LOGIN_ENDPOINT"]),
                },
                "wait_timeout": {"type": "int", "default": 300},
            }
        )
    )


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: gce_workspace
version_added: 0.1.0
short_description: Create, start, stop, suspend, resize and delete Compute Engine workspaces
description:
  - Brings one workspace or a list of them to the state that is asked for, and repairs what has drifted.
  - A workspace is a Compute Engine instance of the workspace's name that carries the collection's labels; nothing
    without them is ever changed.
  - A run that was cut off, or whose answer was lost, is finished by the next run; it never makes a second machine. All
    zones of the region are looked at before one is created, and where one of them cannot be, nothing is created.
  - Every operation is awaited and its outcome checked. Labels and metadata are merged with what others wrote.
  - Instances are Shielded VMs, have no public address unless O(public_ip=true), and no service account unless
    O(vm_service_account) names one.
author:
  - devcontainer.cloud contributors (@devcontainer-cloud)
options:
  image:
    description:
      - A family whose newest image of the type's architecture is taken (V(debian-12), V(debian-13), V(ubuntu-24.04)),
        or a path such as C(projects/PROJECT/global/images/NAME) or C(projects/PROJECT/global/images/family/NAME).
      - Used at creation only, so a newer image of the family is no drift.
    type: str
    default: debian-12
  machine_type:
    description: The machine type. Changing it stops a running workspace, changes it, and starts it again.
    type: str
    default: e2-medium
  zones:
    description:
      - Zones to launch in, in order of preference; where one has no capacity, the next is tried.
      - All of them are in one region. Needed for O(state=running).
    type: list
    elements: str
    default: []
  subnetwork:
    description:
      - The subnetwork's name in the region, or for a Shared VPC its path
        C(projects/HOST/regions/REGION/subnetworks/NAME).
      - Used at creation only. Needed for O(state=running).
    type: str
  network_tags:
    description: The network tags that firewall rules go by; left alone where not given.
    type: list
    elements: str
  public_ip:
    description: Whether the instance gets a public address. Used at creation only.
    type: bool
    default: false
  disk_size:
    description: Size of the boot disk in GiB. It only grows; a larger one is left so.
    type: int
    default: 30
  disk_type:
    description: Type of the boot disk. Used at creation only.
    type: str
    default: pd-balanced
  kms_key:
    description:
      - Cloud KMS key of the boot disk, as C(projects/P/locations/L/keyRings/R/cryptoKeys/K). Without it Google's own
        keys encrypt it.
    type: str
  shielded:
    description:
      - Whether secure boot, the virtual TPM and integrity monitoring are on. Changing it needs a stop, which is made.
    type: bool
    default: true
  confidential:
    description:
      - The kind of Confidential VM, which the machine type and image must support. Chosen at creation. It cannot be
        suspended.
    type: str
    choices: [none, SEV, SEV_SNP, TDX]
    default: none
  os_login:
    description:
      - Whether OS Login decides who else may log in (metadata C(enable-oslogin)).
      - The workspace's own account O(user) with O(ssh_keys) is made in the guest at its first boot and works in either
        case, so that the same playbook does. Keys in C(ssh-keys) metadata are used in no case, those of the project
        neither (C(block-project-ssh-keys)).
    type: bool
    default: true
  vm_service_account:
    description:
      - E-mail of the service account that the instance runs as. Without it a new instance has none, and that of an
        existing one is left alone; an empty text takes it away. Changing it needs a stop, which is made.
    type: str
  vm_scopes:
    description:
      - The scopes of O(vm_service_account), as URLs or as what stands behind
        C(https://www.googleapis.com/auth/) in them.
    type: list
    elements: str
    default: [logging.write, monitoring.write]
  spot:
    description:
      - Whether it is a Spot VM, which the platform may stop (and never deletes) at any time. Chosen at creation.
    type: bool
    default: false
  max_run_duration:
    description:
      - How long the platform lets it run from each start, such as V(12h); it is then stopped, whatever the guest does.
        V(none) for no limit; left alone where not given.
      - A cap that cannot be renewed while it runs, beside the lease. Changing it needs a stop, which is made.
    type: str
  cloud_config:
    description:
      - More cloud-config for the first boot, such as C(runcmd) or C(write_files).
      - Refused for V(debian-12) and V(debian-13), whose images have no cloud-init.
      - The account and the host keys are the collection's own, so C(users) and C(ssh_keys) are refused.
    type: dict
    default: {}
extends_documentation_fragment:
  - devcontainer.cloud.workspace
  - devcontainer.cloud.gcp
  - devcontainer.cloud.gcp.region
attributes:
  check_mode:
    description: Says what would be done first; makes no changing call.
    support: full
  diff_mode:
    description: Shows what is declared beside what is observed.
    support: full
notes:
  - O(tags) are the instance's labels, so keys and values are lower case letters, digits, C(_) and C(-).
  - The host's SSH key is made by the module and handed over in the metadata, so that the first connection knows whom
    to expect. Whoever may read the instance's metadata can read it.
  - O(wait=false) still waits for a creation and for changes of labels and settings, whose failures show only then.
"""

EXAMPLES = r"""
- name: One workspace
  devcontainer.cloud.gce_workspace:
    project: acme-workspaces
    name: api-ada
    owner: ada
    machine_type: e2-standard-4
    image: debian-12
    zones: [europe-west3-a, europe-west3-b]
    subnetwork: workspaces
    network_tags: [devcontainer]
    vm_service_account: workspace@acme-workspaces.iam.gserviceaccount.com
    ssh_keys:
      - "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    lease: 8h
    idle_limit: 30m
    max_run_duration: 12h
    repo: https://git.example/acme/api.git

- name: A team's workspaces, side by side
  devcontainer.cloud.gce_workspace:
    project: acme-workspaces
    team: platform
    zones: [europe-west3-a, europe-west3-c]
    subnetwork: workspaces
    ssh_keys: "{{ team_keys }}"
    workspaces:
      - name: api-ada
        owner: ada
      - name: api-bob
        owner: bob
        machine_type: n2-standard-8

- name: Suspend everything for the weekend
  devcontainer.cloud.gce_workspace:
    project: acme-workspaces
    region: europe-west3
    state: suspended
    workspaces:
      - name: api-ada
      - name: api-bob

- name: Delete one with its disk
  devcontainer.cloud.gce_workspace:
    project: acme-workspaces
    region: europe-west3
    name: api-ada
    state: absent
"""

RETURN = r"""
workspaces:
  description: Each workspace, in the order of the task, whether it succeeded or not.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The workspace's name.
      type: str
    provider:
      description: V(gce).
      type: str
    region:
      description: The region it is in.
      type: str
    zone:
      description: The zone; only where there is a machine, as all that follows up to C(changed).
      type: str
    state:
      description: What was seen last.
      type: str
      sample: running
    id:
      description: The instance's numeric id, another one for each machine of a name; empty where there is none.
      type: str
    address:
      description: Where to reach it, the public address where there is one.
      type: str
    private_address:
      description: The private address.
      type: str
    public_address:
      description: The public address, or empty.
      type: str
    user:
      description: The login account.
      type: str
    owner:
      description: The owner.
      type: str
    team:
      description: The team.
      type: str
    host_key:
      description: The host's SSH public key, for a known_hosts line.
      type: str
    lease_until:
      description: When the lease ends, ISO 8601 in UTC; empty for none.
      type: str
    expires_at:
      description: When a stopped workspace may be deleted; empty for never.
      type: str
    idle_limit:
      description: The guest's idle limit.
      type: str
    repo:
      description: The repository.
      type: str
    ref:
      description: The ref.
      type: str
    config:
      description: The devcontainer.json's path.
      type: str
    image:
      description: Empty, since an instance does not say what it was made from.
      type: str
    instance_type:
      description: The machine type.
      type: str
    launched_at:
      description: When the machine was last started.
      type: str
    tags:
      description: Labels that are neither the collection's nor the cloud's own.
      type: dict
    changed:
      description: Whether a step was applied to it, or would be in check mode.
      type: bool
    steps:
      description: The steps applied, in order, each with its reason; in check mode those that would come first.
      type: list
      elements: dict
      sample: [{"step": "create", "why": "it does not exist"}]
    seconds:
      description: Seconds per phase. C(observe) is shared by all; the others hold their operations' time.
      type: dict
      sample: {"create": 14.2, "observe": 0.6}
    error:
      description: The sentence that says what went wrong, or empty.
      type: str
"""

from ansible_collections.devcontainer.cloud.plugins.module_utils.gce_module import GCE_SPEC, GceModule, run
from ansible_collections.devcontainer.cloud.plugins.module_utils.options import argument_spec


def main() -> None:
    """Entry point."""
    run(GceModule(argument_spec(GCE_SPEC)))


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_workspace
version_added: 0.1.0
short_description: Create, start, stop, suspend, resize and delete EC2 workspaces
description:
  - Brings one workspace or a list of them to the state that is asked for, and repairs what has drifted.
  - A workspace is an EC2 instance that carries the collection's tags; nothing without them is ever changed.
  - A run that was cut off, or whose answer was lost, is finished by the next run; it never makes a second machine.
  - Instances require IMDSv2, have an encrypted root disk, stop (and are not terminated) when the guest powers
    off, and have
    no public address unless O(public_ip=true).
author:
  - devcontainer.cloud contributors (@devcontainer-cloud)
options:
  image:
    description:
      - An image id, or a family whose current image is looked up for the type's architecture (V(al2023), V(debian-12),
        V(debian-13), V(ubuntu-24.04)).
      - Used at creation only, so a newer image of the family is no drift.
    type: str
    default: debian-12
  instance_type:
    description: The machine type. Changing it stops a running workspace, changes it, and starts it again.
    type: str
    default: t3.medium
  subnets:
    description:
      - Subnets to launch in, in order of preference; where one has no capacity, the next is tried.
      - Needed for O(state=running).
    type: list
    elements: str
    default: []
  security_groups:
    description: Ids of the security groups. Needed for O(state=running); left alone where not given.
    type: list
    elements: str
  instance_profile:
    description: Name or ARN of the instance profile; left alone where not given.
    type: str
  public_ip:
    description: Whether the instance gets a public address. Used at creation only.
    type: bool
    default: false
  hop_limit:
    description:
      - How many hops the answers of the metadata service may make. V(1) keeps bridged containers from the host's role.
    type: int
    default: 1
  volume_size:
    description: Size of the root disk in GiB. It only grows; a larger one is left so.
    type: int
    default: 30
  volume_type:
    description: Type of the root disk.
    type: str
    choices: [gp3, gp2, io1, io2]
    default: gp3
  kms_key:
    description:
      - KMS key of the root disk, as id, ARN or alias. Without it the account's default key for EBS encrypts it.
    type: str
  hibernation:
    description: Whether the workspace can be suspended. Chosen at creation; the type and image must support it.
    type: bool
    default: false
  spot:
    description:
      - Whether it is a spot instance, with a persistent request, so that it can be stopped. Chosen at creation.
    type: bool
    default: false
  spot_max_price:
    description: The most to pay per hour, as the service wants it. Without it the on-demand price.
    type: str
  cloud_config:
    description:
      - More cloud-config for the first boot, such as C(runcmd) or C(write_files).
      - The account and the host keys are the collection's own, so C(users) and C(ssh_keys) are refused.
    type: dict
    default: {}
extends_documentation_fragment:
  - devcontainer.cloud.workspace
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be done first; makes no changing call.
    support: full
  diff_mode:
    description: Shows what is declared beside what is observed.
    support: full
notes:
  - The host's SSH key is made by the module and handed over in the user data, so that the first connection knows
    whom to
    expect. Whoever may read the instance's user data can read it.
"""

EXAMPLES = r"""
- name: One workspace
  devcontainer.cloud.ec2_workspace:
    name: api-ada
    owner: ada
    instance_type: m7i.large
    image: debian-12
    subnets: [subnet-0a1b2c3d, subnet-4e5f6a7b]
    security_groups: [sg-0123abcd]
    instance_profile: devcontainer-workspace
    ssh_keys:
      - "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    lease: 8h
    idle_limit: 30m
    repo: https://git.example/acme/api.git

- name: A team's workspaces, side by side
  devcontainer.cloud.ec2_workspace:
    team: platform
    subnets: [subnet-0a1b2c3d]
    security_groups: [sg-0123abcd]
    ssh_keys: "{{ team_keys }}"
    workspaces:
      - name: api-ada
        owner: ada
      - name: api-bob
        owner: bob
        instance_type: m7i.xlarge

- name: Park everything for the weekend
  devcontainer.cloud.ec2_workspace:
    state: stopped
    workspaces:
      - name: api-ada
      - name: api-bob

- name: Delete one with its disk
  devcontainer.cloud.ec2_workspace:
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
      description: V(ec2).
      type: str
    region:
      description: The region it is in.
      type: str
    zone:
      description: The availability zone; only where there is a machine, as all that follows up to C(changed).
      type: str
    state:
      description: What was seen last.
      type: str
      sample: running
    id:
      description: The instance's id; empty where there is none.
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
      description: The image's id.
      type: str
    instance_type:
      description: The machine type.
      type: str
    launched_at:
      description: When the machine was last started.
      type: str
    tags:
      description: Tags that are not the collection's.
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
      description: Seconds per phase. C(observe) is shared by all; C(wait_*) is the cloud's own time.
      type: dict
      sample: {"create": 1.9, "observe": 0.6, "wait_pending": 17.2}
    error:
      description: The sentence that says what went wrong, or empty.
      type: str
"""

from ansible_collections.devcontainer.cloud.plugins.module_utils.ec2_module import EC2_SPEC, Ec2Module, run
from ansible_collections.devcontainer.cloud.plugins.module_utils.options import argument_spec


def main() -> None:
    """Entry point."""
    run(Ec2Module(argument_spec=argument_spec(EC2_SPEC), supports_check_mode=True))


if __name__ == "__main__":
    main()

# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation that the workspace modules of every provider share."""

from __future__ import annotations


class ModuleDocFragment:
    """What a workspace is, whatever runs it."""

    DOCUMENTATION = r"""
options:
  name:
    description:
      - The workspace's name, unique in the account (or project) and region.
      - 1 to 40 lower case letters, digits and hyphens, beginning with a letter.
      - Mutually exclusive with O(workspaces).
    type: str
  workspaces:
    description:
      - Many workspaces, each a dict of this module's options that describe one workspace (O(name), O(state), and
        so on);
        what an entry does not say is taken from the task's own options.
      - All of them are observed by one call, worked on side by side, and waited for by one poller with one deadline.
      - One that fails does not hide the others; the task then fails naming it, and RV(ignore:workspaces) holds
        the rest.
      - An empty list selects nothing.
    type: list
    elements: dict
  state:
    description:
      - What the workspace is to be. V(running) creates it where there is none.
      - V(stopped) and V(suspended) are satisfied by one another, since a parked machine is never started only to
        be parked
        differently; both refuse a workspace that does not exist.
      - V(absent) deletes it with its disk.
    type: str
    choices: [running, stopped, suspended, absent]
    default: running
  owner:
    description: Who works in it and pays for it. Written as a tag; left alone where not given.
    type: str
  team:
    description: The owner's team. Written as a tag; left alone where not given.
    type: str
  user:
    description: The login account that is made on the host, whatever the image's own default user is called.
    type: str
    default: dev
  ssh_keys:
    description:
      - OpenSSH public keys that may log in as O(user), authorised at the first boot.
      - Later changes are the business of the role P(devcontainer.cloud.account#role), which keeps exactly its list.
      - Needed for O(state=running).
    type: list
    elements: str
    default: []
  lease:
    description:
      - How long the workspace may run from its creation or from a real start, such as V(8h) or V(1h30m); V(none)
        for no lease.
      - A run that changes nothing does not renew it.
    type: str
    default: 12h
  lease_until:
    description:
      - When the lease ends, in ISO 8601 with a zone. Written at every run, so it can extend or shorten a lease.
    type: str
  renew_lease:
    description: Whether a new O(lease) begins now, though nothing else changes.
    type: bool
    default: false
  retention:
    description: How long it is kept once it is stopped, such as V(14d). Past it, a reaper may back it up and delete it.
    type: str
  idle_limit:
    description: How long without a sign of work until the guest stops itself, such as V(30m); V(none) for never.
    type: str
  repo:
    description: The repository whose devcontainer it runs, as a git URL. Written as a tag.
    type: str
  ref:
    description: The branch, tag or commit of O(repo). Written as a tag.
    type: str
  config:
    description: The path of the devcontainer.json in O(repo) where it is not one of the usual places. Written as a tag.
    type: str
  tags:
    description: Your own tags. Those that differ are repaired; others are left alone unless O(purge_tags=true).
    type: dict
  purge_tags:
    description: Whether tags that are neither in O(tags) nor the collection's or the cloud's own are removed.
    type: bool
    default: false
  wait:
    description: Whether to wait until every workspace is at rest. Otherwise only the first steps are taken.
    type: bool
    default: true
  wait_timeout:
    description: One deadline for all workspaces of the task, in seconds. Past it the task fails and nothing is undone.
    type: int
    default: 600
"""

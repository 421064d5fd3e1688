#!/usr/bin/python
# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: gcsfuse_mounts
version_added: 0.1.0
short_description: Mount Cloud Storage buckets on this host
description:
  - Mounts buckets with gcsfuse, now and at every boot, by one systemd service for each.
  - The service mounts again when gcsfuse dies.
  - Everything is checked before anything is touched. Files in a bucket are never deleted.
  - Needs root, systemd and C(/dev/fuse). The role P(devcontainer.cloud.gcsfuse#role) installs gcsfuse and calls this.
author:
  - devcontainer.cloud contributors (@devcontainer-cloud)
options:
  mounts:
    description: The mounts. One that is not named is left as it is; see O(mounts[].state).
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path of the folder to mount at. It is made where it is missing, and must hold no files.
        type: str
        required: true
      bucket:
        description: Name of the bucket, without C(gs://). Needed unless O(mounts[].state=absent).
        type: str
      state:
        description:
          - V(absent) unmounts, and removes the service and the local file cache. Nothing is deleted in the bucket.
        type: str
        choices: [present, absent]
        default: present
      user:
        description: Account that owns all files of the mount, with its main group. Without it, O(user).
        type: str
      uid:
        description: Number of the owner, instead of the account's.
        type: int
      gid:
        description:
          - Number of the group, instead of the account's main group; without an account, the same as O(mounts[].uid).
        type: int
      file_mode:
        description: Permissions of all files, as octal digits.
        type: str
        default: "0644"
      dir_mode:
        description: Permissions of all folders, as octal digits.
        type: str
        default: "0755"
      only_dir:
        description: Mount this folder of the bucket only.
        type: str
        default: ""
      read_only:
        description: Whether nothing can be written.
        type: bool
        default: false
      implicit_dirs:
        description: Whether folders show that no object of their own stands for.
        type: bool
        default: true
      metadata_ttl:
        description: Seconds for which what is known of an object counts; V(0) asks always, V(-1) never again.
        type: int
        default: 60
      negative_ttl:
        description: The same for an object that was not there.
        type: int
        default: 5
      file_cache_mb:
        description: How many MiB of files may be kept on the host's disk, in C(/var/cache/gcsfuse). V(0) keeps none.
        type: int
        default: 0
      options:
        description: Further keys of gcsfuse's configuration file, merged over those that this module writes.
        type: dict
        default: {}
  user:
    description: Account that owns the files of mounts that name none.
    type: str
    default: ""
  endpoint:
    description:
      - Another server than Cloud Storage, scheme included.
      - A URL without a path is taken as that of a server, and gets the JSON API's C(/storage/v1/).
      - Buckets with a hierarchical namespace then count as flat ones, unless O(mounts[].options) sets C(enable-hns).
    type: str
    default: ""
  key_file:
    description:
      - A service account's key on the host, which nobody but root may read.
      - Without it, the instance's own identity counts.
    type: path
  anonymous:
    description: Whether to use no identity at all, as for public buckets.
    type: bool
    default: false
  environment:
    description: Environment variables for gcsfuse, such as a proxy's.
    type: dict
    default: {}
  program:
    description: gcsfuse itself.
    type: path
    default: /usr/bin/gcsfuse
  missing_ok:
    description: Whether in check mode an account or a key file may be missing, since something before makes it.
    type: bool
    default: true
  require:
    description: What must be installed for RV(ready) to be true.
    type: dict
    default: {}
    suboptions:
      path:
        description: A file.
        type: path
      sha256:
        description: The file's SHA-256.
        type: str
      version:
        description: Version of the Debian package C(gcsfuse).
        type: str
attributes:
  check_mode:
    description: Says what would be changed, also where gcsfuse is not installed yet; changes nothing.
    support: full
  diff_mode:
    description: Shows the files' changes.
    support: full
"""

EXAMPLES = r"""
- name: The team's data, for the account dev
  devcontainer.cloud.gcsfuse_mounts:
    user: dev
    mounts:
      - bucket: team-data
        path: /srv/gcs/data
      - bucket: team-models
        path: /srv/gcs/models
        read_only: true
        file_cache_mb: 20000

- name: No longer
  devcontainer.cloud.gcsfuse_mounts:
    mounts:
      - path: /srv/gcs/data
        state: absent
"""

RETURN = r"""
ready:
  description: Whether what O(require) names, gcsfuse and fusermount are installed.
  returned: success
  type: bool
mounted:
  description: Paths that were mounted, or mounted anew.
  returned: success
  type: list
  elements: str
unmounted:
  description: Paths that were mounted and are no more, or are mounted anew.
  returned: success
  type: list
  elements: str
removed:
  description: Paths whose service was taken away.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput, Refused
from ansible_collections.devcontainer.cloud.plugins.module_utils.gcsfuse_host import Run


def main() -> None:
    """Entry point."""
    mount = {
        "path": {"type": "str", "required": True},
        "bucket": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "user": {"type": "str"},
        "uid": {"type": "int"},
        "gid": {"type": "int"},
        "file_mode": {"type": "str", "default": "0644"},
        "dir_mode": {"type": "str", "default": "0755"},
        "only_dir": {"type": "str", "default": ""},
        "read_only": {"type": "bool", "default": False},
        "implicit_dirs": {"type": "bool", "default": True},
        "metadata_ttl": {"type": "int", "default": 60},
        "negative_ttl": {"type": "int", "default": 5},
        "file_cache_mb": {"type": "int", "default": 0},
        "options": {"type": "dict", "default": {}},
    }
    require = {"path": {"type": "path"}, "sha256": {"type": "str"}, "version": {"type": "str"}}
    module = AnsibleModule(
        argument_spec={
            "mounts": {"type": "list", "elements": "dict", "required": True, "options": mount},
            "user": {"type": "str", "default": ""},
            "endpoint": {"type": "str", "default": ""},
            "key_file": {"type": "path", "no_log": False},
            "anonymous": {"type": "bool", "default": False},
            "environment": {"type": "dict", "default": {}},
            "program": {"type": "path", "default": "/usr/bin/gcsfuse"},
            "missing_ok": {"type": "bool", "default": True},
            "require": {"type": "dict", "default": {}, "options": require},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**Run(module).converge())
    except (InvalidInput, Refused) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"mounts: {error}")


if __name__ == "__main__":
    main()

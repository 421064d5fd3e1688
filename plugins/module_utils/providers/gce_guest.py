# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Compute Engine host is told at its first boot.

Images with cloud-init read the same user data as on EC2. Debian's images have none: their guest agent runs the
startup script, which does the same once, and on an image with cloud-init finds it done. Keys in `ssh-keys` metadata are
not used at all: OS Login would ignore them, and without it the guest agent would take away what a role adds.
"""

from __future__ import annotations

import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.user_data import HostKey

_SCRIPT = r"""#!/bin/sh
# devcontainer.cloud: the account, who may use it, and the host key that this machine answers with. Once per machine:
# the guest agent runs this at every boot, and what the roles do later is theirs.
set -eu
umask 077
user='{user}'
public='{public}'
marker=/var/lib/devcontainer.cloud/first-boot
[ "$(cat "$marker" 2>/dev/null)" = "$public" ] && exit 0

getent passwd "$user" >/dev/null || useradd --create-home --shell /bin/bash "$user"
home=$(getent passwd "$user" | cut -d: -f6)
group=$(id -gn "$user")
install -d -m 0700 -o "$user" -g "$group" "$home/.ssh"
cat >"$home/.ssh/authorized_keys" <<'END-OF-KEYS'
{keys}
END-OF-KEYS
chown "$user:$group" "$home/.ssh/authorized_keys"
printf '%s ALL=(ALL) NOPASSWD:ALL\n' "$user" >/etc/sudoers.d/90-cloud-init-users.new
chmod 0440 /etc/sudoers.d/90-cloud-init-users.new
mv /etc/sudoers.d/90-cloud-init-users.new /etc/sudoers.d/90-cloud-init-users

if [ "$(cat /etc/ssh/ssh_host_ed25519_key.pub 2>/dev/null)" != "$public" ] || [ -e /etc/ssh/ssh_host_rsa_key ]; then
  rm -f /etc/ssh/ssh_host_*
  cat >/etc/ssh/ssh_host_ed25519_key <<'END-OF-KEY'
{private}
END-OF-KEY
  printf '%s\n' "$public" >/etc/ssh/ssh_host_ed25519_key.pub
  chmod 0644 /etc/ssh/ssh_host_ed25519_key.pub
  systemctl restart ssh.service 2>/dev/null || systemctl restart sshd.service
fi
install -d -m 0755 "${{marker%/*}}"
printf '%s\n' "$public" >"$marker"
"""


def startup_script(user: str, keys: t.Sequence[str], host_key: HostKey) -> str:
    """The script of an account that check_login() and keys that check_public_keys() have let pass."""
    return _SCRIPT.format(
        user=user,
        public=host_key.public,
        private=host_key.private.strip("\n"),
        keys="\n".join(key.strip() for key in keys),
    )

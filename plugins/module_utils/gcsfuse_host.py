# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run of the module gcsfuse_mounts on its host: look, refuse, and only then change."""

from __future__ import annotations

import errno
import hashlib
import os
import pwd
import shutil
import stat
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.devcontainer.cloud.plugins.module_utils import gcsfuse
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput, Refused

FSTYPE = "fuse.gcsfuse"


def mounted() -> dict[str, str]:
    """Mount point -> type of the file system that shows there."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields = line.split(" ")
        found[fields[4]] = fields[fields.index("-") + 1]
    return found


def text_of(path: str) -> str | None:
    """A file of ours; None where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.options = module.params
        self.mounts = [{**mount, "user": mount["user"] or self.options["user"]} for mount in self.options["mounts"]]
        self.present = [mount for mount in self.mounts if mount["state"] == "present"]
        self.absent = [mount for mount in self.mounts if mount["state"] == "absent"]
        self.now = mounted()
        # A check of a whole playbook may find neither the account nor the key that the playbook makes.
        self.lenient = module.check_mode and self.options["missing_ok"]

    def refuse(self) -> None:
        """Raises InvalidInput or Refused for what cannot be, before anything is touched."""
        gcsfuse.check(self.mounts, self.options["endpoint"], self.options["environment"])
        key = self.options["key_file"]
        if key and self.options["anonymous"]:
            raise InvalidInput(f"anonymous: with key_file {key} there is an identity; give one of the two")
        if key and not self.lenient:
            if not Path(key).is_file():
                raise Refused(
                    f"key_file: there is no file {key} on this host; put the service account's key there first"
                )
            if stat.S_IMODE(Path(key).stat().st_mode) & 0o077:
                raise Refused(f"key_file: others than its owner may use {key}; chmod 600 it")
        for mount in self.present:
            self._refuse_folder(mount["path"])

    def _refuse_folder(self, path: str) -> None:
        real = os.path.realpath(path)
        if real != path:
            raise Refused(f"mounts: {path} leads through a symbolic link to {real}; write that path")
        if path in self.now:
            if self.now[path] != FSTYPE or text_of(self._unit_path(path)) is None:
                raise Refused(
                    f"mounts: {path} has a mount of type {self.now[path]} that is not this role's; unmount it first"
                )
            return
        if not Path(path).exists():
            return
        if not Path(path).is_dir():
            raise Refused(f"mounts: {path} is no folder; choose another path")
        if any(Path(path).iterdir()):
            raise Refused(
                f"mounts: {path} holds files, which a mount would hide; move them away or choose another path"
            )

    @staticmethod
    def _unit_path(path: str) -> str:
        return f"{gcsfuse.UNIT_DIR}/{gcsfuse.unit_name(path)}"

    def owner(self, mount: gcsfuse.Mount) -> tuple[int, int]:
        """(uid, gid) of the mount's files; -1 where a check cannot know the account yet."""
        uid, gid = mount["uid"], mount["gid"]
        if mount["user"]:
            try:
                account = pwd.getpwnam(mount["user"])
            except KeyError:
                if not self.lenient:
                    raise Refused(
                        f"mounts: there is no account {mount['user']} for {mount['path']}; make it first"
                    ) from None
                return -1, -1
            uid, gid = (account.pw_uid if uid is None else uid), (account.pw_gid if gid is None else gid)
        return uid, uid if gid is None else gid

    def files(self, mount: gcsfuse.Mount) -> dict[str, str]:
        """Path -> text of the mount's two files."""
        options = gcsfuse.config(
            mount,
            self.owner(mount),
            self.options["endpoint"],
            self.options["key_file"] or "",
            self.options["anonymous"],
        )
        path = mount["path"]
        return {
            gcsfuse.config_path(path): gcsfuse.config_text(options),
            self._unit_path(path): gcsfuse.unit_text(mount, self.options["program"], self.options["environment"]),
        }

    def ready(self) -> bool:
        """Whether everything is installed that the mounts need."""
        if not self.present:
            return True
        wanted = {"path": None, "sha256": None, "version": None, **(self.options["require"] or {})}
        if not os.access(self.options["program"], os.X_OK) or not self._fusermount():
            return False
        if wanted["path"]:
            file = Path(wanted["path"])
            if not file.is_file():
                return False
            digest = hashlib.sha256()
            with file.open("rb") as stream:
                for block in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(block)
            if digest.hexdigest() != wanted["sha256"]:
                return False
        if wanted["version"]:
            asked = ["dpkg-query", "-W", "-f", "${Version}", "gcsfuse"]
            return bool(str(self.module.run_command(asked)[1]).strip() == wanted["version"])
        return True

    def _fusermount(self) -> bool:
        return any(self.module.get_bin_path(name) for name in ("fusermount3", "fusermount"))

    def states(self) -> dict[str, tuple[str, str]]:
        """Unit -> (active state, state of its file), in one call."""
        units = [gcsfuse.unit_name(mount["path"]) for mount in self.mounts]
        if not units:
            return {}
        out = self.command("systemctl", "show", "--property=Id,ActiveState,UnitFileState", *units)
        blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in out.strip().split("\n\n")]
        return {block["Id"]: (block["ActiveState"], block["UnitFileState"]) for block in blocks}

    def command(self, *argv: str) -> str:
        """What it prints. Fails with its own words."""
        code, out, err = self.module.run_command(list(argv))
        if code:
            raise Refused(f"{' '.join(argv)} ended with {code}: {(err or out).strip()}")
        return str(out)

    def unmount(self, path: str) -> None:
        """Take a mount away that nobody uses. Raises Refused where somebody does."""
        try:
            Path(path).stat()
            flags = []
        except OSError as error:
            flags = ["-l"] if error.errno in (errno.ENOTCONN, errno.ECONNABORTED) else []
        code, out, err = self.module.run_command(["umount", *flags, path])
        if code and path in mounted():
            raise Refused(
                f"mounts: {path} is in use, so everything was left as it is; see fuser -vm {path}, stop what uses it "
                f"(a container, perhaps), and run this again ({(err or out).strip()})"
            )

    def write(self, path: str, text: str) -> None:
        """Write one file at once or not at all."""
        Path(path).parent.mkdir(0o755, parents=True, exist_ok=True)
        partial = Path(f"{path}.{os.getpid()}")
        partial.write_text(text, encoding="utf-8")
        partial.chmod(0o644)
        self.module.atomic_move(str(partial), path)

    def start(self, paths: list[str]) -> None:
        """Mount. Raises Refused with gcsfuse's own words where it cannot."""
        units = [gcsfuse.unit_name(path) for path in paths]
        self.command("systemctl", "enable", "--quiet", *units)
        if not self.module.run_command(["systemctl", "restart", *units])[0]:
            return
        now = mounted()
        for path, unit in zip(paths, units):
            if path not in now:
                log = self.module.run_command(["journalctl", "-u", unit, "-n", "30", "-o", "cat", "--no-pager"])[1]
                said = [line for line in log.splitlines() if "rror" in line and "systemd" not in line]
                raise Refused(
                    f"mounts: {path} could not be mounted and is tried again every 5 seconds; gcsfuse said: "
                    f"{said[-1].strip() if said else 'nothing'} (journalctl -u {unit})"
                )

    def remove(self, path: str) -> None:
        """Take away what this module made for a mount that is unmounted."""
        self.command("systemctl", "disable", "--now", "--quiet", gcsfuse.unit_name(path))
        for file in (gcsfuse.config_path(path), self._unit_path(path)):
            Path(file).unlink(missing_ok=True)
        shutil.rmtree(gcsfuse.cache_path(path), ignore_errors=True)

    def converge(self) -> dict[str, t.Any]:
        """Do it. Raises InvalidInput or Refused."""
        self.refuse()
        wanted = {mount["path"]: self.files(mount) for mount in self.present}
        states = self.states()
        stale = {path: {f: text for f, text in files.items() if text_of(f) != text} for path, files in wanted.items()}
        gone = [m["path"] for m in self.absent if text_of(self._unit_path(m["path"])) is not None]
        start = [
            path
            for path in wanted
            if stale[path] or path not in self.now or states[gcsfuse.unit_name(path)] != ("active", "enabled")
        ]
        unmount = [path for path in [*gone, *(p for p in wanted if stale[p])] if path in self.now]
        ready = self.ready()
        answer: dict[str, t.Any] = {"ready": ready, "mounted": start, "unmounted": unmount, "removed": gone}
        answer["changed"] = bool(start or gone)
        if self.module._diff:
            answer["diff"] = [
                {"before_header": f, "after_header": f, "before": text_of(f) or "", "after": text}
                for files in stale.values()
                for f, text in files.items()
            ]
        if self.module.check_mode or not answer["changed"]:
            return answer
        if start and not ready:
            raise Refused(
                f"program: {self.options['program']}, fusermount3 or what require names is missing; install it first"
            )
        if start and not Path("/dev/fuse").exists():
            raise Refused("mounts: this host has no /dev/fuse, without which no bucket can be mounted; modprobe fuse")
        # First what can be refused by those who use it; the files say no more than what is mounted.
        for path in unmount:
            self.unmount(path)
        for path in gone:
            self.remove(path)
        for files in stale.values():
            for file, text in files.items():
                self.write(file, text)
        self.command("systemctl", "daemon-reload")
        if start:
            self.start(start)
        return answer

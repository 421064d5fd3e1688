# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a mount of a bucket is made of: its rules, its names, its two files. Touches nothing."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput

#: A mount as the module's options give it.
Mount = t.Mapping[str, t.Any]

CONFIG_DIR = "/etc/gcsfuse"
UNIT_DIR = "/etc/systemd/system"
CACHE_DIR = "/var/cache/gcsfuse"

# What a bucket that exists can be called. The further rules for new ones ("google" in it, ...) bind no old one.
_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_BUCKET = re.compile(rf"(?!\d+\.\d+\.\d+\.\d+\Z)(?=.{{3,222}}\Z){_LABEL}(?:\.{_LABEL})*")
# No space, no % and no quote, so that a path means the same in a unit as elsewhere.
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._][A-Za-z0-9._-]*)+")
_MODE = re.compile(r"0?[0-7]{3}")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9._\[\]:-]+(?:/\S*)?")
_PATHED = re.compile(r"https?://[^/]+/[^/]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Where a mount would take the system's own folders away, whatever lies in them.
_SYSTEM = ("/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/usr")
_NUMBERS = {"metadata_ttl": -1, "negative_ttl": -1, "file_cache_mb": 0, "uid": 0, "gid": 0}


def check(mounts: t.Sequence[Mount], endpoint: str, environment: t.Mapping[str, t.Any]) -> None:
    """Raises InvalidInput with one sentence for the first thing that cannot be."""
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        raise InvalidInput(
            f"endpoint: {endpoint} is no URL; write scheme and host, for example https://storage.googleapis.com:443"
        )
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name) or re.search(r"[\x00-\x1f]", str(value)):
            raise InvalidInput(f"environment: {name} is no variable of one line; use letters, digits and _ in its name")
    for mount in mounts:
        _check_one(mount)
    paths = [str(mount["path"]) for mount in mounts]
    for path in paths:
        if paths.count(path) > 1:
            raise InvalidInput(f"mounts: {path} is named twice; give each bucket a folder of its own")
        for other in paths:
            if path.startswith(f"{other}/"):
                raise InvalidInput(f"mounts: {path} lies within {other}; give each bucket a folder beside the others")


def _check_one(mount: Mount) -> None:
    path = str(mount["path"])
    if not _PATH.fullmatch(path):
        raise InvalidInput(
            f"mounts: {path} is no plain absolute path; start with /, end without, use letters, digits, '.', '_', '-'"
        )
    if path in ("/home", "/root", "/srv", "/var") or any(f"{path}/".startswith(f"{root}/") for root in _SYSTEM):
        raise InvalidInput(
            f"mounts: {path} belongs to the system; mount below /srv, /mnt or a home, such as /srv/gcs/data"
        )
    if mount["state"] == "absent":
        return
    bucket = mount["bucket"] or ""
    if not _BUCKET.fullmatch(bucket):
        raise InvalidInput(
            f"mounts: {bucket!r} for {path} is no bucket's name; those have 3 to 222 characters, lower case letters, "
            "digits, '-', '_' and '.', without gs:// (a folder of the bucket goes into only_dir)"
        )
    if not mount["user"] and mount["uid"] is None:
        raise InvalidInput(f"mounts: {path} has no owner; name the account in user, or a number in uid")
    for name in ("file_mode", "dir_mode"):
        if not _MODE.fullmatch(str(mount[name])):
            raise InvalidInput(
                f"mounts: {name} {mount[name]} of {path} is no mode; write three octal digits such as '0644'"
            )
    for name, least in _NUMBERS.items():
        if mount[name] is not None and mount[name] < least:
            raise InvalidInput(f"mounts: {name} {mount[name]} of {path} is too small; give {least} or more")
    only = mount["only_dir"]
    if only.startswith("/") or ".." in only.split("/") or re.search(r"[\x00-\x1f]", only):
        raise InvalidInput(f"mounts: only_dir {only} of {path} is no folder of a bucket; write it without a leading /")


def slug(path: str) -> str:
    """A path as one word that no other path has: '-' for '/', and '--' for '-'."""
    return path[1:].replace("-", "--").replace("/", "-")


def unit_name(path: str) -> str:
    """The service that mounts at a path."""
    return f"gcsfuse-{slug(path)}.service"


def config_path(path: str) -> str:
    """Where the mount's options stand."""
    return f"{CONFIG_DIR}/{slug(path)}.yaml"


def cache_path(path: str) -> str:
    """Where the mount's file cache lies, if it has one."""
    return f"{CACHE_DIR}/{slug(path)}"


def merged(below: t.Mapping[str, t.Any], above: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Both, recursively; what stands above wins."""
    out = dict(below)
    for key, value in above.items():
        mine = out.get(key)
        out[key] = merged(mine, value) if isinstance(mine, t.Mapping) and isinstance(value, t.Mapping) else value
    return out


def config(mount: Mount, owner: tuple[int, int], endpoint: str, key_file: str, anonymous: bool) -> dict[str, t.Any]:
    """gcsfuse's configuration file as a mapping; owner is (uid, gid)."""
    # gcsfuse runs as root: no need of user_allow_other in /etc/fuse.conf, which would let every user do the same.
    flags = ["allow_other", *(["ro"] if mount["read_only"] else [])]
    out: dict[str, t.Any] = {
        "file-system": {
            "uid": owner[0],
            "gid": owner[1],
            "file-mode": str(mount["file_mode"]),
            "dir-mode": str(mount["dir_mode"]),
            "fuse-options": flags,
        },
        "implicit-dirs": mount["implicit_dirs"],
        "metadata-cache": {"ttl-secs": mount["metadata_ttl"], "negative-ttl-secs": mount["negative_ttl"]},
        "logging": {"format": "text"},
    }
    if mount["only_dir"]:
        out["only-dir"] = mount["only_dir"]
    if mount["file_cache_mb"]:
        out["cache-dir"] = cache_path(mount["path"])
        out["file-cache"] = {"max-size-mb": mount["file_cache_mb"]}
    if endpoint:
        # gcsfuse takes the URL as the JSON API's own, and would ask the same name for gRPC, which no such URL serves.
        whole = endpoint if _PATHED.match(endpoint) else f"{endpoint.rstrip('/')}/storage/v1/"
        out["gcs-connection"] = {"custom-endpoint": whole}
        out["enable-hns"] = False
    if key_file:
        out["gcs-auth"] = {"key-file": key_file}
    elif anonymous:
        out["gcs-auth"] = {"anonymous-access": True}
    return merged(out, mount["options"])


def config_text(options: t.Mapping[str, t.Any]) -> str:
    """The file. JSON is YAML, and needs no library on the host."""
    return "# Written by the role gcsfuse.\n" + json.dumps(options, indent=2, sort_keys=True) + "\n"


def _quoted(text: str) -> str:
    """A word of a unit, with what systemd would expand."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def unit_text(mount: Mount, program: str, environment: t.Mapping[str, t.Any]) -> str:
    """The service that mounts, and mounts again when gcsfuse dies."""
    path, bucket = mount["path"], mount["bucket"]
    extra = [f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(environment.items())]
    if mount["file_cache_mb"]:
        extra += [f"CacheDirectory=gcsfuse/{slug(path)}", "CacheDirectoryMode=0700"]
    lines = [
        "# Written by the role gcsfuse.",
        "[Unit]",
        f"Description=Cloud Storage bucket {bucket} at {path}",
        "After=network-online.target",
        "Wants=network-online.target",
        f"RequiresMountsFor={path.rsplit('/', 1)[0] or '/'}",
        "# Containers that start at boot find it mounted, and are gone before it goes.",
        "Before=docker.service",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "# In the foreground: in the background it would forget most of its environment.",
        "Type=exec",
        "# What a gcsfuse that died left behind; without a mount the folder takes nobody's files.",
        f"ExecStartPre=-/bin/umount -q -l {path}",
        f"ExecStartPre=/bin/mkdir -p -m 0555 {path}",
        f"ExecStart={program} --foreground --config-file={config_path(path)} {bucket} {path}",
        "# Started is what is mounted.",
        f"ExecStartPost=/bin/sh -c 'until mountpoint -q {path}; do kill -0 $$MAINPID || exit 1; sleep 0.1; done'",
        f"ExecStop=-/bin/umount {path}",
        f"ExecStopPost=-/bin/umount -q -l {path}",
        "Restart=on-failure",
        "RestartSec=5",
        "TimeoutStartSec=60",
        *extra,
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"

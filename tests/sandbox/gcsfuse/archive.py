"""A signed apt repository with one package, gcsfuse: what packages.cloud.google.com is for a real host."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

VERSION = "9.9.1"


def make(folder: Path, program: Path, suite: str) -> tuple[str, str]:
    """Fill ``folder``: the repository, and its keys as key.gpg, of which only the second signs. Both fingerprints."""
    home = folder.parent / "gnupg"
    home.mkdir(mode=0o700)
    fingerprints = [_key(home, name) for name in ("other", "signer")]
    (folder / "key.gpg").write_bytes(_gpg(home, "--armor", "--export", *fingerprints))

    tree = folder.parent / "package"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/bin").mkdir(parents=True)
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout
    control = (
        f"Package: gcsfuse\nVersion: {VERSION}\nArchitecture: {architecture.strip()}\nDepends: fuse\n"
        "Maintainer: test <test@test>\nDescription: gcsfuse\n"
    )
    (tree / "DEBIAN/control").write_text(control)
    shutil.copy(program, tree / "usr/bin/gcsfuse")
    (tree / "usr/bin/gcsfuse").chmod(0o755)
    deb = folder / "gcsfuse.deb"
    subprocess.run(["dpkg-deb", "--build", "-Zgzip", "-z1", str(tree), str(deb)], check=True, capture_output=True)
    data = deb.read_bytes()
    entry = f"{control}Filename: gcsfuse.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n"

    dist = folder / "dists" / suite
    index = dist / "main" / f"binary-{architecture.strip()}" / "Packages"
    index.parent.mkdir(parents=True)
    index.write_bytes(entry.encode())
    digest = hashlib.sha256(index.read_bytes()).hexdigest()
    release = (
        f"Suite: {suite}\nCodename: {suite}\nComponents: main\nArchitectures: {architecture.strip()}\n"
        f"Date: {_date()}\nSHA256:\n {digest} {index.stat().st_size} {index.relative_to(dist)}\n"
    )
    (dist / "InRelease").write_bytes(_gpg(home, "--local-user", fingerprints[1], "--clearsign", given=release))
    return fingerprints[0], fingerprints[1]


def _key(home: Path, name: str) -> str:
    _gpg(home, "--passphrase", "", "--quick-gen-key", f"{name} <{name}@test>", "rsa2048", "sign", "never")
    listed = _gpg(home, "--with-colons", "--list-keys", f"{name}@test").decode()
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))


def _gpg(home: Path, *argv: str, given: str = "") -> bytes:
    command = ["gpg", "--batch", "--quiet", "--homedir", str(home), *argv]
    environment = {**os.environ, "GNUPGHOME": str(home)}
    return subprocess.run(command, input=given.encode(), capture_output=True, check=True, env=environment).stdout


def _date() -> str:
    return subprocess.run(["date", "-u", "-R"], capture_output=True, text=True, check=True).stdout.strip()

"""A host that asks a metadata server of the test's own about OS Login, and that server: no other is there."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import threading
import time
import typing as t
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import docker
from docker.types import Mount

from tests.sandbox import hosts, images, seed

LABEL = "devcontainer-cloud-test-os-login"
#: What the guest's programs ask, by number, whatever the names say.
ADDRESS = "169.254.169.254"


@dataclasses.dataclass
class Account:
    """A Google account: its keys, each with its end in Unix time (0 for none), and what IAM lets it do."""

    name: str
    email: str
    uid: int
    keys: dict[str, float] = dataclasses.field(default_factory=dict)
    policies: set[str] = dataclasses.field(default_factory=set)
    code: str = ""  #: of its second factor

    def profile(self) -> dict[str, t.Any]:
        """As the metadata server tells it."""
        posix = {
            "primary": True,
            "username": self.name,
            "uid": str(self.uid),
            "gid": str(self.uid),
            "homeDirectory": f"/home/{self.name}",
            "shell": "/bin/bash",
            "operatingSystemType": "LINUX",
        }
        keys = {
            f"{number:064x}": {
                "key": key,
                "fingerprint": f"{number:064x}",
                **({"expirationTimeUsec": str(int(end * 1_000_000))} if end else {}),
            }
            for number, (key, end) in enumerate(self.keys.items())
        }
        return {"name": self.email, "posixAccounts": [posix], "sshPublicKeys": keys}


class Metadata:
    """The part of the metadata server below /computeMetadata/v1/oslogin/."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.asked: list[str] = []
        self.silent = False  #: answers nothing but 500
        metadata = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urllib.parse.urlsplit(self.path)
                self._answer(url.path, dict(urllib.parse.parse_qsl(url.query)))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(urllib.parse.urlsplit(self.path).path, body)

            def _answer(self, path: str, asked: dict[str, t.Any]) -> None:
                status, said = metadata.answer(path, asked, self.headers.get("Metadata-Flavor", ""))
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Metadata-Flavor", "Google")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_words: t.Any) -> None:
                pass

        self._handler = Handler
        self._server: ThreadingHTTPServer | None = None

    def serve(self, address: str) -> int:
        """Answer on that address until stop(); the port."""
        self._server = ThreadingHTTPServer((address, 0), self._handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Answer no more."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, path: str, asked: dict[str, t.Any], flavor: str) -> tuple[int, dict[str, t.Any]]:
        """HTTP status and JSON."""
        self.asked.append(path.rpartition("/")[2] + "?" + "&".join(f"{k}={v}" for k, v in sorted(asked.items())))
        start, _slash, what = path.partition("/computeMetadata/v1/oslogin/")
        if self.silent:
            return 500, {}
        if start or not what or flavor != "Google":
            return 403, {}
        if what == "users":
            return self._users(asked)
        found = next((a for a in self.accounts if a.email == asked.get("email")), None)
        if found is None:
            return 404, {}
        if what == "authorize":
            return 200, {"success": asked.get("policy") in found.policies}
        if what == "authenticate/sessions/start":
            challenge = {"challengeId": 1, "challengeType": "TOTP", "status": "READY"}
            return 200, {"status": "CHALLENGE_REQUIRED", "sessionId": "session", "challenges": [challenge]}
        if what == "authenticate/sessions/session/continue":
            right = found.code != "" and found.code in (asked.get("proposalResponse") or {}).values()
            return 200, {"status": "AUTHENTICATED"} if right else {
                "status": "CHALLENGE_REQUIRED",
                "rejectionReason": "no",
            }
        return 404, {}

    def _users(self, asked: dict[str, t.Any]) -> tuple[int, dict[str, t.Any]]:
        if "pagesize" in asked:  # the cache of all that may log in
            return 200, {"loginProfiles": [a.profile() for a in self.accounts], "nextPageToken": "0"}
        found = [a for a in self.accounts if a.name == asked.get("username") or str(a.uid) == asked.get("uid", "")]
        return (200, {"loginProfiles": [found[0].profile()]}) if found else (404, {})


class Host:
    """A systemd container that root gets into with ``key``; it goes with close()."""

    def __init__(self, family: str, key: Path, metadata: Metadata) -> None:
        self.engine = docker.from_env()
        self._folder, self.key = key.parent, key
        self.container = self.engine.containers.create(
            images.image(self.engine, images.host(family)),
            ["/lib/systemd/systemd", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"],
            hostname="host",
            labels={LABEL: str(os.getpid())},
            cap_add=hosts.CAPABILITIES,
            security_opt=["seccomp=unconfined", "apparmor=unconfined"],
            cgroupns="host",
            tmpfs={"/run": "exec", "/run/lock": ""},
            mounts=[Mount("/sys/fs/cgroup", "/sys/fs/cgroup", type="bind")],
        )
        public = key.with_suffix(".pub").read_bytes()
        self.container.put_archive(
            "/",
            seed.archive({"etc/cloud/cloud-init.disabled": b"", "root/.ssh/authorized_keys": public}),
        )
        try:
            self._bring_up(metadata)
        except BaseException:
            self.close()
            raise

    def _bring_up(self, metadata: Metadata) -> None:
        self.container.start()
        self._until_up()
        # The image has no host keys, so that sshd tried in vain until systemd gave up.
        self.run("chmod 700 /root/.ssh; ssh-keygen -A; systemctl reset-failed ssh; systemctl restart ssh")
        self.container.reload()
        network = self.container.attrs["NetworkSettings"]
        self.address = str(network["IPAddress"])
        port = metadata.serve(str(network["Gateway"]))
        self.run(f"iptables -t nat -A OUTPUT -d {ADDRESS} -p tcp --dport 80 -j DNAT --to {network['Gateway']}:{port}")

    def _until_up(self) -> None:
        until = time.monotonic() + 30
        while True:
            said = self.container.exec_run(["systemctl", "is-system-running"]).output.decode().strip()
            if said in ("running", "degraded"):
                return
            assert time.monotonic() < until, said
            time.sleep(0.2)

    def run(self, command: str) -> str:
        """What a shell says, as root and without SSH. Raises AssertionError where it fails."""
        code, out = self.container.exec_run(["sh", "-c", command])
        assert code == 0, out.decode()
        return str(out.decode()).strip()

    def close(self) -> None:
        """Remove it."""
        hosts.remove(self.engine, self.container.id)

    @property
    def _options(self) -> list[str]:
        known = self._folder / "known_hosts"
        return [
            "-o",
            f"UserKnownHostsFile={known}",
            "-o",
            "StrictHostKeyChecking=accept-new",
            "-o",
            "ConnectTimeout=10",
        ]

    @property
    def inventory(self) -> dict[str, t.Any]:
        """Of the one host, as root."""
        return {
            "all": {
                "hosts": {
                    "host": {
                        "ansible_host": self.address,
                        "ansible_user": "root",
                        "ansible_python_interpreter": "/usr/bin/python3",
                        "ansible_ssh_private_key_file": str(self.key),
                        "ansible_ssh_common_args": " ".join([*self._options, "-o", "IdentitiesOnly=yes"]),
                    }
                }
            }
        }

    def ssh(self, user: str, key: Path, command: str = "true", code: str = "", *options: str) -> tuple[int, str]:
        """A new login: exit status and all that was said. ``code`` answers each question."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder)}
        if code:
            answer = self._folder / "answer"
            answer.write_text(f"#!/bin/sh\necho {code}\n")
            answer.chmod(0o700)
            environment.update(SSH_ASKPASS=str(answer), SSH_ASKPASS_REQUIRE="force")
        else:
            options = ("-o", "BatchMode=yes", *options)
        done = subprocess.run(
            [
                *("ssh", "-F", "none", "-i", str(key), "-o", "IdentitiesOnly=yes", *self._options, *options),
                *(f"{user}@{self.address}", command),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).strip()

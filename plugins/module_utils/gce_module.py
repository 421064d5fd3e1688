# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the gce modules share: their options, their clients, one run."""

from __future__ import annotations

import datetime as dt
import re
import typing as t

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.devcontainer.cloud.plugins.module_utils import options, times, user_data, workspace_module
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput, WorkspaceError
from ansible_collections.devcontainer.cloud.plugins.module_utils.fleet import SystemClock
from ansible_collections.devcontainer.cloud.plugins.module_utils.gce_auth import AUTH_SPEC, credentials
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce import GceProvider
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_api import HAS_GOOGLE_AUTH, Api, connect
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_launch import (
    SCOPE_PREFIX,
    WITHOUT_CLOUD_INIT,
    check_image,
    check_type,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_operations import Operations
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Spec

GCE_SPEC: options.Options = {
    "image": {"type": "str", "default": "debian-12"},
    "machine_type": {"type": "str", "default": "e2-medium"},
    "zones": {"type": "list", "elements": "str", "default": []},
    "subnetwork": {"type": "str"},
    "network_tags": {"type": "list", "elements": "str"},
    "public_ip": {"type": "bool", "default": False},
    "disk_size": {"type": "int", "default": 30},
    "disk_type": {"type": "str", "default": "pd-balanced"},
    "kms_key": {"type": "str", "no_log": False},
    "shielded": {"type": "bool", "default": True},
    "confidential": {"type": "str", "default": "none", "choices": ["none", "SEV", "SEV_SNP", "TDX"]},
    "os_login": {"type": "bool", "default": True},
    "vm_service_account": {"type": "str"},
    "vm_scopes": {"type": "list", "elements": "str", "default": ["logging.write", "monitoring.write"]},
    "spot": {"type": "bool", "default": False},
    "max_run_duration": {"type": "str"},
    # Not no_log: Ansible would then blot out its every word and number wherever it stands, in addresses too.
    "cloud_config": {"type": "dict", "default": {}, "no_log": False},
}
_ZONE = re.compile(r"^[a-z]+-[a-z]+[0-9]+-[a-z]$")
_SUBNETWORK = re.compile(
    r"^(?:(?:projects/[a-z0-9.:-]+/)?regions/[a-z0-9-]+/subnetworks/)?[a-z](?:[a-z0-9-]*[a-z0-9])?$"
)
_NETWORK_TAG = re.compile(r"^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$")
_DISK_TYPE = re.compile(r"^[a-z][a-z0-9-]+$")
_KMS_KEY = re.compile(r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$")
_LABEL_KEY = re.compile(r"^[a-z][a-z0-9_-]{0,62}$")
_LABEL_VALUE = re.compile(r"^[a-z0-9_-]{0,63}$")
_OWN_LABELS = ("devcontainer-", "goog-")
#: A machine may run for half a minute to 120 days under a limit; the service refuses others.
_SHORTEST_RUN, _LONGEST_RUN = 30, 120 * 86400
_PATTERNS = (
    ("zones", _ZONE, "zone", "europe-west3-a"),
    ("network_tags", _NETWORK_TAG, "network tag", "devcontainer"),
    ("subnetwork", _SUBNETWORK, "subnetwork", "workspaces, or projects/HOST/regions/REGION/subnetworks/NAME"),
    ("disk_type", _DISK_TYPE, "disk type", "pd-balanced"),
    ("kms_key", _KMS_KEY, "key", "projects/P/locations/L/keyRings/R/cryptoKeys/K"),
)


def spec_of(given: options.Options, now: dt.datetime, region: str) -> Spec:
    """One workspace's options as a spec. Raises InvalidInput; makes no call."""
    _check(given, region)
    account = given["vm_service_account"]
    tags, limit = given["network_tags"], given["max_run_duration"]
    spec = options.to_spec(
        given,
        now,
        settings={
            "machine_type": given["machine_type"],
            "network_tags": None if tags is None else sorted(tags),
            "vm_service_account": account,
            # Without an account scopes mean nothing.
            "vm_scopes": None if account is None else sorted(map(_scope, given["vm_scopes"])) if account else [],
            "shielded": given["shielded"],
            "confidential": given["confidential"],
            "os_login": given["os_login"],
            # Whoever may write the project's metadata would come in.
            "project_ssh_keys": False,
            "spot": given["spot"],
            "max_run_duration": None if limit is None else times.parse_duration(limit, "max_run_duration") or 0,
            "disk_size": given["disk_size"],
            "kms_key": given["kms_key"],
        },
        create={
            key: given[key]
            for key in ("image", "zones", "subnetwork", "public_ip", "disk_type", "user", "ssh_keys", "cloud_config")
        },
    )
    limit = spec.settings.get("max_run_duration")
    if limit and not _SHORTEST_RUN <= limit <= _LONGEST_RUN:
        raise InvalidInput(f"max_run_duration: {given['max_run_duration']!r} is out of range; 30s to 120d, or none")
    if given["state"] == "running":
        _check_creatable(given)
    return spec


def _check(given: options.Options, region: str) -> None:
    check_image(given["image"])
    check_type(given["machine_type"])
    for option, pattern, what, example in _PATTERNS:
        value = given[option]
        for each in value if isinstance(value, list) else [] if value is None else [value]:
            if not pattern.fullmatch(each):
                raise InvalidInput(f"{option}: {each!r} is no {what}; write for example {example}")
    for zone in given["zones"]:
        if zone.rpartition("-")[0] != region:
            raise InvalidInput(f"zones: {zone!r} is not in the region {region!r}; a workspace stays in one region")
    subnetwork = given["subnetwork"] or ""
    if "/" in subnetwork and f"regions/{region}/" not in subnetwork:
        raise InvalidInput(f"subnetwork: {subnetwork!r} is not in the region {region!r}; give one that is")
    for key, value in (given["tags"] or {}).items():
        if str(key).startswith(_OWN_LABELS):
            raise InvalidInput(f"tags: the key {key!r} is the collection's or the cloud's own; choose another")
        if not _LABEL_KEY.fullmatch(str(key)) or not _LABEL_VALUE.fullmatch(str(value)):
            raise InvalidInput(
                f"tags: {key!r} with {str(value)!r} can be no label; lower case letters, digits, _ and -, at most 63"
            )
    if given["disk_size"] < 10:
        raise InvalidInput(f"disk_size: {given['disk_size']} GiB is too small for an image and Docker; 10 at least")


def _check_creatable(given: options.Options) -> None:
    """What only a creation needs is asked for whenever one might follow: a run must not depend on what is there."""
    needed = [
        ("zones", "the zones to launch in, in order of preference"),
        ("subnetwork", "the subnetwork of the machines; the default network is never taken silently"),
    ]
    if not given["os_login"]:
        needed.append(("ssh_keys", "at least one public key, or nobody could log in; or os_login: true"))
    for option, why in needed:
        if not given[option]:
            raise InvalidInput(f"{option}: it is empty; give {why}")
    if given["cloud_config"] and given["image"] in WITHOUT_CLOUD_INIT:
        raise InvalidInput(
            f"cloud_config: the images of {given['image']} have no cloud-init that would read it; use a role, or "
            "image: ubuntu-24.04"
        )
    user_data.check_size(given["user"], given["ssh_keys"], given["cloud_config"])


def _scope(name: str) -> str:
    return name if name.startswith("https://") else SCOPE_PREFIX + name


class GceModule(workspace_module.Module):
    """A module with google.cloud's options and clients."""

    def __init__(self, argument_spec: options.Options) -> None:
        # no_log here means no line with all options in the system's log.
        super().__init__(argument_spec={**argument_spec, **AUTH_SPEC}, supports_check_mode=True, no_log=True)
        if not HAS_GOOGLE_AUTH:
            self.fail_json(msg=missing_required_lib("google-auth and requests"))

    @property
    def region(self) -> str:
        """The task's region, said or that of its first zone. Fails the task where there is none."""
        zones: t.Sequence[str] = self.params.get("zones") or [
            zone for entry in self.params.get("workspaces") or () for zone in entry.get("zones") or ()
        ]
        found = self.params["region"] or (str(zones[0]).rpartition("-")[0] if zones else "")
        if not found:
            self.fail_json(msg="region: it is not set; give region or zones, or set GCP_REGION")
        return str(found)

    def session(self, connections: int) -> tuple[t.Any, str]:
        """A session with this task's credentials, for that many threads, and its project. Raises WorkspaceError."""
        found, project = credentials(self.params)
        project = self.params["project"] or project
        if not project:
            raise InvalidInput("project: it is not set; give project, or set GCP_PROJECT")
        return connect(found, connections), project

    def provider(self, timeout: float, wait: bool) -> GceProvider:
        """The provider over this task's credentials, project and region. Fails the task where one is missing."""
        try:
            session, project = self.session(GceProvider.concurrency)
        except WorkspaceError as error:
            self.fail_json(msg=str(error), workspaces=[])
        api = Api(project, session, self.params["api_endpoint"])
        return GceProvider(api, self.region, Operations(api, timeout), wait)


def run(module: GceModule) -> None:
    """Bring the task's workspaces to their states and leave the module."""
    params, clock, region = module.params, SystemClock(), module.region
    specs = workspace_module.specs_or_fail(
        module, lambda: options.specs_of(params, GCE_SPEC, lambda given: spec_of(given, clock.now(), region))
    )
    provider = module.provider(params["wait_timeout"], params["wait"])
    workspace_module.bring(module, provider, "gce", region, specs, clock)


def look_up(module: GceModule) -> None:
    """Return what there is of the named workspaces, or of all, and leave the module."""
    workspace_module.names_or_leave(module)
    provider = module.provider(timeout=0, wait=False)

    def find(names: t.Sequence[str] | None) -> workspace_module.Found:
        found = provider.find(names)
        for zone, why in sorted(provider.blind.items()):
            module.warn(f"{zone or 'A zone'} could not be looked at, and what is in it is missing here: {why}")
        return found

    workspace_module.show(module, find, "gce", module.region)

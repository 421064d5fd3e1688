# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Google credentials from google.cloud's options and GCP_* variables, so that AWX credentials work unchanged."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible.module_utils.basic import env_fallback
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_errors import saying

try:
    import google.auth
    import google.auth.compute_engine
    import google.auth.impersonated_credentials
    import google.oauth2.credentials
    import google.oauth2.service_account
except ImportError:  # the module says so in a sentence
    google = t.cast(t.Any, None)

DEFAULT_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


def _option(variable: str, **more: t.Any) -> dict[str, t.Any]:
    return {"type": "str", "fallback": (env_fallback, [variable]), **more}


AUTH_SPEC: dict[str, t.Any] = {
    "project": _option("GCP_PROJECT"),
    "auth_kind": _option("GCP_AUTH_KIND", choices=["application", "machineaccount", "serviceaccount", "accesstoken"]),
    "service_account_file": _option("GCP_SERVICE_ACCOUNT_FILE", type="path"),
    "service_account_contents": _option("GCP_SERVICE_ACCOUNT_CONTENTS", type="jsonarg", no_log=True),
    "service_account_email": _option("GCP_SERVICE_ACCOUNT_EMAIL"),
    "access_token": _option("GCP_ACCESS_TOKEN", no_log=True),
    "scopes": _option("GCP_SCOPES", type="list", elements="str"),
    "impersonate_service_account": _option("GCP_IMPERSONATE_SERVICE_ACCOUNT"),
    "api_endpoint": _option("GCP_API_ENDPOINT"),
    "region": _option("GCP_REGION"),
}


def auth_kind(options: t.Mapping[str, t.Any]) -> str:
    """How to authenticate: what is said, or what the other options can only mean."""
    if options["auth_kind"]:
        return str(options["auth_kind"])
    if options["service_account_file"] or options["service_account_contents"]:
        return "serviceaccount"
    return "accesstoken" if options["access_token"] else "application"


def credentials(options: t.Mapping[str, t.Any]) -> tuple[t.Any, str]:
    """The credentials, and the project that they name; empty where they name none.

    Raises InvalidInput naming the option, Denied or Unreachable.
    """
    scopes = list(options["scopes"] or DEFAULT_SCOPES)
    with saying("authenticate"):
        found, project = _source(auth_kind(options), options, scopes)
        if options["impersonate_service_account"]:
            found = google.auth.impersonated_credentials.Credentials(
                source_credentials=found,
                target_principal=options["impersonate_service_account"],
                target_scopes=scopes,
            )
    return found, project


def _source(kind: str, options: t.Mapping[str, t.Any], scopes: list[str]) -> tuple[t.Any, str]:
    if kind == "application":
        found, project = google.auth.default(scopes=scopes)
        return found, project or ""
    if kind == "machineaccount":
        email = options["service_account_email"] or "default"
        return google.auth.compute_engine.Credentials(service_account_email=email, scopes=scopes), ""
    if kind == "accesstoken":
        if not options["access_token"]:
            raise InvalidInput("access_token: it is empty and auth_kind is 'accesstoken'; give the token")
        return google.oauth2.credentials.Credentials(token=options["access_token"]), ""
    info = _service_account(options)
    try:
        found = google.oauth2.service_account.Credentials.from_service_account_info(info, scopes=scopes)
    except ValueError as error:
        raise InvalidInput(f"service_account_contents, service_account_file: no usable key ({error})") from None
    return found, str(info.get("project_id", ""))


def _service_account(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A service account's key as a dict. No message repeats what it holds."""
    text, path = options["service_account_contents"], options["service_account_file"]
    if bool(text) == bool(path):
        raise InvalidInput(
            "service_account_file: auth_kind 'serviceaccount' wants it or service_account_contents, one of the two"
        )
    if path:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"service_account_file: {path!r} cannot be read ({error.strerror})") from None
    try:
        info = json.loads(text)
    except ValueError:
        info = None
    if not isinstance(info, dict):
        raise InvalidInput(
            f"{'service_account_file' if path else 'service_account_contents'}: it is no service account's key; "
            "give the JSON that Google Cloud made"
        )
    return info

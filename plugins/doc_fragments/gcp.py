# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the options that say who asks Google Cloud, for which project, and where.

``gcp.region`` adds the modules' region, ``gcp.plugins`` what a plugin's options need: it stands before ``gcp``.
"""

from __future__ import annotations


class ModuleDocFragment:
    """google.cloud's names and variables."""

    DOCUMENTATION = r"""
options:
  project:
    description:
      - The project's id. Without it the one that the credentials name is used.
      - The variable E(GCP_PROJECT) is used where it is not given.
    type: str
  auth_kind:
    description:
      - How to authenticate. Without it V(serviceaccount) or V(accesstoken) where the options of these are given, and
        V(application) otherwise, which are the Application Default Credentials.
      - The variable E(GCP_AUTH_KIND) is used where it is not given.
    type: str
    choices: [application, machineaccount, serviceaccount, accesstoken]
  service_account_file:
    description:
      - The path of a service account's key.
      - The variable E(GCP_SERVICE_ACCOUNT_FILE) is used where it is not given.
    type: path
  service_account_contents:
    description:
      - A service account's key itself, as JSON or as a dict.
      - The variable E(GCP_SERVICE_ACCOUNT_CONTENTS) is used where it is not given.
    type: jsonarg
  service_account_email:
    description:
      - With V(machineaccount), which of the machine's service accounts; its default one where not given.
      - The variable E(GCP_SERVICE_ACCOUNT_EMAIL) is used where it is not given.
    type: str
  access_token:
    description:
      - An OAuth 2 access token. It is not renewed.
      - The variable E(GCP_ACCESS_TOKEN) is used where it is not given.
    type: str
  scopes:
    description:
      - The scopes to ask for; V(https://www.googleapis.com/auth/cloud-platform) where not given. What may be done is
        for IAM to say.
      - The variable E(GCP_SCOPES) is used where it is not given.
    type: list
    elements: str
  impersonate_service_account:
    description:
      - The e-mail of a service account to act as; the credentials then need C(roles/iam.serviceAccountTokenCreator)
        on it.
      - The variable E(GCP_IMPERSONATE_SERVICE_ACCOUNT) is used where it is not given.
    type: str
  api_endpoint:
    description:
      - Where the Compute Engine API is, with its scheme, such as V(https://compute.googleapis.com) or the address of
        Private Service Connect.
      - The variable E(GCP_API_ENDPOINT) is used where it is not given.
    type: str
requirements:
  - google-auth >= 2.35
  - requests >= 2.31
"""

    REGION = r"""
options:
  region:
    description:
      - The region. Without it that of the first zone is used.
      - The variable E(GCP_REGION) is used where it is not given.
    type: str
"""

    # A path here would be completed before it is known whether it is a template.
    PLUGINS = r"""
options:
  project:
    env: [{name: GCP_PROJECT}]
  auth_kind:
    env: [{name: GCP_AUTH_KIND}]
  service_account_file:
    type: str
    env: [{name: GCP_SERVICE_ACCOUNT_FILE}]
  service_account_contents:
    type: raw
    env: [{name: GCP_SERVICE_ACCOUNT_CONTENTS}]
  service_account_email:
    env: [{name: GCP_SERVICE_ACCOUNT_EMAIL}]
  access_token:
    env: [{name: GCP_ACCESS_TOKEN}]
  scopes:
    env: [{name: GCP_SCOPES}]
  impersonate_service_account:
    env: [{name: GCP_IMPERSONATE_SERVICE_ACCOUNT}]
  api_endpoint:
    env: [{name: GCP_API_ENDPOINT}]
"""

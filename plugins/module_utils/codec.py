# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The contract's codecs: the labels of workspace.py to what each provider stores, and back."""

from __future__ import annotations

import datetime as dt
import hashlib
import re

from ansible_collections.devcontainer.cloud.plugins.module_utils import times
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import CONTRACT, KEYS, MANAGED_BY, Labels

AWS_PREFIX = "devcontainer:"
GCE_PREFIX = "devcontainer-"
K8S_PREFIX = "devcontainer.cloud/"

_NOT_SLUG = re.compile(r"[^a-z0-9_-]+")
_SLUG_LENGTH = 63
_DIGEST_LENGTH = 8


def to_aws(labels: Labels) -> dict[str, str]:
    """EC2 tags. The keys keep to the alphabet that instance metadata tags allow."""
    return {AWS_PREFIX + name: value for name, value in labels.items()}


def from_aws(tags: Labels) -> tuple[dict[str, str], dict[str, str]]:
    """Split EC2 tags into the contract's labels and everybody else's tags."""
    ours: dict[str, str] = {}
    other: dict[str, str] = {}
    for key, value in tags.items():
        name = key[len(AWS_PREFIX) :] if key.startswith(AWS_PREFIX) else ""
        if name in KEYS:
            ours[name] = value
        else:
            other[key] = value
    return ours, other


def slug(text: str) -> str:
    """A legal label value on GCE and in Kubernetes that tells different texts apart.

    Lower case letters, digits, _ and -, 63 characters at most, letters or digits at both ends. A text that is a legal
    value already stays as it is; another gets a short digest, since `a.b` and `a_b` must not fall together.
    """
    plain = _NOT_SLUG.sub("-", text.lower()).strip("-_")
    if plain == text and len(text) <= _SLUG_LENGTH:
        return plain
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{plain[: _SLUG_LENGTH - _DIGEST_LENGTH - 1].rstrip('-_')}-{digest}".lstrip("-")


def to_gce(labels: Labels) -> tuple[dict[str, str], dict[str, str]]:
    """(labels, metadata items) of a Compute Engine instance.

    What the agent in the guest needs has a copy in metadata, since a guest cannot read labels: the lease.
    """
    gce_labels: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in labels.items():
        key = KEYS[name]
        if key.gce == "metadata":
            metadata[GCE_PREFIX + name] = value
        elif key.time:
            # an unreadable time is kept as a slug: readers refuse it, and the reaper then fails closed
            gce_labels[GCE_PREFIX + name] = _to_epoch(value) or slug(value)
            metadata[GCE_PREFIX + name] = value
        else:
            gce_labels[GCE_PREFIX + name] = slug(value)
            if key.full_text:
                metadata[GCE_PREFIX + name] = value
    return gce_labels, metadata


def from_gce(gce_labels: Labels, metadata: Labels) -> dict[str, str]:
    """The contract's labels of an instance. A time is read from its label, a full text from its metadata.

    Where label and full text disagree the label is believed, since it is what everybody filters by: comparing shows the
    drift, and the next write repairs both.
    """
    found: dict[str, str] = {}
    for key in CONTRACT:
        stored = GCE_PREFIX + key.name
        value = metadata.get(stored) if key.gce == "metadata" else gce_labels.get(stored)
        if key.full_text and stored in metadata and slug(metadata[stored]) == value:
            value = metadata[stored]
        elif key.time and value is not None:
            value = _from_epoch(value) or value
        if value is not None:
            found[key.name] = _undo_slug(key.name, value)
    return found


def is_foreign_gce(key: str) -> bool:
    """Whether a GCE label is none of the contract's."""
    return not key.startswith(GCE_PREFIX) or key[len(GCE_PREFIX) :] not in KEYS


def to_k8s(labels: Labels) -> tuple[dict[str, str], dict[str, str]]:
    """(labels, annotations) of a Kubernetes object."""
    k8s_labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    for name, value in labels.items():
        key = KEYS[name]
        if key.k8s == "annotation":
            annotations[K8S_PREFIX + name] = value
        else:
            k8s_labels[K8S_PREFIX + name] = slug(value)
            if key.full_text:
                annotations[K8S_PREFIX + name] = value
    return k8s_labels, annotations


def from_k8s(k8s_labels: Labels, annotations: Labels) -> dict[str, str]:
    """The contract's labels of a Kubernetes object."""
    found: dict[str, str] = {}
    for key in CONTRACT:
        stored = K8S_PREFIX + key.name
        in_annotation = key.k8s == "annotation" or (key.full_text and stored in annotations)
        value = annotations.get(stored) if in_annotation else k8s_labels.get(stored)
        if value is not None:
            found[key.name] = _undo_slug(key.name, value)
    return found


def _undo_slug(name: str, value: str) -> str:
    """`managed-by` is the one fixed word that no label alphabet of GCE can hold as it is."""
    if name == "managed-by" and value == slug(MANAGED_BY):
        return MANAGED_BY
    return value


def _to_epoch(text: str) -> str:
    try:
        return str(int(times.parse_time(text).timestamp()))
    except InvalidInput:
        return ""


def _from_epoch(text: str) -> str:
    try:
        return times.format_time(dt.datetime.fromtimestamp(int(text), tz=dt.timezone.utc))
    except (ValueError, OverflowError, OSError):
        return ""

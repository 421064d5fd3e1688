"""The contract: its table, and that each provider's codec reads back what it wrote."""

from __future__ import annotations

import re
import string

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import InvalidInput
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import (
    CONTRACT,
    KEYS,
    check_labels,
    check_login,
    check_name,
    identity,
    is_ours,
    when,
)
from hypothesis import given
from hypothesis import strategies as st

TIMES = [key.name for key in CONTRACT if key.time]
TEXT = st.text(min_size=1, max_size=200).filter(lambda s: s.strip())


@st.composite
def contracts(draw):
    labels = {**identity(draw(st.from_regex(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)))}
    free = [k for k in KEYS if k not in labels and k not in TIMES and k != "user"]
    labels.update(draw(st.dictionaries(st.sampled_from(free), TEXT)))
    labels.update(draw(st.dictionaries(st.sampled_from(TIMES), st.just("2026-11-24T17:00:00Z"))))
    labels["user"] = draw(st.from_regex(r"[a-z_][a-z0-9_-]{0,31}", fullmatch=True))
    return labels


@given(contracts(), st.dictionaries(st.sampled_from(["Name", "cost-center", "devcontainer:other"]), TEXT))
def test_aws_reads_back_and_keeps_others_apart(labels, other):
    assert codec.from_aws({**codec.to_aws(labels), **other}) == (labels, other)


@given(contracts())
def test_gce_reads_back(labels):
    gce_labels, metadata = codec.to_gce(labels)
    assert codec.from_gce(gce_labels, metadata) == labels
    for key, value in gce_labels.items():
        assert re.fullmatch(r"[a-z0-9_-]{1,63}", value) and re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)


@given(contracts())
def test_kubernetes_reads_back(labels):
    k8s_labels, annotations = codec.to_k8s(labels)
    assert codec.from_k8s(k8s_labels, annotations) == labels
    for value in k8s_labels.values():
        assert re.fullmatch(r"[a-z0-9]([a-z0-9_.-]{0,61}[a-z0-9])?", value)


@given(TEXT, TEXT)
def test_slugs_are_legal_and_tell_texts_apart(one, other):
    assert re.fullmatch(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?", codec.slug(one))
    if one != other:
        assert codec.slug(one) != codec.slug(other)


def test_tag_keys_can_be_shown_in_instance_metadata():
    allowed = set(string.ascii_letters + string.digits + "+-=.,_:@")
    for key in codec.to_aws({key.name: "x" for key in CONTRACT}):
        assert set(key) <= allowed


def test_every_key_has_one_place_and_a_known_one():
    assert len(KEYS) == len(CONTRACT)
    assert {key.gce for key in CONTRACT} == {"label", "metadata"}
    assert {key.k8s for key in CONTRACT} == {"label", "annotation"}


@pytest.mark.parametrize(
    ("labels", "ours"),
    [
        (identity("a"), True),
        ({}, False),
        ({"workspace": "a"}, False),
        ({"managed-by": "devcontainer.cloud"}, False),
        ({"managed-by": "devcontainer.cloud", "workspace": ""}, False),
        ({"managed-by": "somebody", "workspace": "a"}, False),
    ],
)
def test_what_is_ours(labels, ours):
    assert is_ours(labels) is ours


@pytest.mark.parametrize("name", ["", "A", "1a", "a-", "-a", "a" * 41, "a_b", "a.b", "a b", "a\n"])
def test_bad_names(name):
    with pytest.raises(InvalidInput, match="name"):
        check_name(name)


@pytest.mark.parametrize("user", ["", "root", "Dev", "a b", "x" * 33, "-a", "docker"])
def test_bad_logins(user):
    with pytest.raises(InvalidInput, match="user"):
        check_login(user)


def test_a_value_too_long_for_a_tag_names_its_option():
    with pytest.raises(InvalidInput, match="idle_limit"):
        check_labels({"idle-limit": "x" * 257})


def test_when():
    assert when({}, "lease-until") is None
    assert when({"lease-until": "2026-11-24T17:00:00Z"}, "lease-until").hour == 17
    with pytest.raises(InvalidInput, match="demo's lease-until"):
        when({"lease-until": "soon", "workspace": "demo"}, "lease-until")


@pytest.mark.parametrize("text", ["ada\nx", "a\x00b", "a\u2028b"])
def test_a_value_with_a_line_break_is_refused_with_its_option(text):
    with pytest.raises(InvalidInput, match=r"owner: .* line break"):
        check_labels({"owner": text})

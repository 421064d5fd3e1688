"""Names: one per machine, never merged, whatever came first."""

from __future__ import annotations

import random

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import Observed, identity
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.naming import RESERVED, host_names
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.record import Found
from hypothesis import given
from hypothesis import strategies as st


def workspace(machine_id, name="api-ada", region="eu-central-1", account="", zone=""):
    machine = Observed(id=machine_id, state="running", ours=True, labels=identity(name), info={"zone": zone})
    return Found(provider="ec2", account=account, region=region, title=name, machine=machine)


def other(machine_id, title, region="eu-central-1", account=""):
    machine = Observed(id=machine_id, state="running", ours=False)
    return Found(provider="ec2", account=account, region=region, title=title, machine=machine)


def test_a_lone_name_stays():
    assert host_names([workspace("i-1"), workspace("i-2", "web")]) == ({"i-1": "api-ada", "i-2": "web"}, [])


@pytest.mark.parametrize(
    ("machines", "expected"),
    [
        (
            [workspace("i-1"), workspace("i-2", region="us-east-1")],
            {"i-1": "api-ada.eu-central-1", "i-2": "api-ada.us-east-1"},
        ),
        (
            [workspace("i-1", account="a"), workspace("i-2", account="b")],
            {"i-1": "api-ada.a", "i-2": "api-ada.b"},
        ),
        (
            [
                workspace("i-1", account="a"),
                workspace("i-2", account="b"),
                workspace("i-3", "api-ada", "us-east-1", "b"),
            ],
            {"i-1": "api-ada.a.eu-central-1", "i-2": "api-ada.b.eu-central-1", "i-3": "api-ada.b.us-east-1"},
        ),
        ([workspace("i-1"), workspace("i-2")], {"i-1": "api-ada.i-1", "i-2": "api-ada.i-2"}),
        (
            [workspace("i-1", zone="r-1a", account="p"), workspace("i-2", zone="r-1b", account="p")],
            {"i-1": "api-ada.r-1a", "i-2": "api-ada.r-1b"},
        ),
        (
            [
                workspace("i-1", zone="r-1a", account="p"),
                workspace("i-2", zone="r-1b", account="p"),
                workspace("i-3", zone="r-1a", account="q:r.s"),
            ],
            {"i-1": "api-ada.p.r-1a", "i-2": "api-ada.p.r-1b", "i-3": "api-ada.q-r-s.r-1a"},
        ),
        # a machine that is not ours never takes a workspace's name, and does not change it
        ([workspace("i-1"), other("i-2", "api-ada")], {"i-1": "api-ada", "i-2": "api-ada.eu-central-1"}),
        # nor the name that a workspace got by being told apart
        (
            [workspace("i-1"), workspace("i-2", region="us-east-1"), other("i-3", "api-ada.us-east-1")],
            {"i-1": "api-ada.eu-central-1", "i-2": "api-ada.us-east-1", "i-3": "api-ada.us-east-1.eu-central-1"},
        ),
        # a suffixed name gives way to a name that somebody has by itself
        (
            [other("i-1", "db"), other("i-2", "db", "us-east-1"), other("i-3", "db.us-east-1")],
            {"i-1": "db.i-1", "i-2": "db.i-2", "i-3": "db.us-east-1"},
        ),
        (
            [other("i-1", "web server"), other("i-2", ""), other("i-3", "db1")],
            {"i-1": "i-1", "i-2": "i-2", "i-3": "db1"},
        ),
    ],
)
def test_told_apart(machines, expected):
    for _again in range(4):
        random.shuffle(machines)
        assert host_names(machines)[0] == expected


def test_the_user_is_told_which_is_which():
    _names, (sentence,) = host_names([workspace("i-2", region="us-east-1"), workspace("i-1")])
    assert sentence == (
        "2 machines are called 'api-ada'; they are listed as api-ada.eu-central-1 (i-1) and api-ada.us-east-1 (i-2)"
    )


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_words_of_ansible_and_our_groups_are_no_host(name):
    names, (sentence,) = host_names([workspace("i-1", name)])
    assert names == {"i-1": f"{name}.eu-central-1"}
    assert f"{name}.eu-central-1 (i-1)" in sentence


def test_a_machine_of_another_source_keeps_its_name():
    names, (sentence,) = host_names([workspace("i-1")], {"api-ada": "i-9"})
    assert names == {"i-1": "api-ada.eu-central-1"}
    assert "already" in sentence
    assert host_names([workspace("i-1")], {"api-ada": "i-1"}) == ({"i-1": "api-ada"}, [])


@pytest.mark.parametrize("tag", ["x -o ProxyCommand=evil", "Upper", "a/b", "*"])
def test_a_tag_that_is_no_name_is_never_a_host(tag):
    names, (sentence,) = host_names([workspace("i-1", tag)])
    assert names == {"i-1": "i-1"}
    assert repr(tag) in sentence


@given(
    st.lists(
        st.builds(
            lambda make, name, region, account: (make, name, region, account),
            st.sampled_from([workspace, other]),
            st.sampled_from(["a", "b", "localhost", "b.r-1", "a.r-1.r-1", "a.x", "i-1", "i-0.i-0"]),
            st.sampled_from(["r-1", "r-2"]),
            st.sampled_from(["", "x", "y"]),
        ),
        max_size=7,
    ),
    st.randoms(use_true_random=False),
)
def test_always_one_name_each_in_any_order(drawn, shuffled):
    machines = [make(f"i-{number}", *rest) for number, (make, *rest) in enumerate(drawn)]
    names, sentences = host_names(machines)
    assert sorted(names) == sorted(found.machine.id for found in machines)
    assert len(set(names.values())) == len(machines)
    assert not RESERVED & set(names.values())
    shuffled.shuffle(machines)
    assert host_names(machines) == (names, sentences)

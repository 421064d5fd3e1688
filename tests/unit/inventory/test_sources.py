"""Sources are asked side by side; one that fails hides nothing."""

from __future__ import annotations

import datetime as dt
import threading

import botocore.parsers
import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import Denied, InvalidInput
from ansible_collections.devcontainer.cloud.plugins.plugin_utils import ec2_accounts, ec2_sources, sources
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.ec2_accounts import Account
from botocore.awsrequest import AWSResponse

KEYS = {"access_key": "AKIA", "secret_key": "s", "session_token": None, "profile": None, "assume_role_arn": None}
WHO = {**KEYS, "endpoint_url": "http://127.0.0.1:9", "region": "eu-central-1"}


def test_all_at_once_and_in_order():
    together = threading.Barrier(3, timeout=10)

    def fail():
        together.wait()
        raise Denied("no")

    answers, errors = sources.side_by_side({"b": together.wait, "x": fail, "a": together.wait})
    assert list(answers) == ["b", "a"]
    assert {key: str(error) for key, error in errors.items()} == {"x": "no"}


def test_a_bug_is_not_a_failed_source():
    def bug():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sources.side_by_side({"a": bug})


def test_no_sources():
    assert sources.side_by_side({}) == ({}, {})


def instance(number, **tags):
    return {
        "InstanceId": f"i-{number}",
        "State": {"Name": "running"},
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


class Pages:
    """describe_instances of a client that has two pages."""

    asked: dict

    def get_paginator(self, _name):
        return self

    def paginate(self, **asked):
        self.asked = asked
        yield {"Reservations": [{"Instances": [instance(1, Name="a"), instance(2)]}]}
        yield {"Reservations": [{"Instances": [instance(3)]}]}


def test_every_page_of_one_filtered_question():
    question = ec2_sources.question_of(["running"], {"vpc-id": "vpc-1"}, include_unmanaged=False)
    client = Pages()
    found = ec2_sources._describe(client, (Account("a"), "r-1"), question)
    assert [(f.machine.id, f.title, f.account, f.region) for f in found] == [
        ("i-1", "a", "a", "r-1"),
        ("i-2", "", "a", "r-1"),
        ("i-3", "", "a", "r-1"),
    ]
    assert client.asked == {
        "Filters": [
            {"Name": "instance-state-name", "Values": ["running"]},
            {"Name": "tag:devcontainer:managed-by", "Values": ["devcontainer.cloud"]},
            {"Name": "vpc-id", "Values": ["vpc-1"]},
        ],
        "PaginationConfig": {"PageSize": 1000},
    }


def test_two_names_of_one_account_show_a_machine_once(monkeypatch):
    question = ec2_sources.question_of(["running"], {}, include_unmanaged=True)
    monkeypatch.setattr(ec2_accounts.Sessions, "client", lambda self, session, service, region: Pages())
    accounts = [Account("first"), Account("second")]
    answer = ec2_sources.gather(ec2_accounts.Sessions(WHO), accounts, ["eu-central-1"], question)
    assert [(found.machine.id, found.account) for found in answer.machines] == [
        ("i-1", "first"),
        ("i-2", "first"),
        ("i-3", "first"),
    ]
    assert answer.answered == 2


def test_clients_are_made_by_one_thread(monkeypatch):
    """botocore's sessions are not safe to share between threads."""
    makers = []
    monkeypatch.setattr(
        ec2_accounts.Sessions, "client", lambda self, *what: makers.append(threading.current_thread()) or Pages()
    )
    question = ec2_sources.question_of(["running"], {}, include_unmanaged=True)
    ec2_sources.gather(ec2_accounts.Sessions(WHO), [Account()], ["eu-central-1", "us-east-1"], question)
    assert makers == [threading.main_thread()] * 2


@pytest.mark.parametrize("text", ["2026-11-24T17:00:00.000Z", "2026-11-24T17:00:00Z", "1795539600", "20261124T170000Z"])
def test_a_time_is_read_as_botocore_reads_it(text):
    """The same text in the end, since `launched_at` is that text."""
    read = ec2_accounts._time(text)
    assert read == botocore.parsers.DEFAULT_TIMESTAMP_PARSER(text)
    assert str(read.astimezone(dt.timezone.utc)) == "2026-11-24 17:00:00+00:00"


ANSWER = b"""<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item>
<instancesSet><item><instanceId>i-1</instanceId><launchTime>2026-11-24T17:00:00.000Z</launchTime></item></instancesSet>
</item></reservationSet></DescribeInstancesResponse>"""


class Raw:
    """urllib3's answer, as far as botocore reads it."""

    def stream(self):
        yield ANSWER


def test_a_real_client_reads_times_by_our_parser(monkeypatch):
    """Guards the one call that installs it: without it an inventory is only slower, and nobody would notice."""
    read = []
    parse = ec2_accounts._time
    monkeypatch.setattr(ec2_accounts, "_time", lambda text: read.append(text) or parse(text))
    made = ec2_accounts.Sessions(WHO)
    client = made.client(made.own, "ec2", "eu-central-1")
    client.meta.events.register("before-send", lambda **_request: AWSResponse("", 200, {}, Raw()))
    (group,) = client.describe_instances()["Reservations"]
    assert str(group["Instances"][0]["LaunchTime"]) == "2026-11-24 17:00:00+00:00"
    assert read == ["2026-11-24T17:00:00.000Z"]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], [Account()]),
        ([{"profile": "p"}], [Account("p", profile="p")]),
        (
            [{"role_arn": "arn:aws:iam::123456789012:role/a/b", "external_id": "x"}, {"name": "own"}],
            [Account("123456789012", "", "arn:aws:iam::123456789012:role/a/b", "x"), Account("own")],
        ),
        ([{"role_arn": "arn:aws-cn:iam::123456789012:role/r", "name": "n"}], None),
    ],
)
def test_accounts(entries, expected):
    expected = expected or [Account("n", "", entries[0]["role_arn"])]
    assert ec2_accounts.accounts_of(entries) == expected


@pytest.mark.parametrize("entry", ["prod", None, ["a"]])
def test_an_account_is_a_dict(entry):
    with pytest.raises(InvalidInput, match="is no dict"):
        ec2_accounts.accounts_of([entry])

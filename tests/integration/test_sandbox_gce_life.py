"""The sandboxed Compute Engine takes its time: operations that are accepted first, and the states on the way."""

from __future__ import annotations

import typing as t

import pytest
from google.api_core import exceptions
from google.cloud import compute_v1 as gce

from tests.integration.gce_cloud import Cloud
from tests.sandbox.gce import Api, Delays


@pytest.fixture
def slow() -> t.Iterator[Cloud]:
    """A cloud that accepts after a second; wait returns before that."""
    api = Api(delays=Delays(accept=1.0, wait=0.2), check_answers=True)
    api.start()
    yield Cloud(api)
    api.stop()


@pytest.fixture
def seen(slow: Cloud, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every state that an instance gets, in order: a look now and then would miss some."""
    states: list[str] = []
    save = slow.api.world.save_instance

    def saved(record: dict[str, t.Any]) -> None:
        if states[-1:] != [record["resource"]["status"]]:
            states.append(record["resource"]["status"])
        save(record)

    monkeypatch.setattr(slow.api.world, "save_instance", saved)
    return states


def test_operations_are_accepted_first_and_wait_returns_early(slow: Cloud, seen: list[str]) -> None:
    operation = slow.insert("one")
    assert operation.status == gce.Operation.Status.PENDING
    with pytest.raises(exceptions.NotFound):
        slow.get("one")
    early = slow.operations.wait(project=slow.project, zone=slow.zone, operation=operation.name)
    assert early.status != gce.Operation.Status.DONE
    with pytest.raises(exceptions.Conflict):
        slow.insert("one")
    slow.done(operation)
    assert seen == ["PROVISIONING", "STAGING", "RUNNING"]
    assert slow.get("one").status == "RUNNING"


def test_the_states_on_the_way(slow: Cloud, seen: list[str]) -> None:
    slow.made("one", scheduling=gce.Scheduling(graceful_shutdown=gce.SchedulingGracefulShutdown(enabled=True)))
    where = {"project": slow.project, "zone": slow.zone, "instance": "one"}
    slow.done(slow.instances.stop_unary(**where))
    slow.done(slow.instances.start_unary(**where))
    slow.done(slow.instances.suspend_unary(**where))
    slow.done(slow.instances.resume_unary(**where))
    slow.done(slow.instances.delete_unary(**where))
    starting = ["PROVISIONING", "STAGING", "RUNNING"]
    stopping = ["PENDING_STOP", "STOPPING", "TERMINATED"]
    suspending = ["SUSPENDING", "SUSPENDED"]
    assert seen == [*starting, *stopping, *starting, *suspending, *starting, "STOPPING", "DEPROVISIONING"]


def test_a_flexible_start_is_pending_first(slow: Cloud, seen: list[str]) -> None:
    limit = gce.Duration(seconds=3600)
    flexible = gce.Scheduling(
        provisioning_model="FLEX_START", max_run_duration=limit, instance_termination_action="DELETE"
    )
    slow.made("one", scheduling=flexible)
    assert seen[-3:] == ["PENDING", "STAGING", "RUNNING"]


def test_a_verb_while_another_is_under_way_is_refused(slow: Cloud) -> None:
    slow.made("one")
    slow.instances.stop_unary(project=slow.project, zone=slow.zone, instance="one")
    path = f"zones/{slow.zone}/instances/one/start"
    assert slow.refused(path, "POST")[:2] == (400, "resourceNotReady")


def test_two_changes_of_one_fingerprint_do_not_both_win(slow: Cloud) -> None:
    old = slow.made("one").label_fingerprint
    where = {"project": slow.project, "zone": slow.zone, "instance": "one"}
    bodies = [gce.InstancesSetLabelsRequest(label_fingerprint=old, labels={"a": text}) for text in "12"]
    accepted = [slow.instances.set_labels_unary(**where, instances_set_labels_request_resource=body) for body in bodies]
    ended = [slow.done(operation) for operation in accepted]
    assert [operation.http_error_status_code for operation in ended] == [0, 412]
    assert slow.get("one").labels == {"a": "1"}

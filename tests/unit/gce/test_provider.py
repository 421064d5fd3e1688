"""Observe and apply over a small Compute Engine."""

from __future__ import annotations

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import (
    CloudError,
    Lost,
    NoCapacity,
    NotYet,
    Throttled,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.fleet import converge
from ansible_collections.devcontainer.cloud.plugins.module_utils.lifecycle import Step
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers import gce_view
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce import FILTER_NAMES
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_api import Api
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_launch import LONGEST_INVISIBLE, Launcher
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_operations import MOST_MERGES, Operations
from ansible_collections.devcontainer.cloud.plugins.module_utils.workspace import MANAGED_BY, Spec, identity
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.simulator import FakeClock
from tests.unit.gce.conftest import Time, make_instance, make_provider
from tests.unit.gce.fake import Session, refusal
from tests.unit.gce.test_launch import ZONES, spec

UNREACHABLE = {"code": "UNREACHABLE", "message": "down"}
EXHAUSTED = {"code": "ZONE_RESOURCE_POOL_EXHAUSTED", "message": "no room"}
CREATE = Step("create", labels=identity("demo"))


def at(zone, session, made):
    session.instances[zone, made["name"]] = made
    return gce_view.observed(made)


def test_one_look_for_many(instance, provider):
    session = Session()
    for number in range(3):
        at("europe-west3-a", session, instance(f"w{number}"))
    seen = provider(session).find([f"w{number}" for number in range(FILTER_NAMES)])
    assert len(session.calls) == 1 and [len(seen[f"w{n}"]) for n in range(4)] == [1, 1, 1, 0]
    provider(session).find([f"w{number}" for number in range(FILTER_NAMES + 1)])
    assert len(session.calls) == 3


def test_all_are_asked_for_by_one_label(instance, provider):
    session = Session()
    at("europe-west3-b", session, instance("b"))
    at("europe-west3-a", session, instance("a"))
    at("europe-west3-a", session, instance("theirs", ours=False))
    assert list(provider(session).find(None)) == ["a", "b"]
    assert session.calls[0].parameters["filter"] == f'labels.devcontainer-managed-by = "{codec.slug(MANAGED_BY)}"'


def test_another_region_is_another_place(instance, provider):
    session = Session()
    at("europe-west4-a", session, instance(zone="europe-west4-a"))
    session.warnings["europe-west4-b"] = UNREACHABLE
    assert provider(session).find(["demo"]) == {"demo": []}


def test_a_name_that_is_taken_shows_as_not_ours(instance, provider):
    session = Session()
    at("europe-west3-a", session, instance(ours=False))
    (machine,) = provider(session).find(["demo"])["demo"]
    assert not machine.ours


def test_a_name_that_another_workspace_has_taken_shows_as_not_its_own(instance, provider):
    session = Session()
    made = instance()
    made["labels"]["devcontainer-workspace"] = "other"
    at("europe-west3-a", session, made)
    seen = provider(session).find(["demo", "other"])
    assert [[m.ours for m in seen[name]] for name in ("demo", "other")] == [[False], [True]]
    assert list(provider(session).find(None)) == ["other"]


@pytest.mark.parametrize("state", ["running", "stopped", "absent"])
def test_nothing_is_made_or_called_absent_while_a_zone_cannot_be_seen(provider, state):
    session = Session()
    session.warnings["europe-west3-c"] = UNREACHABLE
    (outcome,) = converge(provider(session), [spec()], timeout=60, clock=FakeClock())
    assert isinstance(outcome.error, Throttled) and "europe-west3-c: down (UNREACHABLE)" in str(outcome.error)
    assert not outcome.changed and not session.paths()


def test_what_is_seen_is_worked_on_whatever_cannot_be_seen(instance, provider):
    session = Session()
    machine = at("europe-west3-a", session, instance())
    session.warnings["europe-west3-c"] = UNREACHABLE
    seen = provider(session).find(["demo", "other"])
    assert seen["demo"] == [machine] and isinstance(seen["other"], CloudError)


def test_the_next_zone_is_tried_once_the_operation_has_failed(provider):
    session = Session(early=2)
    session.failing["europe-west3-a/instances"] = EXHAUSTED
    provider(session).apply(CREATE, spec(), None)
    assert session.paths() == [f"zones/{zone}/instances" for zone in ZONES]
    calls = [call.path for call in session.calls]
    second = calls.index(f"zones/{ZONES[1]}/instances")
    assert [path.endswith("/wait") for path in calls[1:second]] == [True] * 3
    bodies = [call.body for call in session.calls if call.body]
    assert bodies[0]["metadata"] == bodies[1]["metadata"], "another host key in another zone"


def test_no_zone_has_room(provider):
    session = Session()
    session.failing = {f"{zone}/instances": EXHAUSTED for zone in ZONES}
    with pytest.raises(NoCapacity, match=r"europe-west3-a: .*europe-west3-b: "):
        provider(session).apply(CREATE, spec(), None)


@pytest.mark.parametrize(
    ("session", "options"),
    [
        (Session(*[refusal(503, "backendError")] * 4), {}),
        (Session(early=10**6), {"timeout": 30}),
    ],
)
def test_where_it_is_not_known_no_other_zone_is_tried(provider, session, options):
    with pytest.raises(Lost):
        provider(session, **options).apply(CREATE, spec(), None)
    assert set(session.paths()) == {f"zones/{ZONES[0]}/instances"}


def test_a_taken_name_that_does_not_show_is_waited_for_and_then_said():
    session, time = Session(*[refusal(409, "alreadyExists", "taken")] * 3), Time()
    launcher = Launcher(Operations(Api("p", session), 60), time.monotonic)
    for _try in range(2):
        with pytest.raises(NotYet, match="taken"):
            launcher.launch(spec(), CREATE)
    time.sleep(LONGEST_INVISIBLE + 1)
    with pytest.raises(CloudError, match="taken") as error:
        launcher.launch(spec(), CREATE)
    assert error.type is CloudError and set(session.paths()) == {f"zones/{ZONES[0]}/instances"}


def test_other_errors_try_no_other_zone(provider):
    session = Session()
    session.failing["instances"] = {"code": "QUOTA_EXCEEDED", "message": "CPUS"}
    with pytest.raises(CloudError, match="CPUS"):
        provider(session).apply(CREATE, spec(), None)
    assert len(session.paths()) == 1


@pytest.mark.parametrize(
    ("verb", "status", "http", "path"),
    [
        ("start", "TERMINATED", "POST", "instances/demo/start"),
        ("start", "SUSPENDED", "POST", "instances/demo/resume"),
        ("stop", "RUNNING", "POST", "instances/demo/stop"),
        ("suspend", "RUNNING", "POST", "instances/demo/suspend"),
        ("delete", "RUNNING", "DELETE", "instances/demo"),
    ],
)
def test_power(instance, provider, verb, status, http, path):
    for wait in (True, False):
        session = Session()
        machine = at("europe-west3-a", session, instance(status=status))
        provider(session, wait).apply(Step(verb), spec(), machine)
        assert (session.calls[0].verb, session.calls[0].path) == (http, f"zones/europe-west3-a/{path}")
        assert any(call.path.endswith("/wait") for call in session.calls) is wait
    session = Session()
    at("europe-west3-a", session, instance(status=status))
    session.failing["demo" if verb == "delete" else path] = {"code": "INVALID_USAGE", "message": "not today"}
    with pytest.raises(CloudError, match="not today"):
        provider(session).apply(Step(verb), spec(), machine)


def test_deleting_what_is_gone_is_done(instance, provider):
    provider(Session(refusal(404, "notFound"))).apply(Step("delete"), spec(), gce_view.observed(instance()))


def test_a_zone_without_room_says_what_binds_the_machine(instance, provider):
    session = Session()
    machine = at("europe-west3-a", session, instance(status="TERMINATED"))
    session.failing["start"] = EXHAUSTED
    with pytest.raises(NoCapacity, match="disk binds it to europe-west3-a"):
        provider(session).apply(Step("start"), spec(), machine)


@pytest.mark.parametrize(
    ("settings", "path", "body"),
    [
        (
            {"machine_type": "n2-standard-8"},
            "instances/demo/setMachineType",
            {"machineType": "zones/europe-west3-a/machineTypes/n2-standard-8"},
        ),
        (
            {"vm_service_account": "a@b", "vm_scopes": ["s"]},
            "instances/demo/setServiceAccount",
            {"email": "a@b", "scopes": ["s"]},
        ),
        (
            {"shielded": True},
            "instances/demo/updateShieldedInstanceConfig",
            {"enableSecureBoot": True, "enableVtpm": True, "enableIntegrityMonitoring": True},
        ),
        ({"network_tags": ["dev"]}, "instances/demo/setTags", {"items": ["dev"], "fingerprint": "t1"}),
        ({"disk_size": 50}, "disks/demo/resize", {"sizeGb": "50"}),
    ],
)
def test_modify(instance, provider, settings, path, body):
    session = Session()
    machine = at("europe-west3-a", session, instance())
    provider(session).apply(Step("modify", settings=settings), spec(**settings), machine)
    (call,) = [c for c in session.calls if c.body]
    assert call.path == f"zones/europe-west3-a/{path}" and call.body == body
    assert call.verb == ("PATCH" if "shielded" in settings else "POST")


def test_a_lifetime_keeps_the_rest_of_the_scheduling(instance, provider):
    session = Session()
    machine = at("europe-west3-a", session, instance(scheduling={"provisioningModel": "SPOT", "preemptible": True}))
    provider(session).apply(Step("modify", settings={"max_run_duration": 60}), spec(), machine)
    (call,) = [c for c in session.calls if c.body]
    assert call.body["provisioningModel"] == "SPOT" and call.body["maxRunDuration"] == {"seconds": "60"}
    assert call.body["instanceTerminationAction"] == "STOP"


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"])),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"])),
    st.sets(st.sampled_from(["c", "d"])),
    st.integers(0, MOST_MERGES - 1),
)
def test_whoever_writes_at_the_same_time_nobodys_keys_are_lost(theirs, ours, gone, others):
    """Others write their own key between our look and our write, again and again."""
    made = make_instance()
    session = Session()
    made["labels"] = {**theirs, "d": "9"}
    machine = at("europe-west3-a", session, made)
    left = [others]

    def write_first():
        if left[0]:
            left[0] -= 1
            made["labels"] = {**made["labels"], f"other-{left[0]}": "x"}
            made["labelFingerprint"] += "!"

    session.before_write = write_first
    step = Step("tag", tags=ours, remove_tags=tuple(gone - set(ours)))
    make_provider(session).apply(step, Spec("demo"), machine)
    expected = {k: v for k, v in {**theirs, "d": "9", **ours}.items() if k not in gone - set(ours)}
    written = {f"other-{number}": "x" for number in range(left[0], others)}
    assert made["labels"] == {**expected, **written}


def test_metadata_is_merged_before_labels_and_keeps_what_is_not_ours(instance, provider):
    session = Session()
    made = instance()
    machine = at("europe-west3-a", session, made)
    stale = [True]

    def once():
        if stale.pop() if stale else False:
            made["metadata"]["fingerprint"] = "m2"

    session.before_write = once
    step = Step("tag", labels={"owner": "Bob B.", "idle-limit": "30m"}, remove_labels=("user",))
    provider(session).apply(step, Spec("demo"), machine)
    assert [path.rpartition("/")[2] for path in session.paths()] == ["setMetadata", "setMetadata", "setLabels"]
    items = {item["key"]: item["value"] for item in made["metadata"]["items"]}
    assert items["serial-port-enable"] == "TRUE" and items["devcontainer-owner"] == "Bob B."
    assert "devcontainer-user" not in items and "devcontainer-user" not in made["labels"]
    assert made["labels"]["cost-center"] == "42" and made["labels"]["goog-ops-agent"] == "on"
    again = gce_view.observed(made).labels
    assert again["owner"] == "Bob B." and again["idle-limit"] == "30m" and "user" not in again


def test_what_is_there_already_is_not_written(instance, provider):
    session = Session()
    machine = at("europe-west3-a", session, instance())
    provider(session).apply(Step("tag", tags={"cost-center": "42"}), Spec("demo"), machine)
    assert not session.paths()


def test_endless_competition_is_said(instance, provider):
    session = Session()
    made = instance()
    machine = at("europe-west3-a", session, made)
    session.before_write = lambda: made.update(labelFingerprint=made["labelFingerprint"] + "!")
    with pytest.raises(Throttled, match="somebody else"):
        provider(session).apply(Step("tag", tags={"x": "y"}), Spec("demo"), machine)
    assert len(session.paths()) == MOST_MERGES


def test_os_login_is_metadata(instance, provider):
    session = Session()
    made = instance()
    machine = at("europe-west3-a", session, made)
    step = Step("modify", settings={"os_login": True, "project_ssh_keys": False})
    provider(session).apply(step, spec(), machine)
    seen = gce_view.observed(made).settings
    assert seen["os_login"] and not seen["project_ssh_keys"]
    assert gce_view.metadata_of(made)["serial-port-enable"] == "TRUE"

"""Calls, their retries and their request ids; operations until they are done."""

from __future__ import annotations

import uuid

import pytest
import requests.exceptions as http
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import CloudError, Denied, Lost, Throttled
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_api import TRIES, Api
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers.gce_operations import Operations

from tests.unit.gce.conftest import Time
from tests.unit.gce.fake import Answer, Session, refusal

LOST = http.ReadTimeout("no answer")
BUSY = refusal(403, "rateLimitExceeded")


def api(session):
    return Api("p", session, sleep=lambda _seconds: None)


def ids(session):
    return [call.parameters["requestId"] for call in session.calls]


def test_every_change_has_its_own_request_id():
    session = Session()
    for _number in range(2):
        api(session).change("x", "POST", "zones/z/instances")
    one, other = ids(session)
    assert one != other and uuid.UUID(one).int and uuid.UUID(other).int


@pytest.mark.parametrize("trouble", [[LOST], [BUSY], [LOST, BUSY], [refusal(503, "backendError")] * 3])
def test_a_retry_is_the_same_call_again(trouble):
    session = Session(*trouble)
    assert api(session).change("x", "POST", "zones/z/instances", {"name": "demo"})["name"] == "operation-1"
    assert len(session.calls) == len(trouble) + 1 and len(set(ids(session))) == 1
    assert all(call.body == {"name": "demo"} for call in session.calls)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        ([BUSY] * TRIES, Throttled),
        ([LOST] * TRIES, Lost),
        ([LOST, BUSY, BUSY, BUSY], Lost),
        ([LOST, refusal(409, "alreadyExists")], Lost),
        ([refusal(409, "alreadyExists")], CloudError),
        ([refusal(403, "forbidden")], Denied),
        ([refusal(403, "quotaExceeded")], CloudError),
    ],
)
def test_what_a_change_ends_with(trouble, kind):
    session = Session(*trouble)
    with pytest.raises(CloudError) as error:
        api(session).change("x", "POST", "zones/z/instances")
    assert error.type is kind and len(session.calls) == len(trouble)


def test_a_read_that_gets_no_answer_is_only_throttled():
    with pytest.raises(Throttled):
        api(Session(*[LOST] * TRIES)).instance("z", "demo")


def test_lists_are_paged_and_warnings_kept():
    unreachable = {"code": "UNREACHABLE", "message": "down"}
    session = Session(
        Answer(200, {"items": {"zones/r-a": {"instances": [{"name": "1"}]}}, "nextPageToken": "more"}),
        Answer(200, {"items": {"zones/r-a": {"instances": [{"name": "2"}]}, "zones/r-b": {"warning": unreachable}}}),
    )
    found, blind = api(session).instances("x = 1")
    assert [i["name"] for i in found["r-a"]] == ["1", "2"] and blind == {"r-b": "down (UNREACHABLE)"}
    first, second = (call.parameters for call in session.calls)
    assert first["returnPartialSuccess"] == "true" and first["filter"] == second["filter"] == "x = 1"
    assert "pageToken" not in first and second["pageToken"] == "more"


def test_a_list_of_unreachables_counts_too():
    session = Session(Answer(200, {"unreachables": ["projects/p/zones/r-c"]}))
    assert set(api(session).instances("")[1]) == {"r-c"}


@pytest.mark.parametrize(
    ("code", "blind"), [("UNREACHABLE", {""}), ("SOMETHING_NEW", {""}), ("DEPRECATED_RESOURCE_USED", set())]
)
def test_a_warning_about_the_whole_list_counts_unless_it_leaves_nothing_out(code, blind):
    assert set(api(Session(Answer(200, {"warning": {"code": code}}))).instances("")[1]) == blind


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (None, "https://compute.googleapis.com/compute/v1/projects/p/"),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1/compute/v1/projects/p/"),
        ("compute.example", "https://compute.example/compute/v1/projects/p/"),
    ],
)
def test_endpoints(endpoint, url):
    asked = []

    class Listening(Session):
        def request(self, verb, url, **more):
            asked.append(url)
            return Answer(200, {})

    Api("p", Listening(), endpoint).instance("z", "demo")
    assert asked == [f"{url}zones/z/instances/demo"]


def operations(session, timeout=60.0):
    time = Time()
    return Operations(Api("p", session, sleep=time.sleep), timeout, time.monotonic, time.sleep)


@pytest.mark.parametrize("early", [0, 1, 5])
def test_an_operation_is_awaited_however_early_the_wait_returns(early):
    session = Session(early=early)
    operations(session).run("x", "z", "instances/demo/stop")
    assert [c.path for c in session.calls][1:] == ["zones/z/operations/operation-1/wait"] * (early + 1)


def test_an_error_of_an_operation_is_raised():
    session = Session()
    session.failing["stop"] = {"code": "INVALID_USAGE", "message": "not today"}
    with pytest.raises(CloudError, match="x: not today"):
        operations(session).run("x", "z", "instances/demo/stop")


def test_a_wait_without_an_answer_is_asked_again():
    session = Session(None, LOST, BUSY, http.ConnectTimeout("far"))
    operations(session).run("x", "z", "instances/demo/stop")
    assert len(session.calls) == 6


@pytest.mark.parametrize("trouble", [[], [None, refusal(404, "notFound")]])
def test_an_operation_of_unknown_end_is_lost(trouble):
    session = Session(*trouble, early=10**6)
    with pytest.raises(Lost, match="x: accepted"):
        operations(session).run("x", "z", "instances/demo/stop")


def test_begin_does_not_wait():
    session = Session()
    operations(session).begin("x", "z", "instances/demo", "DELETE")
    (call,) = session.calls
    assert (call.verb, call.path) == ("DELETE", "zones/z/instances/demo")

"""Projects are asked side by side, by one masked and filtered question; one that fails hides nothing."""

from __future__ import annotations

import pytest
from ansible_collections.devcontainer.cloud.plugins.module_utils import codec
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import Denied, InvalidInput
from ansible_collections.devcontainer.cloud.plugins.plugin_utils import cache, gce_sources
from ansible_collections.devcontainer.cloud.plugins.plugin_utils.gce_sources import Question, question_of

from tests.sandbox.gce import document, masks
from tests.sandbox.gce.filters import compile_filter
from tests.unit.inventory.gce_project import ZONE_A, ZONE_B, Projects, instance, page

WHO = {
    "auth_kind": "accesstoken",
    "access_token": "ya29.test",
    "scopes": None,
    "impersonate_service_account": None,
    "api_endpoint": "http://127.0.0.1:9",
}
MANAGED = codec.slug("devcontainer.cloud")
RUNNING = question_of(["RUNNING"], [], include_unmanaged=False)
EVERYTHING = question_of(["RUNNING"], [], include_unmanaged=True)


@pytest.fixture
def gather(monkeypatch):
    """gather() over these projects' answers."""

    def run(session, projects, question=EVERYTHING):
        monkeypatch.setattr(gce_sources, "connect", lambda credentials, connections: session)
        return gce_sources.gather(WHO, projects, question)

    return run


@pytest.mark.parametrize(
    ("question", "expression"),
    [
        (RUNNING, f'(labels.devcontainer-managed-by = "{MANAGED}") AND (status = "RUNNING")'),
        (EVERYTHING, '(status = "RUNNING")'),
        (
            question_of(
                ["RUNNING", "TERMINATED"], ['labels.env = prod OR name = "w*"'], True, ["europe-west3"], [ZONE_B]
            ),
            '(status = "RUNNING" OR status = "TERMINATED") AND '
            '(zone : "*/zones/europe-west3-*" OR zone : "europe-west3-*" OR zone : "*/zones/us-central1-b" OR '
            'zone : "us-central1-b") AND '
            '(labels.env = prod OR name = "w*")',
        ),
    ],
)
def test_the_question(question, expression):
    assert question.expression == expression


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        (RUNNING, [1, 2]),
        (EVERYTHING, [1, 2, 3, 4]),
        (question_of(["RUNNING"], [], True, ["europe-west3"]), [1, 3]),
        (question_of(["RUNNING"], [], True, ["europe-west3"], [ZONE_B]), [1, 2, 3, 4]),
        (question_of(["RUNNING"], [], True, [], [ZONE_B]), [2, 4]),
        (question_of(["RUNNING"], ['name = "w*" OR labels.env : *'], True, [], [ZONE_B]), [4]),
        (question_of(["STOPPED"], [], True), []),
    ],
)
def test_the_service_selects(question, numbers):
    """By the sandbox's reading of the expression, whatever we would leave out ourselves."""
    rows = [
        instance(1, "api-ada"),
        instance(2, "api-bob", zone=ZONE_B),
        instance(3, name="db"),
        instance(4, name="web", zone=ZONE_B),
    ]
    matches = compile_filter(question.expression, document.load(), "Instance")
    assert [int(row["id"]) - 4500 for row in rows if matches(row)] == numbers


@pytest.mark.parametrize(
    ("regions", "zones", "scope", "concerns"),
    [
        ([], [], ZONE_A, True),
        ([], [], "", True),
        (["europe-west3"], [], "", True),
        (["europe-west3"], [], ZONE_A, True),
        (["europe-west3"], [], "europe-west3", True),
        (["europe-west3"], [], "europe-west33-a", False),
        (["europe-west3"], [], ZONE_B, False),
        ([], [ZONE_B], ZONE_B, True),
        ([], [ZONE_B], ZONE_A, False),
    ],
)
def test_what_is_not_asked_for_is_no_concern(regions, zones, scope, concerns):
    assert Question(["RUNNING"], [], False, regions, zones).concerns(scope) is concerns


def test_the_mask_is_one_that_the_service_takes():
    found = document.load()
    masks.check(masks.parse(gce_sources.FIELDS), found, {"$ref": "InstanceAggregatedList"}, gce_sources.FIELDS)


def test_the_mask_leaves_all_that_a_record_needs():
    """A record of the whole instance is the same as one of what the mask leaves."""
    mask = masks.parse(gce_sources.FIELDS)
    full = {
        **instance(1, "api-ada", cost="42"),
        "tags": {"items": ["web"]},
        "creationTimestamp": "2026-11-23T17:00:00.000-08:00",
        "networkInterfaces": [{"networkIP": "10.0.0.1", "accessConfigs": [{"natIP": "203.0.113.1", "type": "X"}]}],
        "disks": [{"boot": True, "diskSizeGb": "30"}],
    }
    (left,) = masks.apply(mask, page(full))["items"][f"zones/{ZONE_A}"]["instances"]
    assert "disks" not in left
    records = [cache.to_cache([gce_sources._found("p-one", ZONE_A, one)]) for one in (full, left)]
    assert records[0] == records[1]
    assert records[0]["machines"][0]["info"]["public_address"] == "203.0.113.1"


def test_every_page_of_one_question(gather):
    session = Projects(p_one=[page(instance(1, "a"), instance(2, "b", zone=ZONE_B)), page(instance(3, "c"))])
    answer = gather(session, ["p-one"])
    assert [(f.machine.id, f.title, f.account, f.region) for f in answer.machines] == [
        ("4501", "a", "p-one", "europe-west3"),
        ("4502", "b", "p-one", "us-central1"),
        ("4503", "c", "p-one", "europe-west3"),
    ]
    asked = {
        "filter": EVERYTHING.expression,
        "maxResults": 500,
        "returnPartialSuccess": "true",
        "fields": gce_sources.FIELDS,
    }
    assert session.asked == [("p-one", asked), ("p-one", {**asked, "pageToken": "1"})]
    assert (answer.failures, answer.answered) == ([], 1)


def test_a_forbidden_project_leaves_the_others_and_says_so(gather):
    answer = gather(Projects(p_one=[page(instance(1, "a"))], p_two=[page(instance(2, "b"))]), ["p-one", "x", "p-two"])
    assert [found.machine.id for found in answer.machines] == ["4501", "4502"]
    assert answer.answered == 2
    (failure,) = answer.failures
    assert str(failure) == (
        "project x: list the machines: Required permission for 'x' (forbidden); "
        "grant roles/compute.viewer there, or leave it out of projects"
    )
    assert isinstance(failure.error, Denied)


def test_an_unreachable_zone_leaves_the_others_and_says_so(gather):
    unreachable = {ZONE_B.replace("-", "_"): "UNREACHABLE", "asia_east1_a": "NO_RESULTS_ON_PAGE"}
    session = Projects(p_one=[page(instance(1, "a"), **unreachable)])
    answer = gather(session, ["p-one"])
    assert [found.machine.id for found in answer.machines] == ["4501"]
    assert list(map(str, answer.failures)) == [
        f"project p-one, {ZONE_B}: it cannot be looked at now: it sleeps. (UNREACHABLE)"
    ]
    # nobody asked for that zone
    assert gather(session, ["p-one"], question_of(["RUNNING"], [], True, ["europe-west3"])).failures == []


def test_what_the_service_does_not_name_is_said_too(gather):
    session = Projects(p_one=[{"items": {}, "warning": {"code": "PARTIAL_SUCCESS", "message": "Some."}}])
    (failure,) = gather(session, ["p-one"], question_of(["RUNNING"], [], True, ["europe-west3"])).failures
    assert str(failure).startswith("project p-one, a part that it does not name: ")


def test_two_words_for_one_project_show_a_machine_once(gather):
    answer = gather(Projects(p_one=[page(instance(1, "a"))], **{"123": [page(instance(1, "a"))]}), ["p-one", "123"])
    assert [(found.machine.id, found.account) for found in answer.machines] == [("4501", "p-one")]


def test_what_only_looks_like_a_workspace_is_listed_on_demand(gather):
    """By its label it is selected, and it names no workspace."""
    odd = instance(1, "a")
    del odd["labels"]["devcontainer-workspace"]
    session = Projects(p_one=[page(odd)])
    assert gather(session, ["p-one"], RUNNING).machines == []
    (found,) = gather(session, ["p-one"], EVERYTHING).machines
    assert found.variables()["gce"]["tags"] == odd["labels"]


def test_one_token_for_all_threads(monkeypatch):
    class Credentials:
        valid = False
        refreshed = 0

        def refresh(self, _request):
            self.refreshed += 1

    mine = Credentials()
    monkeypatch.setattr(gce_sources, "credentials", lambda who: (mine, "p-one"))
    monkeypatch.setattr(gce_sources, "connect", lambda found, connections: Projects(p_one=[page()]))
    assert gce_sources.gather(WHO, [], EVERYTHING).answered == 1
    assert mine.refreshed == 1


@pytest.mark.parametrize(
    ("projects", "project", "expected"),
    [
        ([], "", []),
        ([], "p-one", ["p-one"]),
        (["p-two", "p-two", 123456], "p-one", ["p-two", "123456"]),
        (["example.com:old-1"], "", ["example.com:old-1"]),
    ],
)
def test_projects(projects, project, expected):
    assert gce_sources.projects_of(projects, project) == expected


@pytest.mark.parametrize("one", ["a b", "A", "x/y", "", None, ["a"], "-x", "p;id"])
def test_what_is_no_project(one):
    with pytest.raises(InvalidInput, match=r"^projects: .* is no project's id"):
        gce_sources.projects_of([one], "")


def test_whose_key_tells_nothing_secret():
    key = '{"client_email": "a@b", "private_key_id": "k1", "private_key": "BEGIN PRIVATE"}'
    assert gce_sources.whose_key(key) == ["a@b", "k1", ""]
    assert gce_sources.whose_key("no key") == gce_sources.whose_key(None) == gce_sources.whose_key("[]") == []

"""What the sandboxed Compute Engine refuses, cuts and filters, by raw requests and Google's client."""

from __future__ import annotations

import json
import typing as t

import pytest
import requests
from google.api_core import exceptions
from google.cloud import compute_v1 as gce

from tests.integration.gce_cloud import Cloud
from tests.sandbox.gce import Api, Delays, document


@pytest.fixture(scope="module")
def cloud() -> t.Iterator[Cloud]:
    """Three instances in two zones; the tests of this module only look, or are refused."""
    api = Api(delays=Delays(wait=1.0), projects=("alpha-1", "beta-2"), check_answers=True)
    api.start()
    made = Cloud(api)
    other = made.seed["zones"][1]
    made.made("web-1", labels={"tier": "web", "owner": "ada"})
    made.made("web-2", labels={"tier": "web"}, can_ip_forward=True)
    made.made("db-1", other, labels={"tier": "db"})
    made.control("status", zone=made.zone, instance="web-2", status="TERMINATED")
    yield made
    api.stop()


def _body(cloud: Cloud, **more: t.Any) -> dict[str, t.Any]:
    text = gce.Instance.to_json(
        cloud.instance("new"), always_print_fields_with_no_presence=False, use_integers_for_enums=False
    )
    return {**json.loads(text), **more}


@pytest.mark.parametrize(
    ("change", "reason", "text"),
    [
        ({"nmae": "x"}, "invalid", "Unknown name \"nmae\" at 'resource'"),
        ({"disks": [{"boot": True, "modus": "x"}]}, "invalid", "Unknown name \"modus\" at 'resource.disks[0]'"),
        ({"name": "Big"}, "invalid", "Must be a match of regex"),
        ({"canIpForward": "yes"}, "invalid", "Invalid value at 'resource.canIpForward'"),
        ({"disks": [{"boot": True, "mode": "READ"}]}, "invalid", "Must be one of READ_ONLY, READ_WRITE"),
        ({"disks": [{"boot": True, "diskSizeGb": "ten"}]}, "invalid", "is not an integer (int64)"),
        ({"labelFingerprint": "!"}, "invalid", "Must be base64"),
        ({"metadata": {"items": [{"key": "a"}]}}, "required", "resource.metadata.items[0].value"),
        ({"machineType": "e2-standard-4"}, "invalid", "The URL is malformed"),
        ({"machineType": "zones/europe-west3-a/machineTypes/e9-huge-1"}, "invalid", "does not exist"),
        ({"machineType": "zones/europe-west3-b/machineTypes/e2-small"}, "invalid", "must be in zone"),
        ({"disks": []}, "invalid", "No disks"),
        ({"networkInterfaces": []}, "invalid", "At least one network interface"),
        ({"networkInterfaces": [{"network": "global/networks/workspaces"}]}, "invalid", "Subnetwork should be"),
        ({"serviceAccounts": [{"email": "x@y.iam.gserviceaccount.com", "scopes": []}]}, "invalid", "not found"),
        ({"serviceAccounts": [{"email": "default", "scopes": ["cloud-platform"]}]}, "invalid", "It is no scope"),
        ({"confidentialInstanceConfig": {"enableConfidentialCompute": True}}, "invalid", "does not support SEV"),
        ({"tags": {"items": ["Web"]}}, "invalid", "resource.tags.items[0]"),
    ],
)
def test_a_body_is_checked(cloud: Cloud, change: dict[str, t.Any], reason: str, text: str) -> None:
    code, found, message = cloud.refused(f"zones/{cloud.zone}/instances", "POST", json=_body(cloud, **change))
    assert (code, found) == (400, reason)
    assert text in message


def test_a_body_without_a_name_or_that_is_no_json(cloud: Cloud) -> None:
    body = _body(cloud)
    del body["name"]
    path = f"zones/{cloud.zone}/instances"
    assert cloud.refused(path, "POST", json=body) == (400, "required", "Required field 'resource.name' not specified")
    url = f"{cloud.api.endpoint}/compute/v1/projects/{cloud.project}/{path}"
    assert cloud.session.post(url, data="{").json()["error"]["errors"][0]["reason"] == "parseError"


def test_images_and_disks_that_cannot_be(cloud: Cloud) -> None:
    def params(**more: t.Any) -> dict[str, t.Any]:
        image = cloud.seed["image_families"]["debian-12"]
        return _body(cloud, disks=[{"boot": True, "initializeParams": {"sourceImage": image, **more}}])

    path = f"zones/{cloud.zone}/instances"
    missing = params(sourceImage="projects/debian-cloud/global/images/family/debian-1")
    assert cloud.refused(path, "POST", json=missing)[:2] == (404, "notFound")
    assert "smaller than the image" in cloud.refused(path, "POST", json=params(diskSizeGb="5"))[2]
    assert "disk type" in cloud.refused(path, "POST", json=params(diskType=f"zones/{cloud.zone}/diskTypes/x"))[2]
    keyed = params()
    keyed["disks"][0]["diskEncryptionKey"] = {"kmsKeyName": "my-key"}
    assert "malformed" in cloud.refused(path, "POST", json=keyed)[2]


def test_output_only_fields_are_ignored_and_counted(cloud: Cloud) -> None:
    cloud.control("calls", "DELETE")
    path = f"zones/{cloud.zone}/instances/web-1/setScheduling"
    body = {**_body(cloud, id="7", status="SUSPENDED"), "machineType": "x"}
    assert cloud.refused(f"zones/{cloud.zone}/instances", "POST", json=body)[0] == 400
    assert cloud.refused(path, "POST", json={"kind": "x"})[0] == 400
    # refused ones count nothing: the body was never taken
    assert cloud.control("calls", "GET")["calls"] == {"instances.insert": 1}
    assert cloud.control("calls", "GET")["ignored"] == {"resource.id": 1, "resource.status": 1}


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"maxResult": "5"}, "invalid"),
        ({"maxResults": "many"}, "invalidParameter"),
        ({"maxResults": "501"}, "invalidParameter"),
        ({"returnPartialSuccess": "yes"}, "invalidParameter"),
        ({"pageToken": "abc"}, "invalid"),
        ({"orderBy": "status"}, "invalid"),
        ({"alt": "xml"}, "invalidParameter"),
        ({"requestId": "x"}, "invalid"),
    ],
)
def test_query_parameters_are_checked(cloud: Cloud, query: dict[str, str], reason: str) -> None:
    assert cloud.refused(f"zones/{cloud.zone}/instances", **query)[:2] == (400, reason)


def test_paths_are_checked(cloud: Cloud) -> None:
    assert cloud.refused("zones/Mars/instances")[:2] == (400, "invalidParameter")
    assert cloud.refused("zones/mars-north1-a/instances")[:2] == (400, "invalid")
    assert cloud.refused(f"zones/{cloud.zone}/instances/none")[:2] == (404, "notFound")
    assert cloud.refused(f"zones/{cloud.zone}/instances/web-1/fly", "POST")[:2] == (404, "notFound")
    assert cloud.refused("global/firewalls")[:2] == (501, "notImplemented")


def test_every_method_of_the_document_answers_json(cloud: Cloud) -> None:
    """Whatever is not built says so; nothing answers HTML or a 500."""
    known = 0
    for method in document.load().methods.values():
        path = method.path.pattern.replace("\\", "")
        for name in method.parameters:
            value = {"project": cloud.project, "zone": cloud.zone, "region": "europe-west3"}.get(name, "some-1")
            path = path.replace(f"(?P<{name}>[^/]+)", value)
        if method.verb != "GET":
            continue
        answer = cloud.session.request(method.verb, f"{cloud.api.endpoint}/compute/v1/{path}")
        assert answer.headers["Content-Type"].startswith("application/json"), method.id
        assert answer.status_code in (200, 400, 403, 404, 501), (method.id, answer.text)
        known += answer.status_code == 200
    assert known >= 8


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("labels.tier=web", ["web-1", "web-2"]),
        ("labels.tier=web AND status=RUNNING", ["web-1"]),
        ("(labels.tier = web) (status != RUNNING)", ["web-2"]),
        ("labels.owner:*", ["web-1"]),
        ("-labels.owner:*", ["db-1", "web-2"]),
        ("NOT labels.tier=web", ["db-1"]),
        ("name=web-*", ["web-1", "web-2"]),
        ('name="web-1" OR name="db-1" AND status=RUNNING', ["db-1", "web-1"]),
        ("canIpForward=true", ["web-2"]),
        ("zone:europe-west3-b", ["db-1"]),
        ("disks.diskSizeGb>10", ["db-1", "web-1", "web-2"]),
        ("disks.diskSizeGb>20", []),
        ("name eq web-.*", ["web-1", "web-2"]),
        ("name ne 'web-.*'", ["db-1"]),
        ('(labels.tier eq web) (status eq "RUN.*")', ["web-1"]),
        ("labels.tier eq we", []),
    ],
)
def test_the_two_filter_languages(cloud: Cloud, text: str, names: list[str]) -> None:
    request = gce.AggregatedListInstancesRequest(project=cloud.project, filter=text)
    found = [i.name for _zone, scope in cloud.instances.aggregated_list(request=request) for i in scope.instances]
    assert sorted(found) == names


@pytest.mark.parametrize(
    "text",
    [
        "name eq web-.* AND status=RUNNING",
        "(name eq web-.*) (status = RUNNING)",
        "(name eq web-.*) OR (status eq RUNNING)",
        "labels.tier=web AND",
        "labels.tier",
        "(status=RUNNING",
        "colour=red",
        "labels.tier == web",
        "name eq '('",
        "name eq '(?!web).*'",
    ],
)
def test_filters_that_are_none(cloud: Cloud, text: str) -> None:
    code, reason, message = cloud.refused("aggregated/instances", filter=text)
    assert (code, reason) == (400, "invalid")
    assert "Invalid list filter expression" in message


def test_pages(cloud: Cloud) -> None:
    request = gce.AggregatedListInstancesRequest(project=cloud.project, max_results=2)
    pages = list(cloud.instances.aggregated_list(request=request).pages)
    names = [[i.name for scope in page.items.values() for i in scope.instances] for page in pages]
    assert sorted(map(sorted, names)) == [["db-1"], ["web-1", "web-2"]]
    for page in pages:
        empty = [scope for scope in page.items.values() if not scope.instances]
        assert {scope.warning.code for scope in empty} == {"NO_RESULTS_ON_PAGE"}
    token = cloud.raw("aggregated/instances", maxResults=1).json()["nextPageToken"]
    assert cloud.refused("aggregated/instances", pageToken=token, filter="name=x")[:2] == (400, "invalid")
    listed = gce.ListInstancesRequest(project=cloud.project, zone=cloud.zone, max_results=1)
    assert [i.name for i in cloud.instances.list(request=listed)] == ["web-1", "web-2"]


def test_field_masks(cloud: Cloud) -> None:
    def masked(fields: str) -> t.Any:
        return cloud.raw("aggregated/instances", fields=fields).json()

    found = masked("items/*/instances(name,labels/tier),nextPageToken")
    assert found["items"] == {
        f"zones/{cloud.seed['zones'][0]}": {
            "instances": [{"name": "web-1", "labels": {"tier": "web"}}, {"name": "web-2", "labels": {"tier": "web"}}]
        },
        f"zones/{cloud.seed['zones'][1]}": {"instances": [{"name": "db-1", "labels": {"tier": "db"}}]},
    }
    assert set(found) == {"items"}
    warned = masked("items/*(instances/name,warning/code)")
    assert {"warning": {"code": "NO_RESULTS_ON_PAGE"}} in warned["items"].values()
    addresses = masked("items/*/instances/networkInterfaces/networkIP")["items"]
    assert all(set(i["networkInterfaces"][0]) == {"networkIP"} for s in addresses.values() for i in s["instances"])
    assert masked("*")["kind"] == "compute#instanceAggregatedList"
    one = cloud.raw(f"zones/{cloud.zone}/instances/web-1", fields="name,scheduling(preemptible)").json()
    assert one == {"name": "web-1", "scheduling": {"preemptible": False}}
    for bad in ("nom", "items/*/instances(name", "items/*/instances(nom)", "name,,status", "items//x", ""):
        if bad:
            assert cloud.refused("aggregated/instances", fields=bad)[:2] == (400, "invalidParameter")


def test_who_asks(cloud: Cloud) -> None:
    url = f"{cloud.api.endpoint}/compute/v1/projects/{cloud.project}/zones"
    for header in ({}, {"Authorization": "Bearer ya29.x.y"}, {"Authorization": "Bearer a.b.c"}):
        answer = requests.get(url, headers=header, timeout=60)
        assert answer.status_code == 401
        assert answer.json()["error"]["status"] == "UNAUTHENTICATED"
    narrow = cloud.api.auth.issue("https://www.googleapis.com/auth/compute.readonly")["access_token"]
    header = {"Authorization": f"Bearer {narrow}"}
    assert requests.get(url, headers=header, timeout=60).status_code == 200
    refused = requests.delete(f"{url}/{cloud.zone}/instances/web-1", headers=header, timeout=60)
    assert refused.json()["error"]["errors"][0]["reason"] == "insufficientPermissions"
    with pytest.raises(exceptions.Forbidden, match="permission for 'projects/gamma-3'"):
        list(cloud.instances.list(project="gamma-3", zone=cloud.zone))
    assert list(cloud.instances.list(project="beta-2", zone=cloud.zone)) == []

"""Bad days of the sandboxed Compute Engine: faults on request, a killed process, and who may read metadata."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import typing as t
import uuid
from pathlib import Path

import pytest
import requests
from google.api_core import exceptions
from google.cloud import compute_v1 as gce

from tests.integration.gce_cloud import Cloud
from tests.sandbox.gce import Api, Delays

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cloud() -> t.Iterator[Cloud]:
    """Two projects; nothing takes time."""
    api = Api(delays=Delays(wait=1.0, poll=0.05), projects=("alpha-1", "beta-2"), check_answers=True)
    api.start()
    yield Cloud(api)
    api.stop()


def test_a_zone_without_room_says_so_after_acceptance(cloud: Cloud) -> None:
    first, second = cloud.seed["zones"][:2]
    cloud.control(
        "faults", method="instances.insert", zone=first, code="ZONE_RESOURCE_POOL_EXHAUSTED", in_operation=True
    )
    ended = cloud.done(cloud.insert("one", first))
    assert [error.code for error in ended.error.errors] == ["ZONE_RESOURCE_POOL_EXHAUSTED"]
    assert (ended.http_error_status_code, ended.http_error_message) == (503, "SERVICE UNAVAILABLE")
    assert first in ended.error.errors[0].message
    with pytest.raises(exceptions.NotFound):
        cloud.get("one", first)
    assert not list(cloud.disks.list(project=cloud.project, zone=first))
    assert cloud.made("one", second).status == "RUNNING"
    assert cloud.made("one", first).status == "RUNNING"


@pytest.mark.parametrize(
    ("reason", "code", "domain"),
    [
        ("rateLimitExceeded", 403, "usageLimits"),
        ("quotaExceeded", 403, "usageLimits"),
        ("forbidden", 403, "global"),
        ("conditionNotMet", 412, "global"),
        ("backendError", 503, "global"),
    ],
)
def test_errors_on_request(cloud: Cloud, reason: str, code: int, domain: str) -> None:
    cloud.control("faults", method="instances.list", reason=reason, times=2)
    path = f"zones/{cloud.zone}/instances"
    for _time in range(2):
        answer = cloud.session.get(f"{cloud.api.endpoint}/compute/v1/projects/{cloud.project}/{path}")
        error = answer.json()["error"]
        assert (answer.status_code, error["errors"][0]["reason"], error["errors"][0]["domain"]) == (
            code,
            reason,
            domain,
        )
    assert cloud.raw(path).status_code == 200


def test_one_project_of_two_is_forbidden(cloud: Cloud) -> None:
    cloud.control("faults", method="*", project="beta-2", reason="forbidden", times=1000)
    with pytest.raises(exceptions.Forbidden, match="beta-2"):
        list(cloud.instances.aggregated_list(project="beta-2"))
    assert list(cloud.instances.aggregated_list(project="alpha-1"))
    cloud.control("faults", "DELETE")
    assert list(cloud.instances.aggregated_list(project="beta-2"))


def test_a_quota_of_cpus(cloud: Cloud) -> None:
    cloud.api.world.cpu_quota = 6
    cloud.made("one")
    with pytest.raises(exceptions.Forbidden, match="Quota 'CPUS' exceeded") as refused:
        cloud.insert("two")
    assert refused.value.errors[0]["reason"] == "quotaExceeded"
    cloud.verb("stop", "one")
    cloud.made("two")


def test_an_unreachable_zone(cloud: Cloud) -> None:
    near, far = cloud.seed["zones"][:2]
    cloud.made("one", near)
    cloud.made("two", far)
    cloud.control("faults", method="instances.aggregatedList", zone=far, unreachable=True, times=2)
    assert cloud.refused("aggregated/instances")[:2] == (503, "backendError")
    found = cloud.raw("aggregated/instances", returnPartialSuccess="true").json()
    assert found["items"][f"zones/{far}"]["warning"]["code"] == "UNREACHABLE"
    assert [i["name"] for i in found["items"][f"zones/{near}"]["instances"]] == ["one"]
    assert found["unreachables"] == [f"projects/{cloud.project}/zones/{far}"]
    assert "unreachables" not in cloud.raw("aggregated/instances").json()


def test_a_lost_answer_of_an_insert_makes_one_instance(cloud: Cloud) -> None:
    cloud.control("faults", method="instances.insert", lost=True)
    number = str(uuid.uuid4())
    with pytest.raises(requests.exceptions.ConnectionError):
        cloud.insert("one", request_id=number)
    cloud.done(cloud.insert("one", request_id=number))
    assert cloud.get("one").status == "RUNNING"
    assert cloud.control("calls", "GET")["calls"]["instances.insert"] == 2
    operations = list(cloud.operations.list(project=cloud.project, zone=cloud.zone))
    assert [operation.operation_type for operation in operations] == ["insert"]


def test_a_fault_that_is_none_is_refused(cloud: Cloud) -> None:
    url = f"{cloud.api.endpoint}/_sandbox/faults"
    assert requests.post(url, json={"method": "instances.get", "cod": 1}, timeout=60).status_code == 400
    assert requests.post(url, json={"code": 503}, timeout=60).status_code == 400


def test_a_failed_start_leaves_it_stopped(cloud: Cloud) -> None:
    cloud.made("one")
    cloud.verb("stop", "one")
    cloud.control("faults", method="instances.start", code="ZONE_RESOURCE_POOL_EXHAUSTED", in_operation=True)
    assert cloud.verb("start", "one").error.errors
    assert cloud.get("one").status == "TERMINATED"


def test_delete_overtakes_a_start(cloud: Cloud) -> None:
    api = Api(delays=Delays(stage=3.0, wait=5.0), check_answers=True)
    api.start()
    slow = Cloud(api)
    insert = slow.insert("one")
    while slow.raw(f"zones/{slow.zone}/instances/one").status_code != 200:
        time.sleep(0.01)
    slow.verb("delete", "one")
    assert [error.code for error in slow.done(insert).error.errors] == ["RESOURCE_NOT_FOUND"]
    assert slow.made("one").status == "RUNNING"
    api.stop()


def test_operations_expire(cloud: Cloud) -> None:
    api = Api(delays=Delays(wait=5.0, expire=1.0), check_answers=True)
    api.start()
    brief = Cloud(api)
    operation = brief.done(brief.insert("one"))
    time.sleep(1.1)
    with pytest.raises(exceptions.NotFound):
        brief.operations.get(project=brief.project, zone=brief.zone, operation=operation.name)
    api.stop()


_SERVER = """
import pathlib, sys, time
from tests.sandbox.gce import Api, Delays
delays = Delays(stage=1.0, wait=5.0)
api = Api(state=pathlib.Path(sys.argv[1]), port=int(sys.argv[2]), delays=delays, check_answers=True)
api.start()
print(api.endpoint, flush=True)
time.sleep(600)
"""


def _serve(state: Path, port: str = "0") -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(state), port], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_killed_sandbox_goes_on_where_it_was(tmp_path: Path) -> None:
    process, endpoint = _serve(tmp_path)
    twin = Api(state=tmp_path)  # reads the same key; never started
    cloud = Cloud(twin)
    port = endpoint.rsplit(":", 1)[1]
    try:
        cloud.api = t.cast(Api, type("Remote", (), {"endpoint": endpoint}))
        done = cloud.made("done", labels={"a": "b"})
        under_way = cloud.insert("under-way")
        assert under_way.status != gce.Operation.Status.DONE
        process.send_signal(signal.SIGKILL)
        process.wait()
        process, again = _serve(tmp_path, port)
        assert again == endpoint
        assert not cloud.done(under_way).error.errors
        assert cloud.get("under-way").status == "RUNNING"
        assert cloud.get("done") == done
        with pytest.raises(exceptions.Conflict):
            cloud.insert("done")
    finally:
        process.kill()
        process.wait()


_DEFAULT = """
import json, google.auth
from google.auth.transport.requests import AuthorizedSession
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
session = AuthorizedSession(credentials)
answer = session.get("%s/compute/v1/projects/alpha-1/zones")
print(json.dumps([type(credentials).__module__, project, answer.status_code, credentials.service_account_email]))
"""


def test_application_default_credentials_come_from_the_metadata_server(cloud: Cloud, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GCE_METADATA_HOST": cloud.seed["metadata_host"],
        "GCE_METADATA_IP": cloud.seed["metadata_host"],
    }
    command = [sys.executable, "-c", _DEFAULT % cloud.api.endpoint]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    expected = ["google.auth.compute_engine.credentials", "alpha-1", 200, cloud.seed["service_account"]]
    assert json.loads(ran.stdout) == expected
    assert cloud.control("calls", "GET")["calls"]["metadata.token"] == 1


def test_the_token_endpoint_checks_its_assertion(cloud: Cloud) -> None:
    url = f"{cloud.api.endpoint}/token"
    assert requests.post(url, data={"grant_type": "password"}, timeout=60).json()["error"] == "unsupported_grant_type"
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    forged = requests.post(url, data={"grant_type": grant, "assertion": "a.b.c"}, timeout=60)
    assert (forged.status_code, forged.json()["error"]) == (400, "invalid_grant")


def _metadata(cloud: Cloud, path: str, **query: str) -> requests.Response:
    url = f"{cloud.api.endpoint}/computeMetadata/v1/{path}"
    return requests.get(url, params=query, headers={"Metadata-Flavor": "Google"}, timeout=60)


def test_metadata_needs_its_header_and_names_its_flavour(cloud: Cloud) -> None:
    refused = requests.get(f"{cloud.api.endpoint}/computeMetadata/v1/project/project-id", timeout=60)
    assert refused.status_code == 403
    given = _metadata(cloud, "project/project-id")
    assert (given.text, given.headers["Metadata-Flavor"]) == ("alpha-1", "Google")
    assert _metadata(cloud, "project/none").status_code == 404


def test_an_instance_reads_its_own_metadata(cloud: Cloud) -> None:
    items = [gce.Items(key="lease-until", value="soon"), gce.Items(key="enable-guest-attributes", value="TRUE")]
    cloud.made("one", metadata=gce.Metadata(items=items), tags=gce.Tags(items=["ssh"]))
    with cloud.api.world.store as store:  # the instance's address is ours now
        record = store.table("instances")[f"{cloud.project}/{cloud.zone}/one"]
        record["resource"]["networkInterfaces"][0]["networkIP"] = "127.0.0.1"
    assert _metadata(cloud, "instance/attributes/lease-until").text == "soon"
    assert _metadata(cloud, "instance/").text.splitlines()[0] == "attributes/"
    assert _metadata(cloud, "instance/tags").text == '["ssh"]'
    whole = _metadata(cloud, "instance/", recursive="true").json()
    assert (whole["name"], whole["machineType"].rsplit("/", 1)[-1]) == ("one", "e2-standard-4")
    assert whole["networkInterfaces"][0]["ip"] == "127.0.0.1"
    assert whole["attributes"] == {"lease-until": "soon", "enable-guest-attributes": "TRUE"}
    assert _metadata(cloud, "instance/service-accounts/default/token").status_code == 404
    put = f"{cloud.api.endpoint}/computeMetadata/v1/instance/guest-attributes/idle/since"
    assert requests.put(put, data="now", headers={"Metadata-Flavor": "Google"}, timeout=60).status_code == 200
    where = {"project": cloud.project, "zone": cloud.zone, "instance": "one"}
    found = cloud.instances.get_guest_attributes(request={**where, "query_path": "idle/since"})
    assert found.variable_value == "now"
    began = time.monotonic()
    _metadata(cloud, "instance/attributes/lease-until", wait_for_change="true", timeout_sec="0.2")
    assert time.monotonic() - began >= 0.2


def test_two_thousand_instances_are_listed_page_by_page(cloud: Cloud) -> None:
    cloud.made("one", labels={"a": "b"})
    cloud.control("copies", zone=cloud.zone, instance="one", count=2000)
    cloud.api._check_answers = False
    seen: list[tuple[str, str]] = []
    token = ""
    fields = "items/*/instances(name,status,labels,networkInterfaces/networkIP),nextPageToken"
    while True:
        page = cloud.raw("aggregated/instances", maxResults=500, fields=fields, pageToken=token).json()
        found = [instance for scope in page["items"].values() for instance in scope["instances"]]
        seen += [(instance["name"], instance["networkInterfaces"][0]["networkIP"]) for instance in found]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert len(seen) == 2001
    assert len({address for _name, address in seen}) == 2001

"""Answers, operations and exceptions as typed errors."""

from __future__ import annotations

import pytest
import requests.exceptions as http
from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import (
    CloudError,
    Denied,
    Lost,
    NoCapacity,
    Throttled,
    Unreachable,
)
from ansible_collections.devcontainer.cloud.plugins.module_utils.providers import gce_errors
from google.auth import exceptions as auth

from tests.unit.gce.fake import Answer, refusal


@pytest.mark.parametrize(
    ("status", "reason", "message", "reading", "changing"),
    [
        (403, "rateLimitExceeded", "", Throttled, Throttled),
        (403, "userRateLimitExceeded", "", Throttled, Throttled),
        (429, "", "", Throttled, Throttled),
        (403, "quotaExceeded", "", CloudError, CloudError),
        (403, "forbidden", "", Denied, Denied),
        (403, "accessNotConfigured", "", Denied, Denied),
        (403, "", "", Denied, Denied),
        (401, "authError", "", Denied, Denied),
        (401, "", "", Denied, Denied),
        (404, "notFound", "", CloudError, CloudError),
        (409, "alreadyExists", "", CloudError, CloudError),
        (412, "conditionNotMet", "", CloudError, CloudError),
        (400, "resourceNotReady", "", Throttled, Throttled),
        (400, "invalid", "", CloudError, CloudError),
        (400, "invalid", "Machine type 'c4a-x' does not exist in zone 'europe-west3-a'.", NoCapacity, NoCapacity),
        (500, "internalError", "", Throttled, Lost),
        (503, "backendError", "", Throttled, Lost),
        (502, "", "", Throttled, Lost),
    ],
)
def test_answers(status, reason, message, reading, changing):
    for changes, kind in ((False, reading), (True, changing)):
        with pytest.raises(CloudError) as error:
            gce_errors.answered("look", refusal(status, reason, message or "why"), changes)
        assert error.type is kind
        assert str(error.value).startswith(f"look: {message or 'why'}")


@pytest.mark.parametrize(
    ("status", "code"), [(404, gce_errors.MISSING), (409, gce_errors.EXISTS), (412, gce_errors.STALE)]
)
def test_a_status_without_a_reason_has_its_code(status, code):
    with pytest.raises(CloudError) as error:
        gce_errors.answered("x", Answer(status, {"error": {"message": "m"}}), True)
    assert error.value.code == code


_UID = "eYhDkfYCu-dOCjuj8X4Am9-spkxs0-kX5YnhAJmc3PZ7pmNNfSsqtQ"
_POLICY = f"Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: {_UID}"
_DETAILS = [
    {
        "@type": "type.googleapis.com/google.rpc.PreconditionFailure",
        "violations": [{"type": "VPC_SERVICE_CONTROLS", "description": _UID}],
    },
    {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "SECURITY_POLICY_VIOLATED",
        "domain": "googleapis.com",
        "metadata": {"service": "compute.googleapis.com", "uid": _UID, "consumer": "projects/1"},
    },
]


@pytest.mark.parametrize(
    "error",
    [
        {"message": _POLICY, "errors": [{"reason": "forbidden"}], "details": _DETAILS},
        {"message": _POLICY, "errors": [{"reason": "vpcServiceControls"}]},
        {"message": _POLICY, "status": "PERMISSION_DENIED"},
        {"message": "Request is prohibited by organization's policy."},
        {"message": "No.", "details": _DETAILS},
        {"message": "No.", "errors": [{"reason": "RequestDeniedByPerimeter"}]},
    ],
)
def test_a_perimeter_is_named_with_the_way_out(error):
    with pytest.raises(Denied) as denied:
        gce_errors.answered("api: launch in europe-west3-a", Answer(403, {"error": {"code": 403, **error}}), True)
    _is_the_perimeters(denied.value, _UID if _UID in str(error) else "")


def test_a_perimeter_refuses_in_an_operation_and_a_token_too():
    operation = {"status": "DONE", "error": {"errors": [{"code": "PERMISSIONS_ERROR", "message": _POLICY}]}}
    with pytest.raises(Denied) as denied:
        gce_errors.check("api: launch in europe-west3-a", operation)
    _is_the_perimeters(denied.value, _UID)
    with pytest.raises(Denied) as denied, gce_errors.saying("api: launch in europe-west3-a"):
        raise auth.RefreshError(f"Unable to acquire impersonated credentials: {_POLICY}", {"token": "secret"})
    _is_the_perimeters(denied.value, _UID)


def _is_the_perimeters(denied, uid):
    assert denied.code == gce_errors.PERIMETER
    assert str(denied).startswith("api: launch in europe-west3-a: a perimeter of VPC Service Controls refuses it; ")
    assert str(denied).endswith(f"the audit log names under {uid}" if uid else "the audit log names")


@pytest.mark.parametrize(
    ("status", "content"),
    [(502, ValueError("no JSON")), (200, ValueError("cut")), (502, []), (200, []), (502, {"error": "text"})],
)
def test_what_is_no_answer_of_the_api(status, content):
    with pytest.raises(Lost):
        gce_errors.answered("x", Answer(status, content), True)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ZONE_RESOURCE_POOL_EXHAUSTED", NoCapacity),
        ("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", NoCapacity),
        ("QUOTA_EXCEEDED", CloudError),
        ("CONCURRENT_OPERATIONS_QUOTA_EXCEEDED", Throttled),
        ("RESOURCE_NOT_READY", Throttled),
        ("PERMISSIONS_ERROR", Denied),
        ("CONDITION_NOT_MET", CloudError),
        ("RESOURCE_ALREADY_EXISTS", CloudError),
        ("INVALID_USAGE", CloudError),
    ],
)
@pytest.mark.parametrize("status", [0, 503])
def test_operations(code, kind, status):
    operation = {"status": "DONE", "error": {"errors": [{"code": code, "message": "why"}]}}
    if status and kind is NoCapacity:
        operation["httpErrorStatusCode"] = status
    with pytest.raises(CloudError) as error:
        gce_errors.check("start", operation)
    assert error.type is kind and f"start: why ({code})" in str(error.value)


def test_an_operation_without_an_error_is_fine():
    gce_errors.check("start", {"status": "DONE"})
    with pytest.raises(Denied):
        gce_errors.check("start", {"status": "DONE", "httpErrorStatusCode": 403, "httpErrorMessage": "FORBIDDEN"})


@pytest.mark.parametrize(
    ("raised", "reading", "changing"),
    [
        (http.ReadTimeout("slow"), Throttled, Lost),
        (http.ConnectionError("('Connection aborted.', RemoteDisconnected())"), Throttled, Lost),
        (http.ChunkedEncodingError("cut"), Throttled, Lost),
        (http.ConnectionError("NewConnectionError(...)"), Unreachable, Unreachable),
        (http.ConnectTimeout("far"), Unreachable, Unreachable),
        (http.SSLError("who"), Unreachable, Unreachable),
        (http.InvalidURL("x"), CloudError, CloudError),
        (auth.DefaultCredentialsError("none"), Unreachable, Unreachable),
        (auth.RefreshError("invalid_grant", {"token": "secret"}), Denied, Denied),
        (auth.TransportError("no route"), Unreachable, Unreachable),
    ],
)
def test_exceptions(raised, reading, changing):
    for changes, kind in ((False, reading), (True, changing)):
        with pytest.raises(CloudError) as error, gce_errors.saying("look", changes):
            raise raised
        assert error.type is kind and "secret" not in str(error.value)

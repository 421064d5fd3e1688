# Copyright: (c) 2026, devcontainer.cloud contributors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The API's answers, operation.error and the SDK's exceptions as ours: one place where they become sentences.

A 403 is not always a permission error: the reason beside it tells. And an operation that was accepted may still fail;
its codes are the same reasons in capitals, or nearly so.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.devcontainer.cloud.plugins.module_utils.errors import (
    CloudError,
    Denied,
    Lost,
    NoCapacity,
    Throttled,
    Unreachable,
)

try:
    import requests.exceptions as http
    from google.auth import exceptions as auth
except ImportError:  # the module says so in a sentence
    http = auth = t.cast(t.Any, None)

Json = t.Mapping[str, t.Any]

#: Our names of the reasons that callers ask for by ``CloudError.code``.
STALE, EXISTS, MISSING, NOT_READY = "conditionNotMet", "alreadyExists", "notFound", "resourceNotReady"

#: A perimeter of VPC Service Controls. Its refusal may have the reason of any other 403: words and details tell.
PERIMETER = "vpcServiceControls"
_PERIMETER_DETAIL = "SECURITY_POLICY_VIOLATED"
_PERIMETER_WORDS = re.compile(
    r"vpcServiceControlsUniqueIdentifier:?\s*(?P<id>[\w-]+)?|prohibited by organization's policy"
    r"|RequestDeniedByPerimeter"
)

#: Of "not here, not now": another zone may do. Each may carry _WITH_DETAILS.
CAPACITY = frozenset(
    {
        "ZONE_RESOURCE_POOL_EXHAUSTED",
        "RESOURCE_POOL_EXHAUSTED",
        "STOCKOUT",
        "VM_MIN_COUNT_NOT_REACHED",
    }
)
THROTTLED = frozenset(
    {
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "concurrentLimitExceeded",
        "operationRateLimitExceeded",
        "RATE_LIMIT_EXCEEDED",
        "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED",
        # Another operation on the same machine is under way: the next look decides anew.
        NOT_READY,
        "RESOURCE_NOT_READY",
        "resourceInUseByAnotherOperation",
        "RESOURCE_IN_USE_BY_ANOTHER_OPERATION",
        "RESOURCE_OPERATION_RATE_EXCEEDED",
    }
)
DENIED = frozenset(
    {
        "forbidden",
        "insufficientPermissions",
        "accessNotConfigured",
        "authError",
        "required",
        PERIMETER,
        "PERMISSIONS_ERROR",
        "FORBIDDEN",
    }
)
#: The service stumbled: a reading call is asked again, a changing one may have been carried out.
UNSURE = frozenset({"internalError", "backendError", "INTERNAL_ERROR"})
_SAME = {
    "CONDITION_NOT_MET": STALE,
    "RESOURCE_ALREADY_EXISTS": EXISTS,
    "ALREADY_EXISTS": EXISTS,
    "RESOURCE_NOT_FOUND": MISSING,
    "NOT_FOUND": MISSING,
    "QUOTA_EXCEEDED": "quotaExceeded",
}
#: A machine type that a zone does not offer, which the service reports as a bad value.
_NOT_IN_ZONE = re.compile(r"does not exist in zone", re.IGNORECASE)
_BY_STATUS = {404: MISSING, 409: EXISTS, 412: STALE, 429: "rateLimitExceeded"}


@contextlib.contextmanager
def saying(what: str, changes: bool = False) -> t.Iterator[None]:
    """Run SDK calls; raise our errors, each beginning with ``what`` was being tried.

    ``changes`` says that the call changes something: without an answer it may have been carried out.
    """
    try:
        yield
    except auth.TransportError as error:
        raise Unreachable(f"{what}: the token service cannot be reached ({error}); check proxy and network") from error
    except auth.RefreshError as error:
        if _PERIMETER_WORDS.search(_text(error)):
            raise _perimeter(what, _text(error)) from error
        raise Denied(
            f"{what}: the credentials give no token ({_text(error)}); check service_account_file, access_token and "
            "impersonate_service_account, or log in again"
        ) from error
    except auth.GoogleAuthError as error:
        raise Unreachable(f"{what}: no Google credentials ({error}); {WAYS_IN}") from error
    except (http.ConnectTimeout, http.SSLError, http.ProxyError) as error:
        raise _unreachable(what, error) from error
    except http.ConnectionError as error:
        if _never_sent(error):
            raise _unreachable(what, error) from error
        raise (Lost if changes else Throttled)(f"{what}: the service did not answer ({error})") from error
    except (http.Timeout, http.ChunkedEncodingError, http.ContentDecodingError) as error:
        raise (Lost if changes else Throttled)(f"{what}: the service did not answer ({error})") from error
    except http.RequestException as error:
        raise CloudError(f"{what}: {error}") from error


WAYS_IN = (
    "set auth_kind with service_account_file, service_account_contents or access_token, the GCP_* variables of the "
    "same names, or run gcloud auth application-default login"
)


def answered(what: str, response: t.Any, changes: bool) -> dict[str, t.Any]:
    """The JSON of an answer of ``requests``. Raises the error that it says."""
    try:
        content = response.json()
    except ValueError:  # a proxy's page, or an answer cut short
        content = None
    if response.status_code < 400 and isinstance(content, dict):
        return content
    error = content.get("error", {}) if isinstance(content, dict) else {}
    error = error if isinstance(error, dict) else {"message": str(error)}
    status = response.status_code if response.status_code >= 400 else 502
    code = next((str(e["reason"]) for e in error.get("errors", ()) if e.get("reason")), "") or _BY_STATUS.get(
        status, ""
    )
    message = str(error.get("message", "")) or f"the answer is no JSON (HTTP {response.status_code})"
    for detail in error.get("details") or ():
        if isinstance(detail, dict) and detail.get("reason") == _PERIMETER_DETAIL:
            code = PERIMETER
            message += f" vpcServiceControlsUniqueIdentifier: {(detail.get('metadata') or {}).get('uid', '')}"
    raise typed(what, code, message, status, changes)


def check(what: str, operation: Json) -> None:
    """Raise the error that a finished operation ended with, if any."""
    errors = operation.get("error", {}).get("errors", ())
    status = int(operation.get("httpErrorStatusCode") or 0)
    if errors:
        first = errors[0]
        text = "; ".join(str(e.get("message") or e.get("code", "")) for e in errors)
        raise typed(what, str(first.get("code", "")), text, status, changes=False)
    if status >= 400:
        raise typed(what, _BY_STATUS.get(status, ""), operation.get("httpErrorMessage", ""), status, changes=False)


def typed(what: str, code: str, message: str, status: int, changes: bool) -> CloudError:
    """The error of a reason or an operation's code; ``status`` is HTTP's, 0 where there is none."""
    if code in (PERIMETER, "RequestDeniedByPerimeter") or _PERIMETER_WORDS.search(message):
        return _perimeter(what, message)
    text = f"{what}: {message.strip()}" + (f" ({code})" if code else "")
    plain = re.sub(r"_WITH_DETAILS$", "", code)
    code = _SAME.get(plain, plain)
    if code in CAPACITY or (_NOT_IN_ZONE.search(message) and status in (0, 400, 404)):
        return NoCapacity(text, code)
    if code in THROTTLED:
        return Throttled(text, code)
    if code in DENIED or status == 401:
        return Denied(text, code)
    if code in UNSURE or (status >= 500 and code not in _SAME.values()):
        return (Lost if changes else Throttled)(text, code)
    if status == 403 and code not in ("quotaExceeded", "limitExceeded"):
        return Denied(text, code)
    return CloudError(text, code)


def _perimeter(what: str, message: str) -> Denied:
    """The service's own sentence names an organization's policy, and not what to do about it."""
    ids = [found["id"] for found in _PERIMETER_WORDS.finditer(message) if found["id"]]
    return Denied(
        f"{what}: a perimeter of VPC Service Controls refuses it; run this from inside the perimeter, or have its "
        f"administrator add the rule that the audit log names{' under ' + ids[0] if ids else ''}",
        PERIMETER,
    )


def _never_sent(error: Exception) -> bool:
    """Whether no connection was made, so that nothing can have been carried out."""
    return "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error)


def _unreachable(what: str, error: Exception) -> Unreachable:
    return Unreachable(f"{what}: the service cannot be reached ({error}); check api_endpoint, proxy and network")


def _text(error: Exception) -> str:
    """google-auth puts the raw answer beside its sentence; the sentence is enough."""
    return str(error.args[0]) if error.args else str(error)

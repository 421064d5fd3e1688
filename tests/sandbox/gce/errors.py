"""What goes wrong, in the two shapes in which Compute Engine says so: an answer, or an operation that ended badly."""

from __future__ import annotations

import typing as t

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}
_HTTP_TEXT = {400: "BAD REQUEST", 403: "FORBIDDEN", 404: "NOT FOUND", 409: "CONFLICT", 503: "SERVICE UNAVAILABLE"}


class ApiError(Exception):
    """An HTTP status and Google's JSON error body."""

    def __init__(self, code: int, reason: str, message: str, **more: t.Any) -> None:
        """``more``: ``details`` beside the message; the rest (location, domain) goes into the one inner error."""
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = more.pop("details", None)
        self.more = more

    def body(self) -> dict[str, t.Any]:
        """The JSON of the answer."""
        inner = {"message": self.message, "domain": "global", "reason": self.reason, **self.more}
        error: dict[str, t.Any] = {"code": self.code, "message": self.message, "errors": [inner]}
        if self.code in (401, 501) or self.details:
            error["status"] = _STATUS.get(self.code, "UNKNOWN")
        if self.details:
            error["details"] = self.details
        return {"error": error}


class OperationFailed(Exception):
    """An accepted operation that ends with ``operation.error``."""

    def __init__(self, code: str, message: str, http: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http = http

    def fields(self) -> dict[str, t.Any]:
        """What it adds to the Operation."""
        return {
            "error": {"errors": [{"code": self.code, "message": self.message}]},
            "httpErrorStatusCode": self.http,
            "httpErrorMessage": _HTTP_TEXT.get(self.http, "BAD REQUEST"),
        }


def invalid(field: str, value: t.Any, why: str, reason: str = "invalid") -> ApiError:
    """The answer to a field with a value that cannot be."""
    return ApiError(400, reason, f"Invalid value for field '{field}': '{value}'. {why}")


def required(field: str) -> ApiError:
    """The answer to a field that must be there."""
    return ApiError(400, "required", f"Required field '{field}' not specified")


def unknown_field(message: str, field: str) -> ApiError:
    """The answer to a name that the document does not know."""
    violation = {"field": field, "description": message}
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]
    return ApiError(400, "invalid", message, details=details)


def not_found(resource: str) -> ApiError:
    """The answer to a resource (``projects/...``) that is not there."""
    return ApiError(404, "notFound", f"The resource '{resource}' was not found")


def already_exists(resource: str) -> ApiError:
    """The answer to a second resource of one name."""
    return ApiError(409, "alreadyExists", f"The resource '{resource}' already exists")


def misuse(message: str) -> ApiError:
    """The answer to what the resource's state does not allow."""
    return ApiError(400, "invalidUsage", f"Invalid resource usage: '{message}'.")


def changed_meanwhile(message: str) -> ApiError:
    """The answer to a stale fingerprint."""
    return ApiError(412, "conditionNotMet", message, locationType="header", location="If-Match")

"""One request to the API as a value, and the answers that we give ourselves."""

from __future__ import annotations

import contextvars
import dataclasses
import io
import json
import typing as t
import urllib.parse
from xml.sax.saxutils import escape

Environ = dict[str, t.Any]

#: What went wrong with codes whose status is not 400.
STATUS = {
    "RequestLimitExceeded": 503,
    "Unavailable": 503,
    "ServiceUnavailable": 503,
    "InternalError": 500,
    "AuthFailure": 401,
    "UnauthorizedOperation": 403,
}


@dataclasses.dataclass(frozen=True)
class Call:
    """Who is asked for what. ``params`` are EC2's flat form (``Filter.1.Name``); empty for JSON services."""

    service: str
    region: str
    action: str
    params: t.Mapping[str, str]

    @property
    def subnets(self) -> set[str]:
        return {value for key, value in self.params.items() if key.split(".")[-1] == "SubnetId"}

    @classmethod
    def parse(cls, environ: Environ) -> Call:
        """Read the request and leave its body for whoever comes next."""
        # AWS4-HMAC-SHA256 Credential=KEY/20260101/REGION/SERVICE/aws4_request, SignedHeaders=...
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
        region, service = (scope[2], scope[3]) if len(scope) == 5 else ("", "")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target:
            return cls(service, region, target.rpartition(".")[2], {})
        text = body.decode("utf-8", "replace") or environ.get("QUERY_STRING", "")
        params = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
        return cls(service, region, params.get("Action", ""), params)


#: The call that this thread is carrying out: moto's backends see only a part of its parameters.
NOBODY = Call("", "", "", {})
CURRENT: contextvars.ContextVar[Call] = contextvars.ContextVar("call", default=NOBODY)


def error(call: Call, code: str, message: str, status: int | None = None) -> tuple[int, str, bytes]:
    """(status, content type, body) of an error as the service would word it."""
    status = status or STATUS.get(code, 400)
    if call.service != "ec2":
        return status, "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message}).encode()
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        "</Error></Errors><RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    )
    return status, "text/xml;charset=UTF-8", body.encode()

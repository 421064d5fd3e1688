"""Google's discovery document of compute v1: which methods there are, and what their requests and answers may hold."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import typing as t
from pathlib import Path

from . import errors

#: Before every path of the document.
PREFIX = "/compute/v1/"
#: Taken by the service on every list although the document of v1 names it on few or none.
_UNDOCUMENTED = {"returnPartialSuccess": {"type": "boolean", "location": "query"}}


@dataclasses.dataclass(frozen=True)
class Method:
    """One method: ``id`` is ``instances.insert``; the schemas are names or None."""

    id: str
    verb: str
    path: re.Pattern[str]
    literals: int
    parameters: t.Mapping[str, t.Mapping[str, t.Any]]
    query: t.Mapping[str, t.Mapping[str, t.Any]]
    request: str | None
    response: str | None
    scopes: frozenset[str]


class Document:
    """The document, indexed by what a request has: verb and path."""

    def __init__(self, raw: t.Mapping[str, t.Any]) -> None:
        self.schemas: t.Mapping[str, t.Any] = raw["schemas"]
        self._common: t.Mapping[str, t.Any] = raw["parameters"]
        self.methods: dict[str, Method] = {}
        self._index: dict[tuple[str, int], list[Method]] = {}
        for resource, content in raw["resources"].items():
            for name, method in content.get("methods", {}).items():
                self._add(f"{resource}.{name}", method)
        for methods in self._index.values():
            methods.sort(key=lambda method: -method.literals)

    def _add(self, name: str, raw: t.Mapping[str, t.Any]) -> None:
        parameters = raw.get("parameters", {})
        query = {key: value for key, value in parameters.items() if value["location"] == "query"}
        if "maxResults" in query:
            query = {**_UNDOCUMENTED, **query}
        segments = raw["flatPath"].split("/")
        pattern = "/".join(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(segment)) for segment in segments)
        method = Method(
            id=name,
            verb=raw["httpMethod"],
            path=re.compile(pattern),
            literals=sum("{" not in segment for segment in segments),
            parameters={key: value for key, value in parameters.items() if value["location"] == "path"},
            query={**self._common, **query},
            request=raw.get("request", {}).get("$ref"),
            response=raw.get("response", {}).get("$ref"),
            scopes=frozenset(raw.get("scopes", ())),
        )
        self.methods[name] = method
        self._index.setdefault((method.verb, len(segments)), []).append(method)

    def route(self, verb: str, path: str) -> tuple[Method, dict[str, str]]:
        """The method that a request means and its path parameters, not yet checked. Raises ApiError."""
        if path.startswith(PREFIX):
            rest = path[len(PREFIX) :]
            for method in self._index.get((verb, rest.count("/") + 1), ()):
                match = method.path.fullmatch(rest)
                if match:
                    return method, match.groupdict()
        raise errors.ApiError(404, "notFound", f"The requested URL {path} was not found on this server: {verb}")


@functools.cache
def load() -> Document:
    """The document that google-api-python-client ships; read once."""
    import googleapiclient

    folder = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
    return Document(json.loads((folder / "compute.v1.json").read_text()))

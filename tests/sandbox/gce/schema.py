"""Values against the discovery document's schemas: strict on what we answer, and on requests as strict as Google is."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
import typing as t

from . import errors
from .document import Document, Method

_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}


@dataclasses.dataclass
class Body:
    """A request's body after the check, and the paths of output-only fields in it, which the service ignores."""

    value: dict[str, t.Any]
    ignored: list[str]


def check_body(document: Document, method: Method, value: t.Any) -> Body:
    """The body with its numbers in the document's types and without output-only fields. Raises ApiError."""
    if method.request is None:
        if value not in (None, {}):
            raise errors.ApiError(400, "invalid", f"compute.{method.id} takes no request body")
        return Body({}, [])
    if not isinstance(value, dict):
        raise errors.ApiError(400, "parseError", "Invalid JSON payload received: the body must be an object")
    checker = _Request(document, f"compute.{method.id}")
    return Body(checker.value({"$ref": method.request}, value, "resource"), checker.ignored)


def check_parameters(method: Method, path: t.Mapping[str, str], query: t.Mapping[str, list[str]]) -> dict[str, t.Any]:
    """Path and query parameters in their types, defaults filled in. Raises ApiError."""
    found: dict[str, t.Any] = {}
    for name, text in path.items():
        found[name] = _parameter(name, text, method.parameters[name])
    for name, texts in query.items():
        spec = method.query.get(name)
        if spec is None:
            message = (
                f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                f"Field '{name}' could not be found in request message."
            )
            raise errors.unknown_field(message, name)
        if spec.get("repeated"):
            found[name] = [_parameter(name, text, spec) for text in texts]
        elif len(texts) > 1:
            raise errors.ApiError(400, "invalidParameter", f"Parameter '{name}' is not repeatable")
        else:
            found[name] = _parameter(name, texts[0], spec)
    for name, spec in method.query.items():
        if name not in found and spec.get("required"):
            raise errors.ApiError(400, "required", f"Required parameter: {name}", locationType="parameter")
        if name not in found and "default" in spec:
            found[name] = _parameter(name, spec["default"], spec)
    return found


def _parameter(name: str, text: str, spec: t.Mapping[str, t.Any]) -> t.Any:
    def refuse(why: str) -> errors.ApiError:
        message = f"Invalid value for field '{name}': '{text}'. {why}"
        return errors.ApiError(400, "invalidParameter", message, locationType="parameter", location=name)

    kind = spec["type"]
    if kind == "boolean":
        if text not in ("true", "false"):
            raise refuse("Must be true or false.")
        return text == "true"
    if kind == "integer" or spec.get("format") in _RANGES:
        if not re.fullmatch(r"-?\d+", text):
            raise refuse("Must be an integer.")
        low, high = _RANGES[spec.get("format", "int64")]
        low, high = max(low, int(spec.get("minimum", low))), min(high, int(spec.get("maximum", high)))
        if name == "maxResults":
            high = 500
        if not low <= int(text) <= high:
            raise refuse(f"Must be between {low} and {high}.")
        return int(text)
    if "enum" in spec and text not in spec["enum"]:
        raise refuse(f"Must be one of {', '.join(spec['enum'])}.")
    if "pattern" in spec and not re.fullmatch(spec["pattern"], text):
        raise refuse(f"Must be a match of regex '{spec['pattern']}'")
    return text


class _Request:
    """One body's check. ``path`` is what Google's messages say: resource.disks[0].mode."""

    def __init__(self, document: Document, method: str) -> None:
        self.document = document
        self.method = method
        self.ignored: list[str] = []

    def value(self, schema: t.Mapping[str, t.Any], value: t.Any, path: str) -> t.Any:
        if "$ref" in schema:
            schema = self.document.schemas[schema["$ref"]]
        kind = schema.get("type", "any")
        if kind == "object":
            return self.object(schema, value, path)
        if kind == "array":
            if not isinstance(value, list):
                raise self.mistyped(value, path, "a list")
            return [self.value(schema["items"], item, f"{path}[{number}]") for number, item in enumerate(value)]
        return value if kind == "any" else self.scalar(schema, value, path)

    def object(self, schema: t.Mapping[str, t.Any], value: t.Any, path: str) -> dict[str, t.Any]:
        if not isinstance(value, dict):
            raise self.mistyped(value, path, "an object")
        properties = schema.get("properties", {})
        result: dict[str, t.Any] = {}
        for name, item in value.items():
            if item is None:  # JSON's null is an absent field of the message
                continue
            if name in properties:
                if output_only(properties[name]):
                    self.ignored.append(f"{path}.{name}")
                    continue
                result[name] = self.value(properties[name], item, f"{path}.{name}")
            elif "additionalProperties" in schema:
                result[name] = self.value(schema["additionalProperties"], item, f"{path}.{name}")
            else:
                message = f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field."
                raise errors.unknown_field(message, path)
        for name, spec in properties.items():
            if name not in result and self.method in spec.get("annotations", {}).get("required", ()):
                raise errors.required(f"{path}.{name}")
        return result

    def scalar(self, schema: t.Mapping[str, t.Any], value: t.Any, path: str) -> t.Any:
        kind, form = schema["type"], schema.get("format", "")
        if kind == "boolean":
            if not isinstance(value, bool):
                raise self.mistyped(value, path, "true or false")
            return value
        if form in _RANGES:
            return self.integer(kind, form, value, path)
        if kind == "number":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise self.mistyped(value, path, "a number")
            return value
        if not isinstance(value, str):
            raise self.mistyped(value, path, "a string")
        for problem in text_problems(schema, value):
            raise errors.invalid(path, value, problem)
        return value

    def integer(self, kind: str, form: str, value: t.Any, path: str) -> t.Any:
        """Numbers and their texts are taken alike; 64 bits are kept as text, as they are answered."""
        if isinstance(value, bool) or not re.fullmatch(r"-?\d+", str(value)):
            raise self.mistyped(value, path, f"an integer ({form})")
        low, high = _RANGES[form]
        if not low <= int(value) <= high:
            raise errors.invalid(path, value, f"Value is out of range of {form}.")
        return str(int(value)) if kind == "string" else int(value)

    def mistyped(self, value: t.Any, path: str, wanted: str) -> errors.ApiError:
        message = f"Invalid value at '{path}': {value!r} is not {wanted}"
        return errors.unknown_field(message, path)


def output_only(schema: t.Mapping[str, t.Any]) -> bool:
    """Set by the service alone: flagged, or only said in the description."""
    return bool(schema.get("readOnly")) or str(schema.get("description", "")).startswith("[Output Only]")


def text_problems(schema: t.Mapping[str, t.Any], value: str) -> t.Iterator[str]:
    """What is wrong with a text: enum, pattern, base64."""
    if "enum" in schema and value not in schema["enum"]:
        yield f"Must be one of {', '.join(schema['enum'])}."
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        yield f"Must be a match of regex '{schema['pattern']}'"
    if schema.get("format") == "byte":
        try:
            base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
        except binascii.Error:
            yield "Must be base64."


def problems(document: Document, name: str, value: t.Any) -> list[str]:
    """What an answer holds that the schema ``name`` does not allow; for the tests."""
    return list(_problems(document, {"$ref": name}, value, name))


def _problems(document: Document, schema: t.Mapping[str, t.Any], value: t.Any, path: str) -> t.Iterator[str]:
    if "$ref" in schema:
        schema = document.schemas[schema["$ref"]]
    kind = schema.get("type", "any")
    types: dict[str, t.Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
    if kind in types and (not isinstance(value, types[kind]) or (kind == "integer" and isinstance(value, bool))):
        yield f"{path}: {value!r} is no {kind}"
    elif kind == "object":
        properties = schema.get("properties", {})
        for key, item in value.items():
            inner = properties.get(key, schema.get("additionalProperties"))
            if inner is None:
                yield f"{path}.{key}: unknown"
            else:
                yield from _problems(document, inner, item, f"{path}.{key}")
    elif kind == "array":
        for number, item in enumerate(value):
            yield from _problems(document, schema["items"], item, f"{path}[{number}]")
    elif kind == "string":
        if schema.get("format") in _RANGES and not re.fullmatch(r"-?\d+", value):
            yield f"{path}: {value!r} is no {schema['format']}"
        yield from (f"{path}: {value!r}: {problem}" for problem in text_problems(schema, value))

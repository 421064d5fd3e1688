"""fields=: Google's partial responses, `items/*/instances(name,labels),nextPageToken`. Checked against the schema."""

from __future__ import annotations

import re
import typing as t

from . import errors
from .document import Document

#: name -> what is asked for below it; an empty mask is everything.
Mask = dict[str, "Mask"]
_TOKEN = re.compile(r"[A-Za-z_][\w.-]*|[*,/()]")


def parse(text: str) -> Mask:
    """The mask of a selector. Raises ApiError."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text) or not tokens:
        raise _bad(text)
    mask, rest = _selection(tokens, text)
    if rest:
        raise _bad(text)
    return mask


def _bad(text: str) -> errors.ApiError:
    message = f"Invalid field selection {text}"
    return errors.ApiError(400, "invalidParameter", message, locationType="parameter", location="fields")


def _selection(tokens: list[str], text: str) -> tuple[Mask, list[str]]:
    mask: Mask = {}
    while True:
        path = []
        while True:
            if not tokens or tokens[0] in ",/()":
                raise _bad(text)
            path.append(tokens.pop(0))
            if not tokens or tokens[0] != "/":
                break
            tokens.pop(0)
        below: Mask = {}
        if tokens and tokens[0] == "(":
            tokens.pop(0)
            below, tokens = _selection(tokens, text)
            if not tokens or tokens.pop(0) != ")":
                raise _bad(text)
        _add(mask, path, below)
        if not tokens or tokens[0] != ",":
            return mask, tokens
        tokens.pop(0)


def _add(mask: Mask, path: list[str], below: Mask) -> None:
    """Merge one path; everything of a field is more than a part of it."""
    for number, name in enumerate(path):
        is_last = number == len(path) - 1
        if name in mask and not mask[name]:
            return
        if is_last and not below:
            mask[name] = {}
        else:
            mask = mask.setdefault(name, {})
    _merge(mask, below)


def _merge(mask: Mask, other: Mask) -> None:
    for name, below in other.items():
        _add(mask, [name], below)


def check(mask: Mask, document: Document, schema: t.Mapping[str, t.Any], text: str) -> None:
    """Every name must be one of the schema's. Raises ApiError."""
    while "$ref" in schema or "items" in schema:
        schema = document.schemas[schema["$ref"]] if "$ref" in schema else schema["items"]
    properties = schema.get("properties", {})
    for name, below in mask.items():
        if name == "*":
            inner = [*properties.values()] or [schema.get("additionalProperties", {})]
            if below and not any(_fits(below, document, one, text) for one in inner):
                raise _bad(text)
        elif name in properties or "additionalProperties" in schema:
            if below:
                check(below, document, properties.get(name) or schema["additionalProperties"], text)
        else:
            raise _bad(text)


def _fits(mask: Mask, document: Document, schema: t.Mapping[str, t.Any], text: str) -> bool:
    try:
        check(mask, document, schema, text)
    except errors.ApiError:
        return False
    return True


def apply(mask: Mask, value: t.Any) -> t.Any:
    """What the mask leaves; what gets empty by it is left out."""
    if not mask:
        return value
    if isinstance(value, list):
        rows = [apply(mask, item) for item in value]
        return [row for row in rows if row not in ({}, None)]
    if not isinstance(value, dict):
        return None
    result: dict[str, t.Any] = {}
    for name, item in value.items():
        chosen = mask.get(name, mask.get("*"))
        if chosen is None:
            continue
        left = apply(chosen, item)
        if chosen and left in ({}, [], None):
            continue
        result[name] = left
    return result

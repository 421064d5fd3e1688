"""Lists: filtered, ordered, cut into pages; and the aggregated one with its scopes' warnings."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t

from . import catalog, errors, filters, words
from .store import Record
from .world import Call, World


def page(world: World, call: Call, found: t.Sequence[Record], place: str) -> Record:
    """A list's answer; ``place`` is the collection's path behind the project."""
    schema = world.document.schemas[str(call.method.response)]["properties"]
    item = schema["items"]["items"]["$ref"]
    rows, token = _cut(call, _chosen(world, call, found, item), lambda row: str(row["name"]))
    answer: Record = {
        "kind": _list_kind(str(call.method.response)),
        "id": f"projects/{call.project}/{place}",
        "selfLink": words.link(f"projects/{call.project}/{place}"),
    }
    answer.update({"items": rows} if rows else {})
    answer.update({"nextPageToken": token} if token else {})
    return answer


def aggregated(world: World, call: Call, found: t.Mapping[str, t.Sequence[Record]], collection: str) -> Record:
    """An aggregated list: zone -> its resources. Zones without any on this page carry a warning instead.

    Without returnPartialSuccess one zone that cannot be reached fails the whole call.
    """
    missing = world.faults.unreachable(call.method.id, call.project) & set(catalog.ZONES)
    if missing and not call.parameters.get("returnPartialSuccess"):
        message = f"The zone(s) {', '.join(sorted(missing))} could not be reached."
        raise errors.ApiError(503, "backendError", message)
    item = {"instances": "Instance", "disks": "Disk"}[collection]
    rows = []
    for zone in sorted(found):
        if zone not in missing:
            rows += [(zone, row) for row in _chosen(world, call, found[zone], item)]
    rows, token = _cut(call, rows, lambda row: f"{row[0]}/{row[1]['name']}")
    scopes: Record = {}
    for zone in sorted(catalog.ZONES):
        here = [row for owner, row in rows if owner == zone]
        scope = f"zones/{zone}"
        if here:
            scopes[scope] = {collection: here}
        elif zone in missing:
            scopes[scope] = _warning(scope, "UNREACHABLE", f"The scope '{scope}' is unreachable.")
        else:
            scopes[scope] = _warning(
                scope, "NO_RESULTS_ON_PAGE", f"There are no results for scope '{scope}' on this page."
            )
    if call.parameters.get("includeAllScopes"):
        for scope in ("global", *(f"regions/{region}" for region in catalog.REGIONS)):
            text = f"There are no results for scope '{scope}' on this page."
            scopes[scope] = _warning(scope, "NO_RESULTS_ON_PAGE", text)
    place = f"projects/{call.project}/aggregated/{collection}"
    answer: Record = {"kind": _list_kind(str(call.method.response)), "id": place, "selfLink": words.link(place)}
    answer["items"] = scopes
    if missing:
        answer["unreachables"] = [f"projects/{call.project}/zones/{zone}" for zone in sorted(missing)]
    answer.update({"nextPageToken": token} if token else {})
    return answer


def _warning(scope: str, code: str, message: str) -> Record:
    return {"warning": {"code": code, "message": message, "data": [{"key": "scope", "value": scope}]}}


def _list_kind(schema: str) -> str:
    return f"compute#{schema[0].lower()}{schema[1:]}"


def _chosen(world: World, call: Call, found: t.Sequence[Record], item: str) -> list[Record]:
    matches = filters.compile_filter(str(call.parameters.get("filter", "")), world.document, item)
    rows = [row for row in found if matches(row)]
    order = call.parameters.get("orderBy", "name")
    if order == "creationTimestamp desc":
        return sorted(rows, key=lambda row: str(row.get("creationTimestamp", "")), reverse=True)
    if order != "name":
        raise errors.invalid("orderBy", order, "Must be name or 'creationTimestamp desc'.")
    return sorted(rows, key=lambda row: str(row["name"]))


_Row = t.TypeVar("_Row")


def _cut(call: Call, rows: list[_Row], key: t.Callable[[_Row], str]) -> tuple[list[_Row], str]:
    """The page that the token means and the next page's token. A token belongs to its filter and its method."""
    size = int(call.parameters["maxResults"]) or 500
    words_of = [call.method.id, call.project, call.zone, call.parameters.get("filter"), call.parameters.get("orderBy")]
    query = hashlib.sha256(json.dumps(words_of).encode()).hexdigest()[:16]
    begin = 0
    if call.parameters.get("pageToken"):
        begin = _read_token(str(call.parameters["pageToken"]), query, [key(row) for row in rows])
    chosen = rows[begin : begin + size]
    if begin + size >= len(rows):
        return chosen, ""
    text = json.dumps([query, begin + size, key(chosen[-1])])
    return chosen, base64.urlsafe_b64encode(text.encode()).decode()


def _read_token(token: str, query: str, keys: list[str]) -> int:
    try:
        of, position, after = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        of, position, after = "", 0, ""
    if of != query:
        raise errors.invalid("pageToken", token, "The page token is invalid.")
    # Behind the row that was last, wherever it is now; rows may have come and gone.
    return keys.index(after) + 1 if after in keys else min(int(position), len(keys))

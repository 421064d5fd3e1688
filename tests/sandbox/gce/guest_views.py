"""What an instance says of itself: its console, and the guest attributes that it published."""

from __future__ import annotations

import typing as t

from . import errors, guest, words
from .store import Record
from .world import Call, World


def serial_port(world: World, call: Call) -> t.Any:
    """instances.getSerialPortOutput: from byte ``start`` on; ``next`` is where to go on."""
    record = world.target(call)
    text = record["serial"].encode() if call.parameters["port"] == 1 else b""
    start = int(call.parameters.get("start", 0))
    start = max(0, len(text) + start) if start < 0 else min(start, len(text))
    path = f"projects/{call.project}/zones/{call.zone}/instances/{record['resource']['name']}/serialPort"
    return {
        "kind": "compute#serialPortOutput",
        "contents": text[start:].decode(errors="replace"),
        "start": str(start),
        "next": str(len(text)),
        "selfLink": words.link(path),
    }


def guest_attributes(world: World, call: Call) -> t.Any:
    """instances.getGuestAttributes: one (variableKey or a full queryPath) or a namespace's"""
    record = world.target(call)
    common = guest.items(world.store.table("projects")[call.project]["metadata"])
    own = guest.attributes(record["resource"])
    if own.get("enable-guest-attributes", common.get("enable-guest-attributes", "")).upper() != "TRUE":
        raise errors.changed_meanwhile("Guest attributes endpoint access is disabled.")
    known: dict[str, str] = world.store.table("attributes").get(record["resource"]["id"], {})
    path = f"projects/{call.project}/zones/{call.zone}/instances/{record['resource']['name']}/getGuestAttributes"
    answer: Record = {"kind": "compute#guestAttributes", "selfLink": words.link(path)}
    query = str(call.parameters.get("queryPath", ""))
    variable = str(call.parameters.get("variableKey", "")) or (query if query in known else "")
    if variable:
        if variable not in known:
            raise _missing(variable)
        return {**answer, "variableKey": variable, "variableValue": known[variable], "queryPath": query or variable}
    found = []
    for key, value in sorted(known.items()):
        namespace, _slash, name = key.partition("/")
        if not query or namespace == query.rstrip("/"):
            found.append({"namespace": namespace, "key": name, "value": value})
    if not found:
        raise _missing(query)
    return {**answer, "queryPath": query, "queryValue": {"items": found}}


def _missing(query: str) -> errors.ApiError:
    return errors.ApiError(404, "notFound", f"The resource '{query}' of type 'Guest Attribute' was not found.")

"""`status`: what the API says of its instances, beside what their hosts do, and whether the services answer."""

from __future__ import annotations

import typing as t

import boto3
import botocore.exceptions
from botocore.config import Config

from tests.sandbox import compute, daemon, engine, services, settings, state
from tests.sandbox.errors import SandboxError
from tests.sandbox.hosts import INSTANCE

_HEAD = ("INSTANCE", "NAME", "STATE", "HOST", "ADDRESS")


def status() -> bool:
    """Print it. True if all of the sandbox answers. Raises SandboxError if there is none."""
    facts = state.read(settings.FACTS)
    if not facts:
        raise SandboxError("There is no sandbox; make one by: make sandbox-up")
    runs = bool(daemon.pids())
    up = {
        "ec2": runs and daemon.listens(settings.API_PORT),
        "gce": runs and daemon.listens(settings.GCE_PORT),
        **services.answering(),
    }
    for name, answers in up.items():
        print(f"{name}: {'up' if answers else 'down'}")
    if up["ec2"] and up["gce"]:
        print(table([_HEAD, *_rows(facts)]))
    if not all(up.values()):
        print("Bring up what is down by: make sandbox-up")
    return all(up.values())


def table(rows: t.Sequence[t.Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _rows(facts: t.Mapping[str, t.Any]) -> list[tuple[str, ...]]:
    filters = {"label": [f"{settings.LABEL}={settings.STATE}", INSTANCE]}
    hosts = {
        item["Labels"][INSTANCE]: item["State"] for item in engine.client().api.containers(all=True, filters=filters)
    }
    rows = []
    for key, *words in (*_ec2(facts), *_gce(facts["gce"])):
        rows.append((key, *words[:2], hosts.pop(key, "-"), words[2]))
    # Hosts that the API does not know.
    return sorted(rows) + [(key, "-", "unknown", container, "-") for key, container in sorted(hosts.items())]


def _ec2(facts: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, str, str, str]]:
    """Id, name, state and address of each instance."""
    client = boto3.client(
        "ec2",
        endpoint_url=facts["endpoint"],
        region_name=facts["region"],
        aws_access_key_id="AKIASANDBOXSANDBOX00",
        aws_secret_access_key="the-sandbox-takes-any-key",
        config=Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=30, proxies={}),
    )
    try:
        for page in client.get_paginator("describe_instances").paginate():
            for instance in (one for reservation in page["Reservations"] for one in reservation["Instances"]):
                key = instance["InstanceId"]
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                address = instance.get("PrivateIpAddress", "-")
                yield key, tags.get("Name", "-"), instance["State"]["Name"], address
    except botocore.exceptions.BotoCoreError as error:
        raise SandboxError(f"The cloud's API does not answer as it should ({error}); see {daemon.LOG}") from error


def _gce(facts: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, str, str, str]]:
    for instance in compute.instances(facts):
        yield instance["id"], instance["name"], instance["status"], instance["networkInterfaces"][0]["networkIP"]

"""ec2_workspace and what cannot be used: one sentence, before any call is made; and what must never be printed."""

from __future__ import annotations

import base64
import socket
import time

import pytest

from tests.integration.workspaces import named, task

#: What is given -> the words that the one sentence must have.
BAD = {
    "type": ({"name": "a", "instance_type": "huge"}, ["instance_type", "'huge'", "m7i.large"]),
    "family": ({"name": "a", "image": "debian-11"}, ["image", "'debian-11'", "debian-12"]),
    "duration": ({"name": "a", "lease": "8 hours"}, ["lease", "'8 hours'", "8h"]),
    "name": ({"name": "Ada_1"}, ["name", "'Ada_1'"]),
    "tag": ({"name": "a", "tags": {"Patch Group": "x"}}, ["tags", "'Patch Group'"]),
    "entry": ({"workspaces": [{"name": "a"}, {"name": "b", "lease": "soon"}]}, ["lease", "'soon'"]),
}


def test_bad_input_is_one_sentence_and_no_call(cloud, ansible):
    """One process; a task per bad input."""
    tasks = [task(cloud, title, {"ignore_errors": True}, **options) for title, (options, _words) in BAD.items()]
    result = ansible.playbook(tasks).ok()
    assert len(result.tasks) == len(BAD)
    for title, (_options, words) in BAD.items():
        message = result[title]["msg"]
        assert result[title]["kind"] == "failed", title
        assert all(word in message for word in words), (title, message)
        assert "Traceback" not in message and "\n" not in message and len(message) < 500, (title, message)
    assert cloud.calls == {}


def test_a_type_that_the_region_does_not_know(cloud, ansible):
    """Only the service can tell; nothing is launched, and nobody else of the task is hindered."""
    workspaces = [{"name": "odd", "instance_type": "t3.enormous"}, {"name": "good"}]
    result = ansible.playbook([task(cloud, "create", workspaces=workspaces)])
    odd, good = result["create"]["workspaces"]
    assert result.rc != 0 and "t3.enormous" in odd["error"] and odd["steps"] == []
    assert good["state"] == "running" and len(cloud.instances()) == 1


def test_no_credentials(cloud, ansible):
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    began = time.monotonic()
    result = ansible.playbook([task(cloud, "create", workspaces=named("a", "b"))], env=none)
    assert result.rc != 0 and time.monotonic() - began < 15
    message = result["create"]["msg"]
    assert "no AWS credentials" in message and "AWS_PROFILE" in message
    # What concerns both of them is said once.
    assert message.count("no AWS credentials") == 1 and cloud.calls == {}


def test_no_route_to_the_api(cloud, ansible):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        began = time.monotonic()
        result = ansible.playbook([task(cloud, "create", name="a", endpoint_url=endpoint)])
    message = result["create"]["msg"]
    assert result.rc != 0 and "cannot be reached" in message and endpoint in message
    assert time.monotonic() - began < 12 and cloud.calls == {}


@pytest.mark.parametrize("many", [False, True])
def test_nothing_secret_is_printed_and_nothing_else_is_hidden(cloud, ansible, many):
    """Not the user data, not the host's private key, not what the user put into cloud_config; at -vvv and in a diff.

    What stands in cloud_config may be short and stand in an address too: results must stay whole.
    """
    secret = {"cloud_config": {"runcmd": ["echo s3cr3t-of-the-user"], "swap": {"size": 1}, "packages": ["de", "run"]}}
    wanted = {"workspaces": [{"name": "a", **secret}]} if many else {"name": "a", **secret}
    bad = {"workspaces": [{"name": "b", **secret}], "volume_size": "no"} if many else {**wanted, "lease": "no"}
    tasks = [task(cloud, "create", **wanted), task(cloud, "bad", {"ignore_errors": True}, **bad)]
    shown = {"ANSIBLE_INJECT_INVOCATION": "true"}
    result = ansible.playbook(tasks, None, "-vvv", diff=True, env=shown).ok()
    assert result["bad"]["kind"] == "failed" and "invocation" in result["bad"] and "invocation" in result["create"]
    (instance,) = cloud.instances()
    sent = cloud.ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="userData")
    sent = base64.b64decode(sent["UserData"]["Value"]).decode()
    assert "s3cr3t-of-the-user" in sent and "OPENSSH PRIVATE KEY" in sent
    printed = result.output + str(result.tasks)
    for word in ("s3cr3t-of-the-user", "PRIVATE KEY", "#cloud-config", "ed25519_private"):
        assert word not in printed, word
    (workspace,) = result["create"]["workspaces"]
    assert (workspace["id"], workspace["address"]) == (instance["InstanceId"], instance["PrivateIpAddress"])
    assert (workspace["state"], workspace["user"]) == ("running", "dev")

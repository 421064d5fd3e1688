"""ec2_workspace when the cloud misbehaves: lost answers, no capacity, throttling, launches that die."""

from __future__ import annotations

import threading
import time

from tests.integration.test_api_strict import launch, tagged
from tests.integration.workspaces import named, steps, task


def show_after(cloud, launches):
    """Let the machines show once RunInstances was called this often: no matter how slow the test's own machine is."""
    end = time.monotonic() + 60

    def watch():
        while cloud.calls["RunInstances"] < launches:
            if time.monotonic() > end:
                return
            time.sleep(0.1)
        for track in cloud.api.world.tracks.values():
            track.visible_at = 0.0

    threading.Thread(target=watch, daemon=True).start()


def test_a_lost_answer_and_another_option_make_one_machine(cloud, ansible):
    """The first run never hears of its machine, which does not show for long; the next one wants another disk."""
    cloud.slower(visible=10_000)
    cloud.fault("RunInstances", lost=True, times=99)
    first = ansible.playbook([task(cloud, "create", name="demo", wait_timeout=1)])
    assert first.rc != 0 and "still absent after 1 s" in first["create"]["msg"]
    assert steps(first["create"]) == ["create"] and first["create"]["changed"]
    cloud.forget_faults()
    cloud.reset_calls()
    # More often than a change may fail in a row.
    show_after(cloud, launches=8)
    second = ansible.playbook([task(cloud, "create", name="demo", volume_size=40, owner="ada")]).ok()
    (instance,) = cloud.instances()
    workspace = second["create"]["workspaces"][0]
    assert (workspace["id"], workspace["state"], workspace["owner"]) == (instance["InstanceId"], "running", "ada")
    (volume,) = cloud.ec2.describe_volumes()["Volumes"]
    assert volume["Size"] == 40
    assert second["create"]["changed"] and "modify" in steps(second["create"])


def test_a_lost_answer_within_one_run(cloud, ansible):
    for action in ("RunInstances", "StopInstances", "TerminateInstances"):
        cloud.fault(action, lost=True)
    result = ansible.playbook(
        [
            task(cloud, "create", name="demo"),
            task(cloud, "stop", name="demo", state="stopped"),
            task(cloud, "delete", name="demo", state="absent"),
        ]
    ).ok()
    assert [steps(result[title]) for title in ("create", "stop", "delete")] == [["create"], ["stop"], ["delete"]]
    assert cloud.instances() == [] and len(cloud.instances("terminated")) == 1


def test_capacity_in_the_second_subnet(cloud, ansible):
    """One workspace finds room in the second subnet, with one machine; another one finds none and both are named."""
    first, second = cloud.subnet_ids
    cloud.fault("RunInstances", code="InsufficientInstanceCapacity", message="no room here", subnet=first, times=99)
    result = ansible.playbook([task(cloud, "create", name="demo")]).ok()
    (instance,) = cloud.instances()
    assert instance["SubnetId"] == second and result["create"]["workspaces"][0]["zone"].endswith("b")
    cloud.fault("RunInstances", code="Unsupported", message="not offered", subnet=second, times=99)
    again = ansible.playbook([task(cloud, "both", workspaces=named("demo", "full"))])
    demo, full = again["both"]["workspaces"]
    assert again.rc != 0 and demo["error"] == "" and full["error"] == again["both"]["msg"]
    for word in ("full", first, second, "no room here", "not offered"):
        assert word in full["error"]


def test_throttling_is_ridden_out(cloud, ansible):
    for action in ("DescribeInstances", "RunInstances"):
        cloud.fault(action, code="RequestLimitExceeded", message="slow down", times=3)
    result = ansible.playbook([task(cloud, "create", name="demo")]).ok()
    assert result["create"]["workspaces"][0]["state"] == "running" and steps(result["create"]) == ["create"]
    assert len(cloud.instances()) == 1


def test_a_launch_that_dies_is_reported_with_its_reason(cloud, ansible):
    cloud.fault("RunInstances", die="Client.InvalidKMSKey.InvalidState: The KMS key is disabled")
    result = ansible.playbook(
        [task(cloud, "dead", {"ignore_errors": True}, name="demo"), task(cloud, "mended", name="demo")]
    )
    assert result.ok()["dead"]["kind"] == "failed"
    assert "demo" in result["dead"]["msg"] and "The KMS key is disabled" in result["dead"]["msg"]
    # Whoever mends the key just runs again: the token of the dead one is not in the way.
    assert [i["InstanceId"] for i in cloud.instances()] == [result["mended"]["workspaces"][0]["id"]]


def test_one_failure_hides_nobody(cloud, ansible):
    """Denied by the service, spot deleted together with its request, and a machine that was stopped by its guest."""
    ours = {"devcontainer:managed-by": "devcontainer.cloud", "devcontainer:version": "1"}
    assert launch(cloud, TagSpecifications=tagged("devcontainer:managed-by", ours["devcontainer:managed-by"]))
    cloud.fault(
        "StopInstances",
        code="UnauthorizedOperation",
        message="You are not authorized. Encoded authorization failure message: abcdef",
    )
    result = ansible.playbook(
        [
            task(cloud, "create", workspaces=[{"name": "cheap", "spot": True}, {"name": "dear"}]),
            task(cloud, "stop", {"ignore_errors": True}, workspaces=named("dear"), state="stopped"),
            task(cloud, "delete", workspaces=named("cheap", "dear"), state="absent"),
        ]
    ).ok()
    assert result["stop"]["kind"] == "failed" and "not authorized" in result["stop"]["msg"]
    assert "abcdef" not in result["stop"]["msg"]
    assert steps(result["delete"], 0) == ["cancel", "delete"] and steps(result["delete"], 1) == ["delete"]
    # A persistent request launches again when its machine is terminated; ours was cancelled before.
    (left,) = cloud.instances()
    assert left["Tags"] == [{"Key": "devcontainer:managed-by", "Value": "devcontainer.cloud"}]

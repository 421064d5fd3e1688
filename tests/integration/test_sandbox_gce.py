"""The sandboxed Compute Engine through google-cloud-compute: instances, their life, fingerprints, lists."""

from __future__ import annotations

import concurrent.futures
import time
import typing as t
import uuid

import pytest
import requests
from google.api_core import exceptions
from google.cloud import compute_v1 as gce

from tests.integration.gce_cloud import Cloud, FakeHosts
from tests.sandbox.gce import Api, Delays
from tests.sandbox.gce.control import STATES


@pytest.fixture
def cloud() -> t.Iterator[Cloud]:
    """A cloud that takes no time and checks its answers; wait returns after a second at most."""
    api = Api(FakeHosts(), delays=Delays(wait=1.0, poll=0.05), check_answers=True)
    api.start()
    yield Cloud(api)
    api.stop()


def test_an_instance_from_insert_to_delete(cloud: Cloud) -> None:
    instance = cloud.made("one", labels={"team": "core"}, description="a test")
    assert instance.status == "RUNNING"
    assert instance.labels == {"team": "core"}
    assert instance.network_interfaces[0].network_i_p.startswith("10.")
    assert not instance.network_interfaces[0].access_configs
    assert instance.shielded_instance_config.enable_vtpm
    disk = cloud.disks.get(project=cloud.project, zone=cloud.zone, disk="one")
    assert (disk.size_gb, disk.users) == (20, [instance.self_link])
    address = instance.network_interfaces[0].network_i_p
    for verb, status in (("suspend", "SUSPENDED"), ("resume", "RUNNING"), ("stop", "TERMINATED"), ("start", "RUNNING")):
        assert not cloud.verb(verb, "one").error.errors
        assert cloud.get("one").status == status
    assert cloud.get("one").network_interfaces[0].network_i_p == address
    cloud.verb("delete", "one")
    with pytest.raises(exceptions.NotFound):
        cloud.get("one")
    with pytest.raises(exceptions.NotFound):
        cloud.disks.get(project=cloud.project, zone=cloud.zone, disk="one")


@pytest.mark.parametrize("status", STATES)
def test_every_state_can_be_reached(cloud: Cloud, status: str) -> None:
    cloud.made("one")
    cloud.control("status", zone=cloud.zone, instance="one", status=status, message="as asked")
    seen = cloud.get("one")
    assert (seen.status, seen.status_message) == (status, "as asked")


@pytest.mark.parametrize(
    ("status", "verb"),
    [("RUNNING", "resume"), ("TERMINATED", "suspend"), ("SUSPENDED", "start"), ("SUSPENDED", "stop")],
)
def test_verbs_that_a_state_does_not_allow(cloud: Cloud, status: str, verb: str) -> None:
    cloud.made("one")
    cloud.control("status", zone=cloud.zone, instance="one", status=status)
    code, reason, _message = cloud.refused(f"zones/{cloud.zone}/instances/one/{verb}", "POST")
    assert (code, reason) == (400, "invalidUsage")


def test_names_are_unique_per_zone_only(cloud: Cloud) -> None:
    other = cloud.seed["zones"][1]
    cloud.made("one")
    cloud.made("one", other)
    with pytest.raises(exceptions.Conflict) as refused:
        cloud.insert("one")
    assert refused.value.errors[0]["reason"] == "alreadyExists"
    found = dict(cloud.instances.aggregated_list(project=cloud.project))
    assert [len(found[f"zones/{zone}"].instances) for zone in (cloud.zone, other)] == [1, 1]


def test_a_request_id_replays_its_operation(cloud: Cloud) -> None:
    number = str(uuid.uuid4())
    first = cloud.insert("one", request_id=number)
    cloud.done(first)
    assert cloud.insert("one", request_id=number).name == first.name
    with pytest.raises(exceptions.BadRequest, match="different request"):
        cloud.insert("two", request_id=number)
    # after a delete, the same id says that all is well although nothing is made
    cloud.verb("delete", "one")
    assert cloud.insert("one", request_id=number).status == gce.Operation.Status.DONE
    with pytest.raises(exceptions.NotFound):
        cloud.get("one")
    with pytest.raises(exceptions.BadRequest, match="UUID"):
        cloud.insert("one", request_id="00000000-0000-0000-0000-000000000000")


def test_labels_need_the_fresh_fingerprint(cloud: Cloud) -> None:
    instance = cloud.made("one", labels={"a": "1"})

    def set_labels(fingerprint: str, **labels: str) -> gce.Operation:
        body = gce.InstancesSetLabelsRequest(label_fingerprint=fingerprint, labels=labels)
        return cloud.verb("set_labels", "one", instances_set_labels_request_resource=body)

    set_labels(instance.label_fingerprint, a="2", b="3")
    assert cloud.get("one").labels == {"a": "2", "b": "3"}
    with pytest.raises(exceptions.PreconditionFailed) as refused:
        set_labels(instance.label_fingerprint, a="4")
    assert refused.value.errors[0]["reason"] == "conditionNotMet"
    assert cloud.get("one").labels == {"a": "2", "b": "3"}
    for bad in ({"A": "x"}, {"a": "X"}, {"a": "x" * 64}, {"1a": "x"}, {f"k{n}": "" for n in range(65)}):
        with pytest.raises(exceptions.BadRequest):
            set_labels(cloud.get("one").label_fingerprint, **bad)


def test_metadata_is_replaced_under_its_fingerprint(cloud: Cloud) -> None:
    item = gce.Items(key="ssh-keys", value="me:ssh-ed25519 AAAA me")
    old = cloud.made("one", metadata=gce.Metadata(items=[item])).metadata
    new = gce.Metadata(fingerprint=old.fingerprint, items=[gce.Items(key="a", value="b")])
    cloud.verb("set_metadata", "one", metadata_resource=new)
    assert [entry.key for entry in cloud.get("one").metadata.items] == ["a"]
    with pytest.raises(exceptions.PreconditionFailed):
        cloud.verb("set_metadata", "one", metadata_resource=new)
    fresh = cloud.get("one").metadata.fingerprint
    large = [gce.Items(key=f"k{n}", value="x" * 200_000) for n in range(3)]
    for items in ([gce.Items(key="a", value="x" * 262_145)], large, [gce.Items(key="a b", value="")]):
        with pytest.raises(exceptions.BadRequest):
            cloud.verb("set_metadata", "one", metadata_resource=gce.Metadata(fingerprint=fresh, items=items))


def test_tags_type_account_and_protection(cloud: Cloud) -> None:
    tags = cloud.made("one", tags=gce.Tags(items=["web"])).tags
    cloud.verb("set_tags", "one", tags_resource=gce.Tags(items=["ssh"], fingerprint=tags.fingerprint))
    with pytest.raises(exceptions.PreconditionFailed):
        cloud.verb("set_tags", "one", tags_resource=gce.Tags(items=["x"], fingerprint=tags.fingerprint))
    larger = gce.InstancesSetMachineTypeRequest(machine_type=f"zones/{cloud.zone}/machineTypes/e2-standard-8")
    account = gce.InstancesSetServiceAccountRequest(
        email=cloud.seed["service_account"], scopes=["https://www.googleapis.com/auth/devstorage.read_only"]
    )
    changes: list[tuple[str, dict[str, t.Any]]] = [
        ("set_machine_type", {"instances_set_machine_type_request_resource": larger}),
        ("set_service_account", {"instances_set_service_account_request_resource": account}),
    ]
    for verb, body in changes:
        with pytest.raises(exceptions.BadRequest, match="stopped"):
            cloud.verb(verb, "one", **body)
    cloud.verb("stop", "one")
    for verb, body in changes:
        assert not cloud.verb(verb, "one", **body).error.errors
    changed = cloud.get("one")
    assert changed.machine_type.endswith("/e2-standard-8")
    assert changed.service_accounts[0].email == cloud.seed["service_account"]
    assert changed.tags.items == ["ssh"]
    request = {"project": cloud.project, "zone": cloud.zone, "resource": "one"}
    cloud.done(cloud.instances.set_deletion_protection_unary(request={**request, "deletion_protection": True}))
    with pytest.raises(exceptions.BadRequest, match="protected"):
        cloud.verb("delete", "one")
    cloud.done(cloud.instances.set_deletion_protection_unary(request={**request, "deletion_protection": False}))
    cloud.verb("delete", "one")


def test_scheduling(cloud: Cloud) -> None:
    spot = gce.Scheduling(
        provisioning_model="SPOT", preemptible=True, automatic_restart=False, instance_termination_action="STOP"
    )
    assert cloud.made("spot", scheduling=spot).scheduling.on_host_maintenance == "TERMINATE"
    for bad in (
        gce.Scheduling(provisioning_model="STANDARD", preemptible=True),
        gce.Scheduling(provisioning_model="SPOT", preemptible=True, automatic_restart=True),
        gce.Scheduling(max_run_duration=gce.Duration(seconds=3600)),
        gce.Scheduling(instance_termination_action="STOP"),
    ):
        with pytest.raises(exceptions.BadRequest):
            cloud.insert("bad", scheduling=bad)
    operation = cloud.control("preempt", zone=cloud.zone, instance="spot")
    assert operation["operationType"] == "compute.instances.preempted"
    cloud.operations.wait(project=cloud.project, zone=cloud.zone, operation=operation["name"])
    assert cloud.get("spot").status == "TERMINATED"
    limited = gce.Scheduling(max_run_duration=gce.Duration(seconds=7200), instance_termination_action="STOP")
    path = "set_scheduling"
    cloud.verb(path, "spot", scheduling_resource=limited)
    assert cloud.get("spot").scheduling.max_run_duration.seconds == 7200


def test_the_platform_ends_a_run_by_itself() -> None:
    api = Api(delays=Delays(wait=1.0, poll=0.05), check_answers=True)
    api.start()
    cloud = Cloud(api)
    limit = gce.Scheduling(max_run_duration=gce.Duration(seconds=30), instance_termination_action="STOP")
    cloud.made("one", scheduling=limit)
    with api.world.store as store:  # half a minute later
        store.table("instances")[f"{cloud.project}/{cloud.zone}/one"]["ends"] -= 30
    _until(lambda: cloud.get("one").status == "TERMINATED")
    kinds = [op.operation_type for op in cloud.operations.list(project=cloud.project, zone=cloud.zone)]
    assert "compute.instances.terminateOnSchedule" in kinds
    api.stop()


def _until(true: t.Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_disks_grow_and_carry_labels(cloud: Cloud) -> None:
    cloud.made("one")
    where = {"project": cloud.project, "zone": cloud.zone}
    grow = gce.DisksResizeRequest(size_gb=40)
    cloud.done(cloud.disks.resize_unary(**where, disk="one", disks_resize_request_resource=grow))
    assert cloud.get("one").disks[0].disk_size_gb == 40
    with pytest.raises(exceptions.BadRequest, match="larger"):
        cloud.disks.resize_unary(**where, disk="one", disks_resize_request_resource=gce.DisksResizeRequest(size_gb=30))
    old = cloud.disks.get(**where, disk="one").label_fingerprint
    body = gce.ZoneSetLabelsRequest(label_fingerprint=old, labels={"a": "b"})
    cloud.done(cloud.disks.set_labels_unary(**where, resource="one", zone_set_labels_request_resource=body))
    assert [disk.labels for disk in cloud.disks.list(**where)] == [{"a": "b"}]
    with pytest.raises(exceptions.BadRequest, match="being used"):
        cloud.disks.delete_unary(**where, disk="one")


def test_a_kept_disk_outlives_its_instance_and_serves_another(cloud: Cloud) -> None:
    instance = cloud.instance("one")
    instance.disks[0].auto_delete = False
    cloud.made("one", disks=instance.disks)
    cloud.verb("delete", "one")
    kept = cloud.disks.get(project=cloud.project, zone=cloud.zone, disk="one")
    assert not kept.users
    with pytest.raises(exceptions.Conflict):
        cloud.insert("one")
    cloud.made("two", disks=[gce.AttachedDisk(boot=True, source=kept.self_link)])
    cloud.verb("delete", "two")
    cloud.done(cloud.disks.delete_unary(project=cloud.project, zone=cloud.zone, disk="one"))


def test_what_is_there_before(cloud: Cloud) -> None:
    for family, link in cloud.seed["image_families"].items():
        owner = link.split("/")[1]
        image = cloud.images.get_from_family(project=owner, family=family)
        assert cloud.images.get(project=owner, image=image.name).family == family
    assert [zone.name for zone in cloud.zones.list(project=cloud.project)] == sorted(cloud.seed["zones"])
    assert [region.name for region in cloud.regions.list(project=cloud.project)] == cloud.seed["regions"]
    assert cloud.zones.get(project=cloud.project, zone=cloud.zone).status == "UP"
    machine = cloud.machine_types.get(project=cloud.project, zone=cloud.zone, machine_type="e2-standard-4")
    assert (machine.guest_cpus, machine.memory_mb) == (4, 16384)
    assert len(list(cloud.machine_types.list(project=cloud.project, zone=cloud.zone))) > 20
    region, network = cloud.seed["regions"][0], cloud.seed["network"].rsplit("/", 1)[-1]
    assert cloud.regions.get(project=cloud.project, region=region).quotas[0].metric == "CPUS"
    assert cloud.networks.get(project=cloud.project, network=network).name == network
    subnet = cloud.subnetworks.get(project=cloud.project, region=region, subnetwork=network)
    assert subnet.private_ip_google_access


def test_the_projects_metadata(cloud: Cloud) -> None:
    old = cloud.projects.get(project=cloud.project).common_instance_metadata
    body = gce.Metadata(fingerprint=old.fingerprint, items=[gce.Items(key="enable-oslogin", value="TRUE")])
    operation = cloud.projects.set_common_instance_metadata_unary(project=cloud.project, metadata_resource=body)
    cloud.global_operations.wait(project=cloud.project, operation=operation.name)
    new = cloud.projects.get(project=cloud.project).common_instance_metadata
    assert [(item.key, item.value) for item in new.items] == [("enable-oslogin", "TRUE")]
    with pytest.raises(exceptions.PreconditionFailed):
        cloud.projects.set_common_instance_metadata_unary(project=cloud.project, metadata_resource=body)


def test_console_and_guest_attributes(cloud: Cloud) -> None:
    cloud.made("one")
    where = {"project": cloud.project, "zone": cloud.zone, "instance": "one"}
    first = cloud.instances.get_serial_port_output(**where)
    assert "RUNNING" in first.contents
    request = {**where, "start": first.next_}
    assert cloud.instances.get_serial_port_output(request=request).contents == ""
    with pytest.raises(exceptions.PreconditionFailed):
        cloud.instances.get_guest_attributes(**where)
    item = gce.Items(key="enable-guest-attributes", value="TRUE")
    old = cloud.get("one").metadata.fingerprint
    cloud.verb("set_metadata", "one", metadata_resource=gce.Metadata(fingerprint=old, items=[item]))
    with pytest.raises(exceptions.NotFound):
        cloud.instances.get_guest_attributes(**where)
    cloud.control("guest-attributes", zone=cloud.zone, instance="one", key="hostkeys/ssh-ed25519", value="AAAA")
    found = cloud.instances.get_guest_attributes(request={**where, "query_path": "hostkeys/"})
    assert [(i.namespace, i.key, i.value) for i in found.query_value.items] == [("hostkeys", "ssh-ed25519", "AAAA")]


def test_keys_confidential_and_public_addresses_are_answered(cloud: Cloud) -> None:
    key = f"projects/{cloud.project}/locations/europe-west3/keyRings/r/cryptoKeys/k"
    disks = cloud.instance("one").disks
    disks[0].disk_encryption_key = gce.CustomerEncryptionKey(kms_key_name=key)
    interface = gce.NetworkInterface(
        subnetwork=cloud.seed["subnetworks"]["europe-west3"],
        access_configs=[gce.AccessConfig(name="External NAT", type_="ONE_TO_ONE_NAT")],
    )
    instance = cloud.made(
        "one",
        disks=disks,
        machine_type=f"zones/{cloud.zone}/machineTypes/n2d-standard-4",
        network_interfaces=[interface],
        confidential_instance_config=gce.ConfidentialInstanceConfig(enable_confidential_compute=True),
        shielded_instance_config=gce.ShieldedInstanceConfig(enable_secure_boot=True),
    )
    assert instance.disks[0].disk_encryption_key.kms_key_name == f"{key}/cryptoKeyVersions/1"
    assert instance.confidential_instance_config.confidential_instance_type == "SEV"
    assert instance.network_interfaces[0].access_configs[0].nat_i_p.startswith("203.0.113.")
    assert instance.shielded_instance_config.enable_secure_boot
    assert instance.shielded_instance_config.enable_integrity_monitoring
    with pytest.raises(exceptions.BadRequest, match="Confidential"):
        cloud.verb("suspend", "one")


def test_shielded_settings(cloud: Cloud) -> None:
    cloud.made("one")
    policy = gce.ShieldedInstanceIntegrityPolicy(update_auto_learn_policy=True)
    where = {"project": cloud.project, "zone": cloud.zone, "instance": "one"}
    learn = cloud.instances.set_shielded_instance_integrity_policy_unary
    cloud.done(learn(**where, shielded_instance_integrity_policy_resource=policy))
    secure = gce.ShieldedInstanceConfig(enable_secure_boot=True)
    change = cloud.instances.update_shielded_instance_config_unary
    with pytest.raises(exceptions.BadRequest, match="stopped"):
        change(**where, shielded_instance_config_resource=secure)
    cloud.verb("stop", "one")
    cloud.done(change(**where, shielded_instance_config_resource=secure))
    new = cloud.get("one").shielded_instance_config
    assert (new.enable_secure_boot, new.enable_vtpm) == (True, True)


def test_machine_types_that_cannot_suspend(cloud: Cloud) -> None:
    cloud.made("one", machine_type=f"zones/{cloud.zone}/machineTypes/c3-standard-4")
    with pytest.raises(exceptions.BadRequest, match="does not support suspend"):
        cloud.verb("suspend", "one")


def test_addresses_are_not_given_again_at_once(cloud: Cloud) -> None:
    first = cloud.made("one").network_interfaces[0].network_i_p
    cloud.verb("delete", "one")
    assert cloud.made("one").network_interfaces[0].network_i_p != first
    wanted = gce.NetworkInterface(subnetwork=cloud.seed["subnetworks"]["europe-west3"], network_i_p=first)
    assert cloud.made("two", network_interfaces=[wanted]).network_interfaces[0].network_i_p == first
    with pytest.raises(exceptions.BadRequest, match="already being used"):
        cloud.insert("three", network_interfaces=[wanted])


def test_the_newest_first(cloud: Cloud) -> None:
    for name in ("a", "b"):
        cloud.made(name)
        time.sleep(0.002)
    request = gce.ListInstancesRequest(project=cloud.project, zone=cloud.zone, order_by="creationTimestamp desc")
    assert [instance.name for instance in cloud.instances.list(request=request)] == ["b", "a"]


def test_any_token_will_do_where_that_is_asked_for() -> None:
    api = Api(accept_any_token=True)
    api.start()
    url = f"{api.endpoint}/compute/v1/projects/{api.seed()['project']}/zones"
    assert requests.get(url, headers={"Authorization": "Bearer peer"}, timeout=60).status_code == 200
    api.stop()


def test_metadata_on_an_address_of_its_own(cloud: Cloud) -> None:
    cloud.api.serve_metadata("127.0.0.1", 0)
    port = cloud.api._more[0].server_address[1]
    header = {"Metadata-Flavor": "Google"}
    root = f"http://127.0.0.1:{port}"
    assert requests.get(f"{root}/computeMetadata/v1/project/project-id", headers=header, timeout=60).ok
    assert requests.get(f"{root}/compute/v1/projects/x/zones", headers=header, timeout=60).status_code == 404


def test_many_at_once(cloud: Cloud) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        operations = list(pool.map(cloud.insert, [f"vm-{number}" for number in range(24)]))
        ended = list(pool.map(cloud.done, operations))
    assert not any(operation.error.errors for operation in ended)
    found = list(cloud.instances.list(project=cloud.project, zone=cloud.zone))
    assert {instance.status for instance in found} == {"RUNNING"}
    assert len({instance.network_interfaces[0].network_i_p for instance in found}) == 24


def test_one_name_wanted_by_many_at_once(cloud: Cloud) -> None:
    def attempt(_number: int) -> bool:
        try:
            return not cloud.done(cloud.insert("one")).error.errors
        except exceptions.Conflict:
            return False

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(attempt, range(8))).count(True) == 1

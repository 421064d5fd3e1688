"""Which instances have a host, and the look for those that went off by themselves or have run long enough."""

from __future__ import annotations

import threading
import time
import typing as t

from ..host import Host, HostDriver, HostError
from . import catalog, guest, words
from .errors import OperationFailed
from .operations import Job
from .store import Record
from .world import Call, World

#: Only what carries this label is a workspace, and gets a host.
LABEL = "devcontainer-managed-by"


class Hosts:
    """Between instances' records and the driver. Suspending powers a host off: its memory is not kept."""

    def __init__(self, world: World, driver: HostDriver | None) -> None:
        self.world = world
        self.driver = driver
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gce-hosts", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; hosts stay."""
        self._stopping.set()
        self._thread.join()

    def has_host(self, record: Record) -> bool:
        """Whether a driver realises this instance; its labels decided so when it was started."""
        return self.driver is not None and bool(record.get("host"))

    def host(self, record: Record) -> Host:
        """An instance as the driver needs it."""
        resource = record["resource"]
        zone = words.last(resource["zone"])
        project = record["key"].split("/")[0]
        common = self.world.store.table("projects")[project]["metadata"]
        own, address = guest.attributes(resource), self.world.metadata_address
        return Host(
            instance_id=resource["id"],
            private_ip=resource["networkInterfaces"][0]["networkIP"],
            family=record["image"],
            user_data=guest.user_data(own, guest.items(common), metadata_address=address),
            tags=dict(resource.get("labels", {})),
            instance_type=words.last(resource["machineType"]),
            region=catalog.ZONES[zone],
            zone=zone,
            image_id=record["image"],
        )

    def starter(self, record: Record) -> Job | None:
        """What starts the host, to be called without the lock; None where there is no host."""
        if record["resource"].get("labels", {}).get(LABEL):
            record["host"] = True
        if not self.has_host(record):
            return None
        driver, host = t.cast(HostDriver, self.driver), self.host(record)

        def job() -> None:
            try:
                driver.start(host)
            except HostError as why:
                raise OperationFailed("INTERNAL_ERROR", f"The host could not be started: {why}", 500) from why

        return job

    def stopper(self, record: Record) -> Job | None:
        """What powers the host off."""
        return self._job(record, "stop")

    def remover(self, record: Record) -> Job | None:
        """What removes the host with its disk."""
        return self._job(record, "terminate")

    def remove(self, record: Record) -> None:
        """Remove the host of a failed insert, in the background."""
        job = self.remover(record)
        if job is not None:
            threading.Thread(target=job, daemon=True).start()

    def describer(self, record: Record) -> Job | None:
        """What shows changed labels or metadata to the host."""
        if not self.has_host(record) or record["resource"]["status"] != "RUNNING":
            return None
        driver, host = t.cast(HostDriver, self.driver), self.host(record)
        return lambda: driver.describe(host)

    def _job(self, record: Record, verb: str) -> Job | None:
        if not self.has_host(record):
            return None
        function, number = getattr(self.driver, verb), record["resource"]["id"]
        return lambda: function(number)

    def _run(self) -> None:
        while not self._stopping.wait(self.world.delays.poll):
            asked = time.time()
            gone = self.driver.stopped() if self.driver else set()
            with self.world.store:
                for record in list(self.world.store.table("instances").values()):
                    if record.get("host") or "ends" in record:
                        self._look(record, gone, asked)

    def _look(self, record: Record, gone: t.Collection[str], asked: float) -> None:
        """What was off when we asked may have been started since then: that is no power off."""
        resource = record["resource"]
        project, zone, name = record["key"].split("/")
        path = f"projects/{project}/zones/{zone}/instances/{name}"
        if resource["status"] != "RUNNING" or any(
            op["args"].get("verb") for op in self.world.operations.active_on(path)
        ):
            return
        if self.has_host(record) and resource["id"] in gone and record["since"] < asked:
            self.system(record, "compute.instances.guestTerminate")
        elif record.get("ends", float("inf")) <= time.time():
            self.system(record, "compute.instances.terminateOnSchedule")

    def system(self, record: Record, kind: str) -> Record:
        """What the platform does of itself: the end of a lease or of a spot instance, or the guest's own power off."""
        project, zone, name = record["key"].split("/")
        method = self.world.document.methods["instances.stop"]
        call = Call(method, {"project": project, "zone": zone}, {}, user="system")
        path = f"projects/{project}/zones/{zone}/instances/{name}"
        action = record["resource"]["scheduling"].get("instanceTerminationAction", "STOP")
        plan = [(0.0, "stop_begin"), (self.world.delays.stop, "stop_host"), (0.0, "stopped")]
        if action == "DELETE" and kind != "compute.instances.guestTerminate":
            plan = [(0.0, "delete_begin"), (0.0, "deprovision"), (0.0, "delete_host"), (0.0, "delete_end")]
        args = {"instance": record["key"], "verb": True}
        return self.world.operations.submit(call, kind, path, record["resource"]["id"], plan, **args)

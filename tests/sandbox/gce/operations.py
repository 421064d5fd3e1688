"""Operations: accepted at once, done later, and they may end badly. Each is a plan of named steps with delays."""

from __future__ import annotations

import copy
import threading
import time
import typing as t
import uuid

from . import errors, words
from .errors import OperationFailed
from .store import Record
from .world import Call, World

#: A step changes the world; what it returns is done in a thread of its own before the next step (a host's start).
Job = t.Callable[[], None]
Step = t.Callable[[World, Record], "Job | None"]
STEPS: dict[str, Step] = {}


def step(function: Step) -> Step:
    """Register a step under its name; plans are stored, so they name their steps."""
    STEPS[function.__name__] = function
    return function


class Operations:
    """Runs the plans. A plan survives a restart of the sandbox: a step that was under way is run again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._busy: set[str] = set()
        self._active: set[str] = set()
        self._stopping = False
        for key, record in world.store.table("operations").items():
            if record["resource"]["status"] != "DONE":
                self._active.add(key)
        self._thread = threading.Thread(target=self._run, name="gce-operations", daemon=True)

    def start(self) -> None:
        """Begin to run plans."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; plans stay where they are."""
        with self.world.store:
            self._stopping = True
        self._thread.join()

    def submit(
        self, call: Call, kind: str, target: str, target_id: str, plan: t.Sequence[tuple[float, str]], **args: t.Any
    ) -> Record:
        """Accept an operation; returns the Operation as it is answered.

        ``target`` is a path (projects/...); ``plan`` names steps with the seconds before each. ``undo`` among ``args``
        is the step that takes back what was reserved when the operation fails.
        """
        now = time.time()
        millis = int(now * 1000)
        name = f"operation-{millis}-{uuid.uuid4().hex[:13]}-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:8]}"
        place = f"zones/{call.zone}" if call.zone else "global"
        resource = {
            "kind": "compute#operation",
            "id": words.new_id(),
            "name": name,
            "operationType": kind,
            "targetLink": words.link(target),
            "targetId": target_id,
            "status": "PENDING",
            "user": call.user,
            "progress": 0,
            "insertTime": words.stamp(now),
            "selfLink": words.link(f"projects/{call.project}/{place}/operations/{name}"),
        }
        if call.zone:
            resource["zone"] = words.link(f"projects/{call.project}/zones/{call.zone}")
        record = {
            "key": f"{call.project}/{call.zone}/{name}",
            "resource": resource,
            "plan": [list(item) for item in plan],
            "due": now + self.world.delays.accept,
            "fault": call.fault,
            "args": args,
        }
        self._save(record)
        return copy.deepcopy(resource)

    def get(self, call: Call) -> Record:
        """The Operation of the path as it is now. Raises ApiError."""
        return copy.deepcopy(self._record(call)["resource"])

    def wait(self, call: Call) -> Record:
        """The Operation once it is done, or as it is after ``delays.wait`` seconds."""
        deadline = time.monotonic() + self.world.delays.wait
        while self._record(call)["resource"]["status"] != "DONE":
            left = deadline - time.monotonic()
            if left <= 0 or self._stopping:
                break
            self.world.store.wait(left)
        return self.get(call)

    def all(self, project: str, zone: str) -> list[Record]:
        """The Operations of a zone, or the global ones with an empty zone."""
        prefix = f"{project}/{zone}/"
        table = self.world.store.table("operations")
        return [record["resource"] for key, record in table.items() if key.startswith(prefix)]

    def active_on(self, target: str) -> list[Record]:
        """The records of what is not done yet on a resource (projects/...)."""
        table = self.world.store.table("operations")
        found = [table[key] for key in self._active]
        return [record for record in found if record["resource"]["targetLink"] == words.link(target)]

    def fail(self, record: Record, why: OperationFailed) -> None:
        """End an operation badly, its reservations undone."""
        undo = record["args"].get("undo")
        if undo:
            STEPS[undo](self.world, record)
        self._done(record, why.fields())

    def _record(self, call: Call) -> Record:
        name = str(call.parameters["operation"])
        key = f"{call.project}/{call.zone}/{name}"
        record = self.world.store.table("operations").get(key)
        if record is None or time.time() > record.get("expires", float("inf")):
            place = f"zones/{call.zone}" if call.zone else "global"
            raise errors.not_found(f"projects/{call.project}/{place}/operations/{name}")
        return t.cast("Record", record)

    def _save(self, record: Record) -> None:
        key = record["key"]
        self.world.store.put("operations", key, record)
        if record["resource"]["status"] == "DONE":
            self._active.discard(key)
        else:
            self._active.add(key)

    def _run(self) -> None:
        store = self.world.store
        while True:
            with store.lock:  # reads only; nothing to commit
                if self._stopping:
                    return
                now = time.time()
                table = store.table("operations")
                due = [table[key]["due"] for key in self._active - self._busy]
                wait = min(due, default=now + 3600) - now
                if wait > 0:
                    store.lock.wait(wait)
                    continue
            self.advance()

    def advance(self) -> None:
        """Do every step that is due."""
        with self.world.store:
            now = time.time()
            table = self.world.store.table("operations")
            for key in sorted(self._active - self._busy, key=lambda k: table[k]["due"]):
                if key in self._active and table[key]["due"] <= now:
                    self._one(table[key], now)

    def _one(self, record: Record, now: float) -> None:
        resource = record["resource"]
        if resource["status"] == "PENDING":
            resource.update(status="RUNNING", startTime=words.stamp(now))
            record["due"] = now + (record["plan"][0][0] if record["plan"] else 0)
            self._save(record)
            return
        try:
            if record["fault"]:
                fault = record["fault"]
                raise OperationFailed(fault["code"], fault["message"], fault["http"])
            if not record["plan"]:
                self._done(record, {})
                return
            job = STEPS[record["plan"][0][1]](self.world, record)
        except OperationFailed as why:
            self.fail(record, why)
            return
        if job is None:
            self._next(record)
        else:
            self._busy.add(record["key"])
            threading.Thread(target=self._work, args=(record, job), name="gce-host", daemon=True).start()

    def _work(self, record: Record, job: Job) -> None:
        failed: OperationFailed | None = None
        try:
            job()
        except OperationFailed as why:
            failed = why
        with self.world.store:
            self._busy.discard(record["key"])
            if record["resource"]["status"] == "DONE":
                return  # ended from outside, by the instance's deletion
            if failed:
                self.fail(record, failed)
            else:
                self._next(record)

    def _next(self, record: Record) -> None:
        record["plan"].pop(0)
        if not record["plan"]:
            self._done(record, {})
            return
        record["due"] = time.time() + record["plan"][0][0]
        record["resource"]["progress"] = 50
        self._save(record)

    def _done(self, record: Record, more: Record) -> None:
        now = time.time()
        record["resource"].update(status="DONE", progress=100, endTime=words.stamp(now), **more)
        record["expires"] = now + self.world.delays.expire
        self._save(record)

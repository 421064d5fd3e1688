"""What the account's instances are up to: states that take time, late visibility, client tokens, hosts behind them.

Time passes only in advance(), which every call runs first: no state changes between two looks of one call.
"""

from __future__ import annotations

import base64
import dataclasses
import threading
import time
import typing as t

from moto.core.utils import utcnow

from tests.sandbox.api import keep
from tests.sandbox.api.hosts import Hosts
from tests.sandbox.host import Host

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
USER_SHUTDOWN = ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
USER_HIBERNATE = ("Client.UserInitiatedHibernate", "Client.UserInitiatedHibernate: User initiated hibernate")
GUEST_SHUTDOWN = (
    "Client.InstanceInitiatedShutdown",
    "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
)
NO_REASON = ("", "")
MANAGED = ("devcontainer:managed-by", "devcontainer.cloud")


@dataclasses.dataclass(frozen=True)
class Delays:
    """Seconds that the cloud takes: pending -> running, to stopped, to terminated, and to show a new instance."""

    pending: float = 1.0
    stopping: float = 0.7
    terminating: float = 0.5
    visible: float = 0.7


@dataclasses.dataclass
class Track:
    """One instance on its way. Kept on disk together with moto's own object."""

    instance: t.Any
    region: str
    visible_at: float  # in seconds of the epoch
    then: str = ""  #: the state to come; empty at rest
    due: float = 0.0  #: when it comes at the earliest
    reason: tuple[str, str] = NO_REASON  #: StateReason of the state to come, (code, message)
    hosted: bool = False
    busy: bool = False  #: its host is being started, stopped or removed
    epoch: int = 0  #: counts the transitions begun, so that a late answer of a host is told apart
    request: t.Any = None  #: the spot request that made it
    again: t.Any = None  #: what a persistent request launches another from
    ran: bool = False  #: whether its host has run at all

    @property
    def state(self) -> str:
        return str(self.instance._state.name)


class World:
    """All of it. Whoever touches it holds ``lock``; ``commit`` at the end saves it and lets the hosts follow."""

    def __init__(self, delays: Delays, hosts: Hosts | None = None, store: keep.Store | None = None) -> None:
        self.lock = threading.RLock()
        self.delays = delays
        self.fate = ""  #: how the launch that is being carried out is to end, "Code: message"
        self.tracks: dict[str, Track] = {}
        #: (region, zone, token) -> (the instance, what it was asked for)
        self.tokens: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._hosts = hosts
        self._store = store
        self._unsaved = False
        self._jobs: list[Track] = []

    def restore(self) -> None:
        """Go on from what was kept on disk, if anything was: what hosts were asked last they are asked again."""
        kept = self._store.load() if self._store else None
        if kept:
            self.tracks, self.tokens = kept
            for track in self.tracks.values():
                track.hosted = track.hosted and self._hosts is not None
                track.busy = track.busy and track.hosted
            self._jobs = [track for track in self.tracks.values() if track.busy]

    def changed(self) -> None:
        self._unsaved = True

    def clear(self) -> None:
        """Forget everything; moto's backends are emptied beside it."""
        self.tracks.clear()
        self.tokens.clear()
        self._jobs.clear()
        self._unsaved = True

    def commit(self) -> None:
        """Save what changed, then start what the hosts have to do: nobody hears of what is not on disk."""
        if self._unsaved and self._store:
            self._store.save(self.tracks, self.tokens)
        self._unsaved = False
        jobs, self._jobs = self._jobs, []
        for track in jobs:
            if self._hosts:
                self._hosts.submit(track.then, host_of(track), self._answer(track, track.epoch))

    def visible(self, instance_id: str) -> bool:
        track = self.tracks.get(instance_id)
        return track is None or track.visible_at <= time.time()

    def launched(self, instance: t.Any, region: str) -> Track:
        """A new instance: pending, unseen."""
        now = time.time()
        track = Track(instance, region, now + self.delays.visible)
        self.tracks[instance.id] = track
        track.hosted = self._hosts is not None and tags_of(instance).get(MANAGED[0]) == MANAGED[1]
        self.begin(track, "pending", "running", self.delays.pending)
        if self.fate:
            code, _colon, message = self.fate.partition(": ")
            track.then, track.reason = "terminated", (code, f"{code}: {message or 'the launch failed'}")
        return track

    def begin(self, track: Track, now: str, then: str, delay: float, reason: tuple[str, str] = NO_REASON) -> None:
        """Set out from one state to another; the host's part, if it has one, is started by commit()."""
        set_state(track.instance, now, NO_REASON if now == "pending" else reason)
        track.then, track.due, track.reason = then, time.time() + delay, reason
        track.epoch += 1
        track.busy = track.hosted
        if track.hosted:
            self._jobs.append(track)
        self.changed()

    def advance(self) -> None:
        """Let every transition arrive whose time has come."""
        now = time.time()
        for track in list(self.tracks.values()):
            if track.then and not track.busy and track.due <= now:
                self._arrive(track)

    def _arrive(self, track: Track) -> None:
        state, track.then = track.then, ""
        if state == "terminated":
            unmake(track.instance)
        set_state(track.instance, state, track.reason)
        self.changed()
        request = track.request
        if state == "terminated" and request and request.type == "persistent" and request.state != "cancelled":
            track.instance.ec2_backend.relaunch(track)

    def _answer(self, track: Track, epoch: int) -> t.Callable[[str], None]:
        """What a host's thread calls at its end, with the reason why it failed or an empty text."""

        def answer(failed: str) -> None:
            with self.lock:
                if track.epoch != epoch:
                    return
                track.busy = False
                if failed:
                    # A launch that fails ends the instance; a start that fails leaves it with its disk.
                    track.then = "stopped" if track.ran else "terminated"
                    track.reason = ("Server.InternalError", f"Server.InternalError: {failed}")
                elif track.then == "running":
                    track.ran = True
                self.changed()
                self.commit()

        return answer

    def powered_off(self) -> None:
        """Look for hosts that switched themselves off; called about once a second, without the lock."""
        if not self._hosts:
            return
        with self.lock:
            self.advance()
            self.commit()
            running = {
                key: track.epoch for key, track in self.tracks.items() if track.hosted and track.state == "running"
            }
        stopped = self._hosts.stopped()
        with self.lock:
            for key in stopped & running.keys():
                track = self.tracks.get(key)
                if track is None or track.state != "running" or track.epoch != running[key]:
                    continue
                if track.instance.instance_initiated_shutdown_behavior == "terminate":
                    self.begin(track, "shutting-down", "terminated", 0, GUEST_SHUTDOWN)
                else:
                    track.epoch += 1
                    set_state(track.instance, "stopped", GUEST_SHUTDOWN)
                self.changed()
            self.commit()

    def described(self, instance_ids: t.Iterable[str]) -> None:
        """Tags or metadata options changed: their hosts are to show the new ones."""
        for key in instance_ids:
            track = self.tracks.get(key)
            if track and track.hosted and self._hosts and track.state not in ("shutting-down", "terminated"):
                self._hosts.describe(host_of(track))


def set_state(instance: t.Any, state: str, reason: tuple[str, str]) -> None:
    """A new state with its reason, (code, message)."""
    instance._state.name, instance._state.code = state, CODES[state]
    instance.state_reason.code, instance.state_reason.message = reason
    instance._reason = f"User initiated ({utcnow():%Y-%m-%d %H:%M:%S} GMT)" if reason == USER_SHUTDOWN else ""


def unmake(instance: t.Any) -> None:
    """What goes with an instance: disks, interfaces, address, profile. Its tags stay, as the service's do."""
    ec2 = instance.ec2_backend
    instance.teardown_defaults()
    for nic in list(instance.nics.values()):
        nic.stop()
        if nic.delete_on_termination:
            nic.delete()
    for address in instance._private_ips:
        ec2.get_subnet(instance.subnet_id).del_subnet_ip(address)
    ec2.iam_instance_profile_associations.pop(instance.id, None)


def tags_of(instance: t.Any) -> dict[str, str]:
    return dict(instance.ec2_backend.tags.get(instance.id, {}))


def host_of(track: Track) -> Host:
    """The instance as its host needs it."""
    instance = track.instance
    options = instance.metadata_options
    return Host(
        instance_id=instance.id,
        private_ip=instance.private_ip,
        family=instance.ec2_backend.amis[instance.image_id].name.rpartition("-")[0],
        user_data=base64.b64decode(str(instance.user_data)) if instance.user_data else b"",
        tags=tags_of(instance),
        instance_type=instance.instance_type,
        region=track.region,
        zone=instance.availability_zone,
        image_id=instance.image_id,
        hop_limit=options.http_put_response_hop_limit,
        metadata_tags=options.instance_metadata_tags == "enabled",
    )

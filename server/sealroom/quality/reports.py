# SPDX-License-Identifier: Apache-2.0
"""What devices tell, on its way into samples, events and the SDK's log. It is kept of the participant himself, and of nobody else."""

import asyncio
import itertools
from collections.abc import Callable, Sequence

from sealroom.apps.models import Identity
from sealroom.catalogue import Document
from sealroom.core.clock import Clock
from sealroom.core.errands import Errands
from sealroom.core.logging import get_logger
from sealroom.core.records import RecordsUnavailable
from sealroom.quality.collector import SAMPLE_SECONDS, Collector
from sealroom.quality.device import DeviceSample, DeviceTrack
from sealroom.quality.history import Keeper
from sealroom.quality.minutes import Minutes
from sealroom.quality.models import CallEvent, Entry, EventKind, SdkLogEntry, name_of
from sealroom.rooms.state import Participant
from sealroom_wire import reports as wire
from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import RoomId
from sealroom_wire.reports import (
    LimitedBy,
    LogEntry,
    Pressure,
    ReceivedStream,
    ReportedEvent,
    Reports,
    Sample,
    SentStream,
)
from sealroom_wire.signalling import Track

BUSY = {Pressure.NOMINAL: 25, Pressure.FAIR: 50, Pressure.SERIOUS: 75, Pressure.CRITICAL: 95}
"""Percent for the states of the Compute Pressure API: browsers name no number, and the dashboard's curves want one."""


MAX_WAITING = 5_000
"""Documents of devices that wait for the journal's disk. Beyond it new ones are lost, and counted in the log."""
GATHER_SECONDS = 0.1
"""How long the first of some documents waits for others, so that they share one write. A killed process loses what waits: nobody was
told that it is kept. Longer makes fewer writes, and loses more."""

_log = get_logger()


class Listening:
    """Implements `signalling.reports.DeviceReports`, `signalling.conversation.EntryListener` and `signalling.refusals.RefusalListener`."""

    def __init__(
        self, collector: Collector, keeper: Keeper, minutes: Minutes, clock: Clock, errands: Errands, *, log: bool,
        expected: Callable[[Sequence[Document]], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """`log`: whether SDKs are asked for their log. `expected` is told at once of documents that will be put: their call may be over by then."""
        self._collector, self._keeper, self._minutes = collector, keeper, minutes
        self._clock, self._errands, self._expected = clock, errands, expected
        self._wanted = Reports(sample_every=round(SAMPLE_SECONDS * 1000), log=log)
        self._numbers = itertools.count()
        self._gathered: list[Document] = []
        self._waiting = self._lost = 0

    @property
    def wanted(self) -> Reports:
        """What devices that enter now are asked for."""
        return self._wanted

    def on_sample(self, participant: Participant, sample: Sample) -> None:
        """Goes into the samples of the next take."""
        self._collector.on_device_sample(participant.peer, _of_device(sample))

    def on_events(self, participant: Participant, events: tuple[ReportedEvent, ...]) -> None:
        """Go into the call's events, at the time they came: a device's clock is its own."""
        self._keep([self._event(participant, event) for event in events])

    def on_entry(self, identity: Identity, room: RoomId, code: ErrorCode | None, seconds: float) -> None:
        """Somebody asked to enter: for the share of those who were let in, and how soon."""
        now = int(self._clock.unix() * 1000)
        sdk_app_id = identity.application.sdk_app_id
        entry = Entry(
            id=name_of(sdk_app_id, room.id, identity.user_id, now, next(self._numbers)), time=now, sdk_app_id=sdk_app_id,
            room=room.id, room_kind=room.kind, user_id=identity.user_id, code="" if code is None else code.value, milliseconds=round(seconds * 1000),
        )  # fmt: skip
        self._minutes.add_entry(entry)
        self._keep([entry])

    def on_refusal(self, participant: Participant, code: ErrorCode, count: int) -> None:
        """Goes into the call's events."""
        self._keep([self._call_event(participant, EventKind.REFUSED, detail=code.value, number=count)])

    def on_log(self, participant: Participant, entries: tuple[LogEntry, ...]) -> None:
        """Go into the SDK's log."""
        self._keep([self._entry(participant, entry) for entry in entries])

    def _keep(self, documents: list[Document]) -> None:
        if not documents:
            return
        if self._waiting + len(documents) > MAX_WAITING:
            self._lost += len(documents)
            return
        self._expected(documents)
        self._waiting += len(documents)
        if not self._gathered:
            self._errands.start(self._put())
        self._gathered += documents

    async def _put(self) -> None:
        """Writes what gathers."""
        documents: list[Document] = []
        try:
            try:
                await asyncio.sleep(GATHER_SECONDS)
            finally:
                # Also where this is cancelled: the next document starts another.
                documents, self._gathered = self._gathered, []
            await self._keeper.put_durable(documents)
        except RecordsUnavailable:
            # The journal counts what it does not take, and says so.
            return
        finally:
            self._waiting -= len(documents)
            if self._lost and self._waiting < MAX_WAITING // 2:
                _log.error("records_lost", reason="too_many_reports", count=self._lost)
                self._lost = 0

    def _event(self, participant: Participant, event: ReportedEvent) -> CallEvent:
        kind, detail, number = _told(event)
        slot = getattr(event, "slot", None)
        shown, track = ("", None) if slot is None else self._collector.shown_to(participant.peer, slot)
        return self._call_event(participant, kind, detail, number, shown, track)

    def _call_event(
        self,
        participant: Participant,
        kind: EventKind,
        detail: str | None,
        number: int | None,
        peer_id: str = "",
        track: str | None = None,
    ) -> CallEvent:
        call, now = participant.room.call, int(self._clock.unix() * 1000)
        return CallEvent(
            id=name_of(call.id, participant.user_id, participant.peer, now, next(self._numbers)), time=now,
            sdk_app_id=call.sdk_app_id, call_id=call.id, room=call.room.id, room_kind=call.room.kind, user_id=participant.user_id, kind=kind, peer_id=peer_id,
            track=track, detail=detail, number=number,
        )  # fmt: skip

    def _entry(self, participant: Participant, entry: LogEntry) -> SdkLogEntry:
        call, client, now = participant.room.call, participant.origin.client, int(self._clock.unix() * 1000)
        said = [
            entry.reason,
            entry.place,
            entry.track.value if entry.track else "",
            str(entry.code) if entry.code else "",
        ]
        if entry.count > 1:
            said.append(f"{entry.count} times")
        return SdkLogEntry(
            id=name_of(call.id, participant.user_id, participant.peer, "log", now, next(self._numbers)), time=now,
            sdk_app_id=call.sdk_app_id, room=call.room.id, room_kind=call.room.kind, user_id=participant.user_id, sdk_version=client.version,
            os_type=client.os, level=entry.level.value, event=entry.event, text=" ".join(filter(None, said)),
        )  # fmt: skip


def _told(event: ReportedEvent) -> tuple[EventKind, str | None, int | None]:
    """Kind, detail and number of an event; docs/quality.md lists them."""
    match event:
        case wire.DeviceChanged(device=device, action=action):
            return EventKind.DEVICE, f"{device.value}_{action.value}", None
        case wire.CaptureFailed(device=device, reason=reason):
            return EventKind.DEVICE, f"{device.value}_{reason.value}_failed", None
        case wire.NetworkChanged(network=network):
            return EventKind.NETWORK, network.value, None
        case wire.VisibilityChanged(hidden=hidden):
            return EventKind.BACKGROUND if hidden else EventKind.FOREGROUND, None, None
        case wire.FirstFrame(at=at):
            return EventKind.FIRST_FRAME, None, at
        case wire.Reconnected(lost=lost, took=took):
            return EventKind.RECONNECT, lost.value, took
        case wire.MediaRestarted():
            return EventKind.RECONNECT, "media_restarted", None
        case wire.KeyWaited(waited=waited, first=first):
            return EventKind.KEY_CHANGE, "first_key" if first else "waited", waited
        case wire.KeyStateChanged(state=state):
            return EventKind.KEY_CHANGE, state.value, None
        case wire.FramesRefused(reason=refused, count=count):
            return EventKind.FRAMES_REFUSED, refused.value, count


def _of_device(sample: Sample) -> DeviceSample:
    sent: dict[Track, DeviceTrack] = {}
    for stream in sorted(sample.sent, key=lambda one: one.layer):
        if stream.bit_rate or stream.track not in sent:
            sent[stream.track] = _sent(stream)
    return DeviceSample(
        rtt=None if sample.rtt is None else float(sample.rtt),
        cpu=None if sample.cpu is None else BUSY[sample.cpu],
        memory=sample.memory,
        available=sample.available_up,
        sent=sent,
        received={stream.slot: _received(stream, sample) for stream in sample.received},
    )


def _sent(stream: SentStream) -> DeviceTrack:
    return DeviceTrack(
        frame_rate=stream.frame_rate, width=stream.width, height=stream.height, volume=stream.volume,
        limited_by=None if stream.limited_by in (None, LimitedBy.NONE) else stream.limited_by.value,
        capture_rate=stream.capture_rate,
    )  # fmt: skip


def _received(stream: ReceivedStream, sample: Sample) -> DeviceTrack:
    # A page in the back shows no pictures, and that is no fault: nothing was to be played.
    plays = stream.frozen is not None and not sample.hidden
    return DeviceTrack(
        frame_rate=stream.frame_rate, width=stream.width, height=stream.height, volume=stream.volume,
        frozen=stream.frozen if plays else None, played=sample.span if plays else None,
        delay=None if stream.jitter_buffer is None else float(stream.jitter_buffer),
    )  # fmt: skip

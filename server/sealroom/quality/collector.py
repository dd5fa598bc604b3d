# SPDX-License-Identifier: Apache-2.0
"""Every 2 s one sample of each participant and track: what the engine measured, and beside it what the device told.

Rates are differences of the engine's counters over its own time between two takes. **A participant's first take makes no sample**:
there is nothing to subtract from.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sealroom.core.clock import Clock
from sealroom.core.errands import place_of
from sealroom.core.logging import get_logger
from sealroom.core.records import RecordsUnavailable
from sealroom.media import control
from sealroom.media.measures import PeerMeasures, RoomMeasures
from sealroom.media.port import Engine
from sealroom.quality import rates
from sealroom.quality.device import DeviceSample, DeviceTrack
from sealroom.quality.history import Keeper
from sealroom.quality.minutes import Minutes
from sealroom.quality.models import CallEvent, EventKind, Sample, name_of
from sealroom.rooms import events
from sealroom.rooms.events import Call, RoomEvent
from sealroom_wire.signalling import Track

SAMPLE_SECONDS = 2.0
"""How often samples are taken (TRTC's interval). Shorter draws finer curves and stores more."""

T = TypeVar("T")

_log = get_logger()


@dataclass(slots=True)
class _Member:
    """A participant as far as samples need to know him."""

    call: Call
    user_id: str
    tracks: dict[Track, bool] = field(default_factory=dict)
    """What he publishes, and whether it is muted."""
    before: PeerMeasures | None = None
    device: DeviceSample | None = None
    """What his device told since the last take."""


class Collector:
    """Takes the samples of this server's calls."""

    def __init__(
        self,
        engine: Engine,
        keeper: Keeper,
        minutes: Minutes,
        clock: Clock,
        *,
        measured: Sequence[Callable[[Sequence[RoomMeasures], int], None]] = (),
    ) -> None:
        """`measured` are handed each take of the engine's counters with its time (Unix milliseconds), so that it is asked once."""
        self._engine, self._keeper, self._minutes, self._clock = engine, keeper, minutes, clock
        self._measured = tuple(measured)
        self._members: dict[int, _Member] = {}
        self._happened: list[CallEvent] = []

    def on_room_event(self, event: RoomEvent) -> None:
        """Learns who is who from what happens in rooms."""
        match event:
            case events.ParticipantEntered():
                self._members[event.peer] = _Member(event.call, event.user_id)
            case events.ParticipantLeft():
                self._members.pop(event.peer, None)
            case events.TrackPublished() | events.TrackMuted():
                if event.peer in self._members:
                    self._members[event.peer].tracks[event.track] = event.muted
            case events.TrackUnpublished():
                if event.peer in self._members:
                    self._members[event.peer].tracks.pop(event.track, None)
            case _:
                pass

    def on_engine_event(self, event: control.Event) -> None:
        """A participant's transport is there: from now on media may flow."""
        member = self._members.get(event.peer) if isinstance(event, control.Connected) else None
        if member is not None:
            self._happened.append(_event(member, EventKind.CONNECTED, int(self._clock.unix() * 1000)))

    def on_device_sample(self, peer: int, sample: DeviceSample) -> None:
        """Takes what a device told; it goes into the next samples of its participant."""
        member = self._members.get(peer)
        if member is not None:
            member.device = sample

    def shown_to(self, peer: int, slot: int) -> tuple[str, str | None]:
        """Who was in a participant's slot at the last take, and with which track; `("", None)` where nobody is known."""
        member = self._members.get(peer)
        if member is None or member.before is None:
            return "", None
        source = next((one.source for one in member.before.down if one.slot == slot), None)
        publisher = self._members.get(source.peer) if source else None
        return (publisher.user_id, source.track.value) if publisher and source else ("", None)

    async def run(self) -> None:
        """Takes samples until it is cancelled. What goes wrong once is logged, and the next take is tried."""
        while True:
            due = self._clock.monotonic() + SAMPLE_SECONDS
            try:
                await self.take()
            except Exception as error:
                _log.error("samples_failed", error=type(error).__name__, place=place_of(error))
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))

    async def take(self) -> list[Sample]:
        """Takes the samples of all calls, and hands them on."""
        rooms = await self._engine.all_measures()
        now = int(self._clock.unix() * 1000)
        for listener in self._measured:
            listener(rooms, now)
        taken: list[Sample] = []
        for room in rooms:
            samples = list(self._of_room(room, now))
            if samples:
                self._keeper.put(samples)
                self._minutes.add(samples)
                taken += samples
            # Many rooms are many samples: between two of them calls have their turn.
            await asyncio.sleep(0)
        await self._minutes.close_until(now)
        await self._tell()
        return taken

    async def _tell(self) -> None:
        """Writes what was seen to happen. A full journal, which counts it, loses it: it is not kept here for later."""
        happened, self._happened = self._happened, []
        if happened:
            try:
                await self._keeper.put_durable(happened)
            except RecordsUnavailable as error:
                _log.error("history_not_kept", code=error.code, count=len(happened))

    def _of_room(self, room: RoomMeasures, now: int) -> Iterator[Sample]:
        pictures = {
            (peer.peer, track.track, layer.layer): layer.picture
            for peer in room.peers
            for track in peer.up
            for layer in track.layers
        }
        for peer in room.peers:
            member = self._members.get(peer.peer)
            if member is None:
                continue
            before, member.before = member.before, peer
            device, member.device = member.device or DeviceSample(), None
            span = peer.usage.audio_ms - before.usage.audio_ms if before else 0
            if before is not None and span > 0:
                take = _Take(member, before, peer, device, span, now)
                yield from take.sent()
                yield from take.received(self._members, pictures)
                self._happened += take.changed_layers(self._members)


@dataclass(frozen=True, slots=True)
class _Take:
    """Two takes of one participant, `span` milliseconds apart."""

    member: _Member
    before: PeerMeasures
    after: PeerMeasures
    device: DeviceSample
    span: int
    now: int

    def sent(self) -> Iterator[Sample]:
        """Of each track that he sends."""
        earlier = {track.track: track for track in self.before.up}
        for track in self.after.up:
            numbers = rates.sent(earlier.get(track.track), track, self.span)
            told = self.device.sent.get(track.track, DeviceTrack())
            yield self._sample(
                "", track.track, numbers, told, on=not self.member.tracks.get(track.track, True)
            )

    def received(self, members: Mapping[int, _Member], pictures: rates.Pictures) -> Iterator[Sample]:
        """Of each slot in which something flows."""
        earlier = {slot.slot: slot for slot in self.before.down}
        for slot in self.after.down:
            publisher = members.get(slot.source.peer) if slot.source else None
            if slot.source is None or publisher is None:
                continue
            numbers = rates.received(earlier.get(slot.slot), slot, self.span, pictures)
            told = self.device.received.get(slot.slot, DeviceTrack())
            layer = None if slot.source.track is Track.AUDIO else slot.source.layer
            yield self._sample(publisher.user_id, slot.source.track, numbers, told, on=True, layer=layer)

    def changed_layers(self, members: Mapping[int, _Member]) -> Iterator[CallEvent]:
        """Of each picture that now comes in another layer than before."""
        earlier = {slot.slot: slot.source for slot in self.before.down}
        for slot in self.after.down:
            new, old = slot.source, earlier.get(slot.slot)
            if new is None or old is None or new.track is Track.AUDIO:
                continue
            if (
                (new.peer, new.track) == (old.peer, old.track)
                and new.layer != old.layer
                and new.peer in members
            ):
                peer_id, track = members[new.peer].user_id, new.track.value
                yield _event(self.member, EventKind.LAYER, self.now, peer_id, track, new.layer)

    def _sample(
        self, peer_id: str, track: Track, numbers: rates.Numbers, told: DeviceTrack, *, on: bool, layer: int | None = None
    ) -> Sample:  # fmt: skip
        """What the server measured goes before what the device told, but for what only the device can know."""
        call, device, user_id = self.member.call, self.device, self.member.user_id
        trip = self.after.round_trip
        return Sample(
            id=name_of(call.id, user_id, peer_id, track.value, self.now), time=self.now, sdk_app_id=call.sdk_app_id,
            call_id=call.id, room=call.room.id, room_kind=call.room.kind, user_id=user_id, peer_id=peer_id, track=track.value, span=self.span, on=on,
            layer=layer, bit_rate=numbers.bit_rate, packets=numbers.packets, loss=numbers.loss, jitter=numbers.jitter,
            rtt=trip.us / 1000 if trip else device.rtt, frame_rate=_first(told.frame_rate, numbers.frame_rate),
            width=_first(numbers.width, told.width), height=_first(numbers.height, told.height),
            volume=_first(numbers.volume, told.volume), frozen=_within(told.frozen, self.span), played=_within(told.played, self.span),
            delay=told.delay,
            limited_by=told.limited_by, capture_rate=told.capture_rate, cpu=device.cpu, memory=device.memory, available=device.available,
        )  # fmt: skip


def _event(
    member: _Member, kind: EventKind, at: int, peer_id: str = "", track: str | None = None, number: int | None = None
) -> CallEvent:  # fmt: skip
    call = member.call
    return CallEvent(
        id=name_of(call.id, member.user_id, kind.value, peer_id, track, at), time=at, sdk_app_id=call.sdk_app_id, call_id=call.id,
        room=call.room.id, room_kind=call.room.kind, user_id=member.user_id, kind=kind, peer_id=peer_id, track=track, number=number,
    )  # fmt: skip


def _within(told: int | None, span: int) -> int | None:
    """No device weighs more in its application's rates than the time there was, as the server knows it."""
    return None if told is None else min(told, span)


def _first(one: T | None, other: T | None) -> T | None:
    return other if one is None else one

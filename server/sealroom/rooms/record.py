# SPDX-License-Identifier: Apache-2.0
"""What the operator has of a call, for those who are in it: the engine's counters and the rooms' state, nothing made up."""

from sealroom.core.clock import Clock
from sealroom.media import control
from sealroom.media.port import Engine
from sealroom.rooms.state import Participant, Room, Sample
from sealroom_wire.limits import MAX_RECORDED_PARTICIPANTS
from sealroom_wire.record import (
    LayerRecord,
    ParticipantRecord,
    RefusedPackets,
    RoomCounts,
    SealSeen,
    TrackRecord,
)
from sealroom_wire.signalling import Record, Track

FRESH_SECONDS = 1.0
"""A room's record is taken from the engine at most so often, however many ask. Bit rates are over at least this time."""


class Records:
    """Takes records of rooms. The latest sample of each lies with its room and goes with it."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def of(self, participant: Participant, request: int) -> Record:
        """The record of the room as `participant` may see it. Raises `EngineFailure`."""
        room = participant.room
        sample = await self._sample(room)
        seen = [one for one in room.others(participant) if one.is_audible]
        # Those who publish first: where not all are listed, a listener has less to show.
        seen.sort(key=lambda one: not one.tracks)
        listed = [participant, *seen][:MAX_RECORDED_PARTICIPANTS]
        return Record(
            id=request,
            taken_at=sample.taken_at,
            since=room.since,
            counts=_counts(room, sample.engine),
            participants=tuple(_of_participant(one, participant, sample) for one in listed),
            more=len(room.participants) - len(listed),
        )

    async def _sample(self, room: Room) -> Sample:
        before = room.sample
        if before is not None and self._clock.monotonic() - before.monotonic < FRESH_SECONDS:
            return before
        engine = await self._engine.record(room.number)
        now = self._clock.monotonic()
        if room.sample is not before and room.sample is not None:
            # Somebody else asked meanwhile; two samples at once would have no rate.
            return room.sample
        rates = {} if before is None else _rates(before.engine, engine, now - before.monotonic)
        room.sample = Sample(now, int(self._clock.unix() * 1000), engine, rates)
        return room.sample


def _rates(
    before: control.RoomRecord, after: control.RoomRecord, seconds: float
) -> dict[tuple[int, Track, int], int]:
    """Bits a second of each layer that was there both times."""
    earlier = _bytes_of(before)
    return {
        name: max(0, round((count - earlier[name]) * 8 / seconds))
        for name, count in _bytes_of(after).items()
        if name in earlier
    }


def _bytes_of(record: control.RoomRecord) -> dict[tuple[int, Track, int], int]:
    return {
        (track.peer, track.track, layer.layer): layer.payload_bytes
        for track in record.tracks
        for layer in track.layers
    }


def _counts(room: Room, engine: control.RoomRecord) -> RoomCounts:
    return RoomCounts(
        accepted_packets=engine.accepted,
        forwarded_packets=engine.forwarded,
        forwarded_bytes=engine.forwarded_bytes,
        resent_packets=engine.retransmitted,
        key_frame_requests=engine.key_frame_requests,
        custom_messages=room.custom_messages,
        custom_bytes=room.custom_bytes,
    )


def _of_participant(one: Participant, asking: Participant, sample: Sample) -> ParticipantRecord:
    seen = {track.track: track for track in sample.engine.tracks if track.peer == one.peer}
    tracks = [track for track in Track if track in one.tracks or track in seen]
    return ParticipantRecord(
        user_id=one.user_id,
        role=one.role,
        since=one.since,
        address=one.origin.address if one is asking else None,
        client=one.origin.client,
        tracks=tuple(_of_track(one, track, seen.get(track), sample) for track in tracks),
    )


def _of_track(
    one: Participant, track: Track, seen: control.TrackRecord | None, sample: Sample
) -> TrackRecord:
    layers = () if seen is None else seen.layers
    refused = {} if seen is None else seen.refused
    return TrackRecord(
        track=track,
        published=track in one.tracks,
        muted=one.tracks.get(track, False),
        loudness=None if seen is None else seen.loudness,
        layers=tuple(_of_layer(layer, sample.rates.get((one.peer, track, layer.layer))) for layer in layers),
        refused=tuple(RefusedPackets(reason, count) for reason, count in sorted(refused.items())),
    )


def _of_layer(layer: control.LayerRecord, bit_rate: int | None) -> LayerRecord:
    seal = layer.seal
    return LayerRecord(
        layer=layer.layer,
        codec=layer.codec,
        packets=layer.packets,
        payload_bytes=layer.payload_bytes,
        bit_rate=bit_rate,
        key_frame_age=layer.key_frame_age_ms,
        width=None if layer.picture is None else layer.picture[0],
        height=None if layer.picture is None else layer.picture[1],
        seal=None
        if seal is None
        else SealSeen(
            epoch=seal.epoch,
            step=seal.step,
            index=seal.index,
            first_counter=seal.first_counter,
            last_counter=seal.last_counter,
            frames=seal.frames,
        ),
    )

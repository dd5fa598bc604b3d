# SPDX-License-Identifier: Apache-2.0
"""Commands to the engine and events from it. Field for field `shard::Command` and `shard::Event`, which refuse what is unknown."""

from typing import ClassVar, TypeAlias

import msgspec

from sealroom.media.measures import PeerMeasures, RoomMeasures
from sealroom.media.session import DtlsVersion
from sealroom_wire.signalling import Track


class SlotSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose video: the publishing peer, its track, the layer (0 the smallest)."""

    peer: int
    track: Track
    layer: int


class SlotBinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one video slot shall carry; without a source nothing."""

    slot: int
    generation: int
    source: SlotSource | None


class _Command(msgspec.Struct, frozen=True, omit_defaults=True):
    KIND: ClassVar[str]
    token: int

    def encode(self) -> bytes:
        """As the engine reads it: its fields under its name. A name among the fields would have it read everything twice."""
        return b'{"%b":%b}' % (self.KIND.encode(), msgspec.json.encode(self))


class AddRoom(_Command, frozen=True):
    """Opens a room."""

    KIND = "add_room"

    room: int
    sealing_required: bool


class CloseRoom(_Command, frozen=True):
    """Closes a room and every peer in it."""

    KIND = "close_room"

    room: int


class AddPeer(_Command, frozen=True):
    """Lets a peer into a room."""

    KIND = "add_peer"

    room: int
    peer: int
    session: msgspec.Raw
    """`Session.encoded`."""


class UpdatePeer(_Command, frozen=True):
    """A peer offered again."""

    KIND = "update_peer"

    peer: int
    session: msgspec.Raw
    """`Session.encoded`."""


class RemovePeer(_Command, frozen=True):
    """Ends a peer."""

    KIND = "remove_peer"

    peer: int


class Bind(_Command, frozen=True):
    """Binds video slots of a subscriber."""

    KIND = "bind"

    peer: int
    bindings: tuple[SlotBinding, ...]


class SetRights(_Command, frozen=True):
    """Changes what a peer may do, from the next packet on."""

    KIND = "set_rights"

    peer: int
    rights: int


class SetMuted(_Command, frozen=True):
    """Stops or resumes the forwarding of a track."""

    KIND = "set_muted"

    peer: int
    track: Track
    muted: bool


class RequestKeyFrame(_Command, frozen=True):
    """A subscriber lost the picture in a slot."""

    KIND = "request_key_frame"

    peer: int
    slot: int


class GetRecord(_Command, frozen=True):
    """Asks for what was counted and seen of one room."""

    KIND = "record"

    room: int


class GetStats(_Command, frozen=True):
    """Asks for all counters."""

    KIND = "stats"


class GetMeasures(_Command, frozen=True):
    """Asks for what is measured of the peers of one room."""

    KIND = "measures"

    room: int


class GetAllMeasures(_Command, frozen=True):
    """Asks for what is measured of the peers of every room."""

    KIND = "all_measures"


Command: TypeAlias = (
    AddRoom
    | CloseRoom
    | AddPeer
    | UpdatePeer
    | RemovePeer
    | Bind
    | SetRights
    | SetMuted
    | RequestKeyFrame
    | GetRecord
    | GetStats
    | GetMeasures
    | GetAllMeasures
)


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a command was not done."""

    code: str
    message: str


class AudioSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is heard in an audio slot."""

    slot: int
    source: int | None


class Stats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counters of the engine from its start; `refused` by reason."""

    peers: int
    rooms: int
    datagrams: int
    accepted: int
    forwarded: int
    forwarded_bytes: int
    retransmitted: int
    retransmitted_bytes: int
    key_frame_requests: int
    events_dropped: int
    commands_failed: int
    refused: dict[str, int]


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The open SFrame headers of one key id; `epoch` modulo 64."""

    epoch: int
    step: int
    index: int
    first_counter: int
    last_counter: int
    frames: int


class LayerRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of one layer; a layer of which nothing came has none."""

    layer: int
    codec: str
    packets: int
    payload_bytes: int
    key_frame_age_ms: int | None
    picture: tuple[int, int] | None
    seal: Seal | None


class TrackRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of one track; `refused` by reason, `loudness` in -dBov."""

    peer: int
    track: Track
    loudness: int | None
    layers: tuple[LayerRecord, ...]
    refused: dict[str, int]


class RoomRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counters of one room from its start, and the tracks of those who are in it."""

    accepted: int
    forwarded: int
    forwarded_bytes: int
    retransmitted: int
    key_frame_requests: int
    tracks: tuple[TrackRecord, ...]


class _Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    pass


class Result(_Event, tag="result", frozen=True):
    """The answer to a command."""

    token: int
    error: Failure | None


class StatsTaken(_Event, tag="stats", frozen=True):
    """The answer to `GetStats`."""

    token: int
    stats: Stats


class RecordTaken(_Event, tag="record", frozen=True):
    """The answer to `GetRecord`."""

    token: int
    record: RoomRecord


class MeasuresTaken(_Event, tag="measures", frozen=True):
    """The answer to `GetMeasures` (one room) and `GetAllMeasures` (every room)."""

    token: int
    rooms: tuple[RoomMeasures, ...]


class Left(_Event, tag="left", frozen=True):
    """A peer's last measures: it was removed, its room was closed, or it is gone by itself. Comes before that is told or answered."""

    room: int
    measures: PeerMeasures


class Connected(_Event, tag="connected", frozen=True):
    """A peer's handshake is done; media may flow."""

    peer: int
    profile: str
    dtls: DtlsVersion


class Closed(_Event, tag="closed", frozen=True):
    """A peer is gone by itself; the engine has removed it already."""

    peer: int
    reason: str


class TrackActive(_Event, tag="track_active", frozen=True):
    """Which layers of a track flow has changed."""

    peer: int
    track: Track
    layers: tuple[int, ...]


class AudioSlots(_Event, tag="audio_slots", frozen=True):
    """Whom a subscriber hears has changed."""

    peer: int
    slots: tuple[AudioSlot, ...]


class Bound(_Event, tag="bound", frozen=True):
    """A binding was taken."""

    peer: int
    slot: int
    generation: int


class BindRefused(_Event, tag="bind_refused", frozen=True):
    """A binding was refused; the slot is as it was."""

    peer: int
    slot: int
    generation: int
    reason: str


class ShardFailed(_Event, tag="shard_failed", frozen=True):
    """The engine's thread ended by a fault; its rooms are gone."""

    shard: int


Event: TypeAlias = (
    Result
    | StatsTaken
    | RecordTaken
    | MeasuresTaken
    | Left
    | Connected
    | Closed
    | TrackActive
    | AudioSlots
    | Bound
    | BindRefused
    | ShardFailed
)

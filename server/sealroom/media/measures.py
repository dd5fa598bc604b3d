# SPDX-License-Identifier: Apache-2.0
"""What the engine measures of each peer. Field for field `shard::PeerMeasures`.

All counts rise from the peer's beginning, but for what says "at present": who wants rates subtracts two measures of one peer.
`Usage.audio_ms` is the time between them by the engine's own clock.
"""

from enum import Enum
from typing import Literal

import msgspec

from sealroom_wire.signalling import SlotKind, Track


class ResolutionClass(Enum):
    """How large the pictures are that somebody receives at one time: their areas together (TRTC billing: video duration classes)."""

    SD = "sd"
    """Up to 640 x 480."""
    HD = "hd"
    """Up to 1280 x 720."""
    FHD = "fhd"
    """Up to 1920 x 1080."""
    QHD = "2k"
    """Up to 2560 x 1440."""
    UHD = "4k"
    """Above."""
    UNKNOWN = "unknown"
    """A picture's size is not known: of VP8 and H.264 it lies open, of VP9 and AV1 it is not read."""


class RoundTrip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Round trip time, in microseconds: from the peer's receiver reports of the last 5 s, else from the answer to a consent check."""

    us: int
    source: Literal["rtcp", "stun"]


class UpLayer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One layer that the peer sends.

    `packets`, `payload_bytes` and `frames` (video, by the marker bit) are what was accepted for forwarding; `codec` is its latest. `expected`
    packets by sequence number, of which `repaired` came by retransmission and `lost` not at all, or not yet: before repair
    `lost + repaired` were missing. `lost` can fall. `jitter_us` is that of RFC 3550, at present.
    """

    layer: int
    codec: str | None
    packets: int
    payload_bytes: int
    frames: int
    picture: tuple[int, int] | None
    expected: int
    lost: int
    repaired: int
    jitter_us: int


class UpTrack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One track that the peer sends. `loudness` of the newest packet, in -dBov; layers of which nothing came have none."""

    track: Track
    loudness: int | None
    layers: tuple[UpLayer, ...]


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What flows into a slot at present. `size` of a picture alone; sound has none."""

    peer: int
    track: Track
    layer: int
    size: ResolutionClass | None


class Reported(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the peer's latest receiver report says of a slot: packets lost in all (may be negative: RFC 3550), and since the one before in 1/256."""

    lost: int
    fraction_lost: int
    jitter_us: int


class DownSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One slot that the peer receives in. `packets` and `payload_bytes` without the packets `resent`; `nacked` packets it asked for again.

    Slots in which nothing flowed yet are left out. `source` is None while nothing came for 2 s, or the track is muted.
    """

    slot: int
    kind: SlotKind
    packets: int
    payload_bytes: int
    resent: int
    nacked: int
    key_frames_asked: int
    reported: Reported | None
    source: Shown | None


class Usage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is metered of the peer as a subscriber, in milliseconds from its beginning.

    `audio_ms`: time in the room with a connected transport, whatever it received. `video_ms`: of it, the time in which video was
    forwarded to it, by the class of all its pictures together; classes that never occurred are left out. What stops without a mute is
    counted for 2.0 to 2.2 s more.
    """

    audio_ms: int
    video_ms: dict[ResolutionClass, int]


class PeerMeasures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of one peer."""

    peer: int
    round_trip: RoundTrip | None
    up: tuple[UpTrack, ...]
    down: tuple[DownSlot, ...]
    usage: Usage


class RoomMeasures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All peers of one room, taken at one moment."""

    room: int
    peers: tuple[PeerMeasures, ...]

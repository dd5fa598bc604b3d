# SPDX-License-Identifier: Apache-2.0
"""The operator's own record of a call: what it counted, and what lay open to it. Nothing in here was ever sealed.

A member is shown his own address, and of the others only that theirs is known: the record must not tell members what they
would not learn from each other.
"""

import msgspec

from sealroom_wire.participant import ClientInfo, Role, Track


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    pass


class RefusedPackets(_Part, frozen=True):
    """Packets that were not forwarded, for one reason of the engine's."""

    reason: str
    packets: int


class SealSeen(_Part, frozen=True):
    """The SFrame headers of the key id in use, which lie open. Counters from `first_counter` to `last_counter` were seen."""

    epoch: int
    """Modulo 64."""
    step: int
    index: int
    first_counter: int
    last_counter: int
    frames: int
    """Sealed frames of this key id whose header was seen."""


class LayerRecord(_Part, frozen=True):
    """One simulcast layer, or all of a track without simulcast."""

    layer: int
    codec: str
    packets: int
    payload_bytes: int
    """Of RTP payload: what is sealed, and the clear bytes in front of it."""
    bit_rate: int | None
    """Bits a second since the record before; None in the first."""
    key_frame_age: int | None
    """Milliseconds since the last key frame began; None where there was none."""
    width: int | None
    height: int | None
    """Of the picture, where the codec's key frames say it in clear (VP8); None where the operator does not read it."""
    seal: SealSeen | None
    """None where no SFrame header is looked for, or none came."""


class TrackRecord(_Part, frozen=True):
    """One track of a participant that is published, or of which something came."""

    track: Track
    published: bool
    muted: bool
    loudness: int | None
    """-dBov of the newest packet (RFC 6464: 0 loudest, 127 silence); None where the sender does not tell."""
    layers: tuple[LayerRecord, ...]
    refused: tuple[RefusedPackets, ...]


class ParticipantRecord(_Part, frozen=True):
    """One participant. `since` in Unix milliseconds. `address` only in the record that this participant is shown himself."""

    user_id: str
    role: Role
    since: int
    address: str | None
    client: ClientInfo
    tracks: tuple[TrackRecord, ...]


class RoomCounts(_Part, frozen=True):
    """Counts of the whole room since it opened; custom messages are counted as they came in."""

    accepted_packets: int
    forwarded_packets: int
    forwarded_bytes: int
    resent_packets: int
    key_frame_requests: int
    custom_messages: int
    custom_bytes: int

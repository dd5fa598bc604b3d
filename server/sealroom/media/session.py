# SPDX-License-Identifier: Apache-2.0
"""What signalling agreed with one peer, as the engine takes it. Field for field `transport::Session`, which checks it again."""

from enum import Enum
from typing import Literal, TypeAlias

import msgspec

from sealroom_wire.signalling import SlotKind, Track

DtlsVersion: TypeAlias = Literal["1.2", "1.3", "auto"]


class Codec(Enum):
    """Codecs that the engine knows."""

    OPUS = "opus"
    RED = "red"
    VP8 = "vp8"
    VP9 = "vp9"
    H264 = "h264"
    AV1 = "av1"


ALL_CODECS = frozenset(Codec)
SEALABLE_CODECS = frozenset({Codec.OPUS, Codec.RED, Codec.VP8, Codec.VP9, Codec.H264, Codec.AV1})
"""Codecs whose sealed form `protocol/sealing.md` section 5 defines; in a sealed room the engine drops all others."""


# None of these can be part of a cycle, and a server keeps some twenty of them for each participant: no search for garbage looks at them.


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """ICE user name fragment and password of one side."""

    ufrag: str
    pwd: str

    def __repr__(self) -> str:
        return "Credentials(..)"


class CodecParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One payload type and that of its retransmissions. `clock_rate` in Hz."""

    payload_type: int
    codec: Codec
    clock_rate: int
    rtx_payload_type: int | None


class ExtensionId(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One header extension mapping (RFC 8285)."""

    id: int
    uri: str


class SendTrack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One track the peer sends. `rids`: lowest layer first, the index is the layer. `ssrcs`: hints, often empty."""

    mid: str
    track: Track
    codecs: tuple[CodecParameters, ...]
    rids: tuple[str, ...]
    extensions: tuple[ExtensionId, ...]
    ssrcs: tuple[int, ...]


class ReceiveSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One stream the peer receives. Its place in `Session.slots` is the slot's number."""

    mid: str
    kind: SlotKind
    ssrc: int
    rtx_ssrc: int | None
    codecs: tuple[CodecParameters, ...]
    extensions: tuple[ExtensionId, ...]


class _Alike(msgspec.Struct, frozen=True, gc=False):
    """A slot with the codecs and header extensions of the slot before it, as the engine reads it."""

    mid: str
    kind: SlotKind
    ssrc: int
    rtx_ssrc: int | None


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Everything the engine must know of one peer before its first datagram. `rights`: bits of a PrivateMapKey."""

    local_ice: Credentials
    remote_ice: Credentials
    remote_fingerprint: str
    dtls: DtlsVersion
    rights: int
    sends: tuple[SendTrack, ...]
    slots: tuple[ReceiveSlot, ...]

    def encoded(self) -> msgspec.Raw:
        """As the engine reads it (`transport::session`). A browser's slots are alike but for two or three: the others say only what is
        theirs."""
        slots: list[ReceiveSlot | _Alike] = []
        before: ReceiveSlot | None = None
        for slot in self.slots:
            if before is not None and slot.codecs == before.codecs and slot.extensions == before.extensions:
                slots.append(_Alike(slot.mid, slot.kind, slot.ssrc, slot.rtx_ssrc))
            else:
                slots.append(slot)
            before = slot
        return msgspec.Raw(msgspec.json.encode(msgspec.structs.asdict(self) | {"slots": slots}))

# SPDX-License-Identifier: Apache-2.0
"""Two takes of the engine's counters become what happened between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sealroom.media.measures import DownSlot, UpLayer, UpTrack
from sealroom_wire.signalling import Track

SILENT_DBOV = 127
"""What a packet without sound says it lies below the loudest (RFC 6464)."""

Pictures: TypeAlias = Mapping[tuple[int, Track, int], tuple[int, int] | None]
"""Sizes of pictures by publishing peer, track and layer."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the server measured of one track in one span. None: it cannot know."""

    bit_rate: int
    packets: int
    loss: float | None = None
    jitter: float | None = None
    frame_rate: float | None = None
    width: int | None = None
    height: int | None = None
    volume: int | None = None


def sent(before: UpTrack | None, after: UpTrack, span: int) -> Numbers:
    """Of a track that somebody sends: all its layers together; picture, frames and jitter of the largest that flowed. `span` in ms."""
    earlier = {layer.layer: layer for layer in before.layers} if before else {}
    pairs = [(earlier.get(layer.layer), layer) for layer in after.layers]
    flowing = [(old, new) for old, new in pairs if new.packets > (old.packets if old else 0)]
    missing = sum(_missing(new) - _missing(old) for old, new in pairs)
    expected = sum(new.expected - (old.expected if old else 0) for old, new in pairs)
    largest = max(flowing, key=lambda pair: pair[1].layer, default=None)
    return Numbers(
        bit_rate=_per_second(
            8 * sum(new.payload_bytes - (old.payload_bytes if old else 0) for old, new in pairs), span
        ),
        packets=sum(new.packets - (old.packets if old else 0) for old, new in pairs),
        loss=min(1.0, max(0.0, missing / expected)) if expected > 0 else None,
        jitter=largest[1].jitter_us / 1000 if largest else None,
        frame_rate=_frames(*largest, span) if largest and after.track is not Track.AUDIO else None,
        width=largest[1].picture[0] if largest and largest[1].picture else None,
        height=largest[1].picture[1] if largest and largest[1].picture else None,
        volume=volume(after.loudness) if after.track is Track.AUDIO else None,
    )


def received(before: DownSlot | None, after: DownSlot, span: int, pictures: Pictures) -> Numbers:
    """Of a slot that somebody receives in. Lost is what his own reports say. `span` in ms.

    A slot that changed hands since the take before is counted for whoever is in it now: such a span is rare and short.
    """
    packets = after.packets - (before.packets if before else 0)
    source = after.source
    picture = pictures.get((source.peer, source.track, source.layer)) if source else None
    return Numbers(
        bit_rate=_per_second(8 * (after.payload_bytes - (before.payload_bytes if before else 0)), span),
        packets=packets,
        loss=_lost(before, after, packets),
        jitter=after.reported.jitter_us / 1000 if after.reported else None,
        width=picture[0] if picture else None,
        height=picture[1] if picture else None,
    )


def volume(loudness: int | None) -> int | None:
    """-dBov (RFC 6464: 0 the loudest, 127 silence) as TRTC's 0 to 100."""
    return None if loudness is None else round((SILENT_DBOV - min(loudness, SILENT_DBOV)) * 100 / SILENT_DBOV)


def _missing(layer: UpLayer | None) -> int:
    return layer.lost + layer.repaired if layer else 0


def _lost(before: DownSlot | None, after: DownSlot, packets: int) -> float | None:
    if after.reported is None:
        return None
    if before is None or before.reported is None:
        return after.reported.fraction_lost / 256
    lost = after.reported.lost - before.reported.lost
    return min(1.0, max(0.0, lost / (packets + max(lost, 0)))) if packets + lost > 0 else None


def _frames(before: UpLayer | None, after: UpLayer, span: int) -> float:
    return round((after.frames - (before.frames if before else 0)) * 1000 / span, 1)


def _per_second(count: int, span: int) -> int:
    return max(0, count * 1000 // span)

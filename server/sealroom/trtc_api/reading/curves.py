# SPDX-License-Identifier: Apache-2.0
"""Curves of a call from its samples: sample by sample, or as means over longer steps where there are very many."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sealroom.core.records import Aggregation, Equals, Histogram, Measure, Query, Records, Terms
from sealroom.core.records.query import MAX_BUCKETS
from sealroom.quality.models import Sample
from sealroom.trtc_api.history import CallId, Curve, Metric
from sealroom.trtc_api.parameters import Window
from sealroom.trtc_api.reading.pages import pages
from sealroom_wire.signalling import Track

MAX_SAMPLES = 10_000
"""Of one user, read one by one. Higher draws finer curves of large calls and takes longer: 10,000 are some 0.3 s."""
MAX_POINTS = 360
"""Of a curve of means: one each 10 s of an hour. Higher draws finer and takes longer."""
STEP_MS = 2_000
_TRACKS = (Terms("peer_id", 500), Terms("track"))
"""What is told apart: whose track, and which. Nobody receives more peers in an hour than that."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Which field of which track makes a curve; `sent` None: of what is sent and what is received."""

    field: str
    track: Track
    sent: bool | None = None
    factor: float = 1.0


SOURCES: Mapping[Metric, _Source] = {
    Metric.AUDIO_BITRATE: _Source("bit_rate", Track.AUDIO),
    Metric.AUDIO_STUTTER: _Source("frozen", Track.AUDIO, sent=False),
    Metric.AUDIO_LOSS: _Source("loss", Track.AUDIO, factor=100),
    Metric.VIDEO_BITRATE: _Source("bit_rate", Track.MAIN),
    Metric.VIDEO_STUTTER: _Source("frozen", Track.MAIN, sent=False),
    Metric.VIDEO_LOSS: _Source("loss", Track.MAIN, factor=100),
    Metric.CAPTURE_RATE: _Source("capture_rate", Track.MAIN, sent=True),
    Metric.ENCODE_RATE: _Source("frame_rate", Track.MAIN, sent=True),
    Metric.DECODE_RATE: _Source("frame_rate", Track.MAIN, sent=False),
    Metric.WIDTH: _Source("width", Track.MAIN),
    Metric.HEIGHT: _Source("height", Track.MAIN),
}
"""`sysCpu` is the device's and of no track. `appCpu` is not kept: browsers do not tell it."""
FIELDS = ("bit_rate", "frozen", "loss", "capture_rate", "frame_rate", "width", "height", "cpu")


@dataclass(frozen=True, slots=True)
class _Row:
    """What is known of one track at one time (Unix milliseconds)."""

    time: int
    peer: str
    track: str
    values: Mapping[str, float]


async def curves_of(
    records: Records, call: CallId, span: Window, user: str, metrics: Sequence[Metric]
) -> list[Curve]:
    """The curves of one user, in the order of the metrics and of the peers."""
    where = (Equals("call_id", str(call)), Equals("user_id", user))
    query = Query(Sample, span.start * 1000, (span.end + 1) * 1000, where)
    tracks = await records.aggregate(query, Aggregation(_TRACKS))
    few = sum(bucket.count for bucket in tracks) <= MAX_SAMPLES
    rows = (
        await _samples(records, query) if few else await _means(records, query, len(tracks), _fields(metrics))
    )
    return [curve for metric in metrics for curve in _curves(user, metric, rows)]


def _fields(metrics: Sequence[Metric]) -> tuple[str, ...]:
    found = [SOURCES[metric].field for metric in metrics if metric in SOURCES]
    return tuple(dict.fromkeys([*found, *(["cpu"] if Metric.SYSTEM_CPU in metrics else [])]))


async def _samples(records: Records, query: Query[Sample]) -> list[_Row]:
    found: list[_Row] = []
    async for page in pages(records, query):
        for one in page:
            values = {name: float(value) for name in FIELDS if (value := getattr(one, name)) is not None}
            found.append(_Row(one.time, one.peer_id, one.track, values))
    return found


async def _means(records: Records, query: Query[Sample], tracks: int, fields: Sequence[str]) -> list[_Row]:
    """Steps so long that there are `MAX_POINTS` at most, and that a store answers in one go."""
    steps = min(MAX_POINTS, max(1, MAX_BUCKETS // tracks - 1))
    interval = STEP_MS * -(-(query.until - query.since) // (steps * STEP_MS))
    measures = tuple(Measure(name, of=("mean",)) for name in fields)
    found = await records.aggregate(query, Aggregation((*_TRACKS, Histogram(interval)), measures))
    rows = [
        _Row(
            int(time), str(peer), str(track),
            {name: bucket.numbers[name, "mean"] for name in fields if (name, "mean") in bucket.numbers},
        )
        for bucket in found
        for peer, track, time in (bucket.keys,)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row.time)


def _curves(user: str, metric: Metric, rows: Iterable[_Row]) -> list[Curve]:
    if metric is Metric.SYSTEM_CPU:
        # Every track's sample tells the same of the device: one is enough.
        points = {row.time // 1000: row.values["cpu"] for row in rows if "cpu" in row.values}
        return [Curve(user, "", metric, tuple(sorted(points.items())))] if points else []
    source = SOURCES.get(metric)
    if source is None:
        return []
    by_peer: dict[str, dict[int, float]] = {}
    for row in rows:
        is_sent = row.peer == ""
        if row.track == source.track.value and source.field in row.values and source.sent in (None, is_sent):
            value = round(row.values[source.field] * source.factor, 3)
            by_peer.setdefault(row.peer, {})[row.time // 1000] = value
    return [Curve(user, peer, metric, tuple(points.items())) for peer, points in sorted(by_peer.items())]

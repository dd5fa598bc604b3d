# SPDX-License-Identifier: Apache-2.0
"""What came of a load test: one structure for programs, one table for people."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from sealroom_customer.client.events import TrackName
from sealroom_customer.loadtest.delays import Delays
from sealroom_customer.loadtest.members import Member, Publisher, Subscriber
from sealroom_customer.loadtest.plan import Plan


class Times(msgspec.Struct, frozen=True):
    """Durations in milliseconds; None when there was none."""

    count: int
    p50: float | None
    p99: float | None


class Frames(msgspec.Struct, frozen=True):
    """Frames of one track over all rooms, from when everybody was there."""

    sent: int
    expected: int
    """Sent, times those who should get them."""
    opened: int
    """Arrived, opened and byte for byte what was sent."""
    lost: int


class Report(msgspec.Struct, frozen=True):
    """The whole result. Rates are of the measured seconds, as datagrams on the wire."""

    rooms: int
    publishers: int
    subscribers: int
    sealing: str
    dtls: str
    seconds: float
    failed: dict[str, int]
    """Members that were not let in or fell out, by code."""
    reconnections: int
    publishers_connected: Times
    subscribers_connected: Times
    first_frame: Times
    first_picture: Times
    audio: Frames
    video: Frames
    wrong: int
    """Frames that opened and are not what was sent."""
    refused_early: dict[str, int]
    """While members were still coming: before keys and roster were everywhere."""
    refused: dict[str, int]
    not_taken: int
    """Frames that this process was too slow for."""
    packets_sent: int
    packets_received: int
    sent_bits_per_second: int
    received_bits_per_second: int
    delay: Times
    cpu_seconds: float
    """Of this process, in the measured seconds."""

    @property
    def loss(self) -> float:
        """The share of frames that was lost, 0 to 1."""
        expected = self.audio.expected + self.video.expected
        return (self.audio.lost + self.video.lost) / expected if expected else 1.0

    def problems(self, most_loss: float) -> Iterator[str]:
        """Everything that makes this a failure."""
        if self.failed:
            yield f"members failed: {_counts(self.failed)}"
        if self.loss > most_loss:
            yield f"{self.loss:.3%} of all frames were lost; {most_loss:.3%} are allowed"
        if self.wrong:
            yield f"{self.wrong} frames are not what was sent"
        if self.refused:
            yield f"frames were refused while nothing changed: {_counts(self.refused)}"
        odd = {reason: count for reason, count in self.refused_early.items() if reason not in _EXPLAINED}
        if odd:
            yield f"frames were refused for no good reason: {_counts(odd)}"
        if self.not_taken:
            yield f"this process was too slow for {self.not_taken} frames: load less"


class Spent(msgspec.Struct, frozen=True):
    """What the measured seconds took: counters over all clients, and the process's own."""

    seconds: float
    cpu_seconds: float
    stats: dict[str, int]


_EXPLAINED = frozenset({"no_key", "wrong_sender", "old_epoch"})
"""Refusals that are in order while somebody enters: frames may overtake the keys or the roster that they need, and a sender may
not have taken the step yet that a newcomer begins with."""


def report(
    plan: Plan, publishers: Sequence[Publisher], subscribers: Sequence[Subscriber], spent: Spent
) -> Report:
    """Puts the counts together."""
    everyone: list[Member] = [*publishers, *subscribers]
    refused, early = Counter[str](), Counter[str]()
    for one in subscribers:
        refused.update(one.refused)
        early.update(one.refused_early)
    delays = Delays()
    for one in subscribers:
        delays.merge(one.delays)
    connected = [[one.joined.connected for one in side] for side in (publishers, subscribers)]
    return Report(
        rooms=plan.rooms,
        publishers=plan.publishers,
        subscribers=plan.subscribers,
        sealing=plan.sealing.value,
        dtls=plan.dtls,
        seconds=round(spent.seconds, 2),
        failed=dict(Counter(one.fault.code for one in everyone if one.fault is not None)),
        reconnections=sum(one.reconnections for one in everyone),
        publishers_connected=_times(connected[0]),
        subscribers_connected=_times(connected[1]),
        first_frame=_times(one.joined.first_frame for one in subscribers),
        first_picture=_times(one.joined.first_picture for one in subscribers),
        audio=_frames("audio", publishers, subscribers),
        video=_frames("main", publishers, subscribers),
        wrong=sum(one.wrong for one in subscribers),
        refused_early=dict(early),
        refused=dict(refused),
        not_taken=sum(one.stats.get("frames_not_taken", 0) for one in everyone),
        packets_sent=spent.stats["packets_sent"],
        packets_received=spent.stats["packets_received"],
        sent_bits_per_second=round(spent.stats["bytes_sent"] * 8 / spent.seconds),
        received_bits_per_second=round(spent.stats["bytes_received"] * 8 / spent.seconds),
        delay=_of(delays),
        cpu_seconds=round(spent.cpu_seconds, 2),
    )


def _frames(track: TrackName, publishers: Sequence[Publisher], subscribers: Sequence[Subscriber]) -> Frames:
    sent = sum(one.streams[track].window.frames for one in publishers if track in one.streams)
    wanted = [
        (one, place, stream)
        for one in subscribers
        for place, stream in one.streams.items()
        if place[1] == track
    ]
    expected = sum(stream.window.frames for _, _, stream in wanted)
    opened = sum(one.opened[place] for one, place, _ in wanted)
    return Frames(sent, expected, opened, expected - opened)


def _times(seconds: Iterable[float | None]) -> Times:
    return _of(Delays(one for one in seconds if one is not None))


def _of(delays: Delays) -> Times:
    def milliseconds(share: float) -> float | None:
        value = delays.percentile(share)
        return None if value is None else round(value * 1000, 2)

    return Times(len(delays), milliseconds(0.5), milliseconds(0.99))


def table(result: Report) -> Iterator[str]:
    """The result for people."""
    yield (
        f"{result.rooms} rooms of {result.publishers} publishers and {result.subscribers} subscribers, "
        f"sealing {result.sealing}, DTLS {result.dtls}, {result.seconds:g} s"
    )
    yield f"  {'':32}{'publishers':>20}{'subscribers':>20}"
    rows = [
        ("entering to media, p50 / p99", _ms(result.publishers_connected), _ms(result.subscribers_connected)),
        ("entering to first frame", "", _ms(result.first_frame)),
        ("entering to first picture", "", _ms(result.first_picture)),
        ("audio frames sent | opened", f"{result.audio.sent:,}", f"{result.audio.opened:,}"),
        ("audio frames lost", "", f"{result.audio.lost:,}"),
        ("video frames sent | opened", f"{result.video.sent:,}", f"{result.video.opened:,}"),
        ("video frames lost", "", f"{result.video.lost:,}"),
        ("packets sent | received", f"{result.packets_sent:,}", f"{result.packets_received:,}"),
        ("bit rate", _rate(result.sent_bits_per_second), _rate(result.received_bits_per_second)),
        ("delay of frames, p50 / p99", "", _ms(result.delay)),
        ("refused while entering", "", _counts(result.refused_early)),
        ("refused later", "", _counts(result.refused)),
    ]
    for title, sent, received in rows:
        yield f"  {title:32}{sent:>20}{received:>20}"
    cores = result.cpu_seconds / result.seconds if result.seconds else 0.0
    yield f"  {'CPU of this process':32}{f'{cores:.2f} cores':>20}"


def _ms(times: Times) -> str:
    if times.p50 is None or times.p99 is None:
        return "never"
    return f"{times.p50:.1f} / {times.p99:.1f} ms"


def _rate(bits: int) -> str:
    return f"{bits / 1e6:.2f} Mbit/s"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())) or "0"

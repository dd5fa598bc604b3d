# SPDX-License-Identifier: Apache-2.0
"""What a client without a browser measures of its call, and tells an operator that asks for it.

It has no decoder and no microphone: it knows the bytes of its line, and of its frames as they were before sealing and after opening, and
what its process takes of the machine.
What it does not know it leaves out.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sealroom_customer.client import _native
from sealroom_customer.client.events import ClientFault, TrackName
from sealroom_customer.client.process import pressure_of, resident
from sealroom_customer.client.room.session import PASSING, Session
from sealroom_wire import signalling
from sealroom_wire.limits import MAX_SLOTS, MIN_SAMPLE_EVERY
from sealroom_wire.reports import ReceivedStream, Reports, Sample, SealedFrames, SentStream
from sealroom_wire.signalling import Track

LONGEST_SECONDS = 10.0
"""An interval that took longer was not measured: the machine slept, or the loop stood still."""
SHORTEST_SECONDS = MIN_SAMPLE_EVERY / 1000
_VIDEO = frozenset({"vp8", "vp9", "h264"})


@dataclass(slots=True)
class _Flow:
    frames: int = 0
    size: int = 0
    is_video: bool = False


class Measured:
    """Counts what goes through one client between two samples. `now` is monotonic, in seconds; `stats` are the core's counters; `processor` is
    the time that the process took of it, in seconds, and `memory` what it takes, in MiB."""

    def __init__(
        self,
        now: Callable[[], float],
        stats: Callable[[], Mapping[str, int]],
        *,
        sealed: bool,
        processor: Callable[[], float] = time.process_time,
        memory: Callable[[], int | None] = resident,
    ) -> None:
        self._now, self._stats, self._sealed = now, stats, sealed
        self._processor, self._memory = processor, memory
        self._worked = processor()
        self._sent: dict[tuple[TrackName, int], _Flow] = {}
        self._received: dict[int, _Flow] = {}
        self._entered_at = self._at = now()
        self._before: Counter[str] = Counter()

    def begin(self) -> None:
        """A room was entered: offsets and intervals are counted from here."""
        self._entered_at = self._now()
        self._next()

    def sent(self, track: TrackName, layer: int, size: int) -> None:
        """A frame of `size` bytes went out."""
        _count(self._sent.setdefault((track, layer), _Flow(is_video=track != "audio")), size)

    def took(self, event: "_native.Event") -> None:
        """An event of the core: frames that opened, or came in clear where there is no sealing, are counted by slot."""
        if event[0] == "frame":
            self._arrived(event[1], event[4], len(event[6]))
        elif event[0] == "clear":
            self._arrived(event[1], event[2], len(event[4]))

    def sample(self, *, connected: bool) -> Sample | None:
        """What was measured since the last one, which ends the interval; None where that was not one."""
        span = self._now() - self._at
        if span < SHORTEST_SECONDS:
            return None
        sample = self._sample(span, connected=connected) if span <= LONGEST_SECONDS else None
        self._next()
        return sample

    def _arrived(self, slot: int, codec: str, size: int) -> None:
        if 0 <= slot < MAX_SLOTS:
            _count(self._received.setdefault(slot, _Flow(is_video=codec in _VIDEO)), size)

    def _sample(self, span: float, *, connected: bool) -> Sample:
        now = Counter(self._stats())
        grown = {name: max(0, count - self._before[name]) for name, count in now.items()}
        return Sample(
            at=round((self._now() - self._entered_at) * 1000),
            span=round(span * 1000),
            connected=connected,
            up_rate=_rate(grown["bytes_sent"], span),
            down_rate=_rate(grown["bytes_received"], span),
            cpu=pressure_of(self._processor() - self._worked, span),
            memory=self._memory(),
            sealing=_frames(grown) if self._sealed else None,
            sent=tuple(
                SentStream(
                    Track(track), layer, bit_rate=_rate(flow.size, span), frame_rate=_frame_rate(flow, span)
                )
                for (track, layer), flow in sorted(self._sent.items())
            ),
            received=tuple(
                ReceivedStream(slot, bit_rate=_rate(flow.size, span), frame_rate=_frame_rate(flow, span))
                for slot, flow in sorted(self._received.items())
            ),
        )

    def _next(self) -> None:
        self._at = self._now()
        self._before = Counter(self._stats())
        self._worked = self._processor()
        self._sent.clear()
        self._received.clear()


async def tell(session: Session, measured: Measured, wanted: Reports, connected: Callable[[], bool]) -> None:
    """Sends samples as often as the operator wants them and at most every `MIN_SAMPLE_EVERY`, until the session is over. What he
    refuses is lost."""
    measured.begin()
    while wanted.sample_every > 0:
        await asyncio.sleep(max(wanted.sample_every / 1000, SHORTEST_SECONDS))
        sample = measured.sample(connected=connected())
        if sample is None:
            continue
        try:
            await session.ask(
                lambda number, of=sample: signalling.ReportQuality(number, of),  # type: ignore[misc]
                signalling.Done,
            )
        except ClientFault as fault:
            if fault.code in PASSING:
                return


def _frames(grown: Mapping[str, int]) -> SealedFrames:
    refused = sum(count for name, count in grown.items() if name.startswith("refused_"))
    return SealedFrames(grown["frames_sent"], grown["frames_opened"], grown["frames_dropped"], refused)


def _count(flow: _Flow, size: int) -> None:
    flow.frames += 1
    flow.size += size


def _rate(size: int, span: float) -> int:
    return round(size * 8 / span)


def _frame_rate(flow: _Flow, span: float) -> int | None:
    return min(1000, round(flow.frames / span)) if flow.is_video else None

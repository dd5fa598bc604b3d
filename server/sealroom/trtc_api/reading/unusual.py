# SPDX-License-Identifier: Apache-2.0
"""Unusual experiences and what may have caused them, under TRTC's numbers (trtc.io 37906), one of a kind for each user and minute.

What counts: sound that stood still for 200 ms of a sample, a picture for 600 ms (trtc.io 52069), an entry that took longer than 5 s,
a camera or microphone that failed. Causes are looked for in the same user's samples of that minute, by the thresholds of
`quality.diagnosis`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sealroom.core.records import Between, Condition, Equals, Query, Records
from sealroom.quality.diagnosis import BUSY_PERCENT, DELAY_MS, JITTER_MS, LOSS
from sealroom.quality.models import CallEvent, Entry, EventKind, Sample
from sealroom.trtc_api.history import Cause, Unusual
from sealroom.trtc_api.parameters import Window
from sealroom.trtc_api.reading.pages import pages
from sealroom_wire.signalling import Track

SLOW_ENTRY, NO_VIDEO, NO_AUDIO, VIDEO_STUTTERS, AUDIO_STUTTERS = 1, 2, 3, 4, 5
AUDIO_MS, VIDEO_MS = 200, 600
SLOW_ENTRY_MS = 5_000
MINUTE_MS = 60_000
_FAULTS = {"camera": (NO_VIDEO, 1015), "microphone": (NO_AUDIO, 1019)}
"""The experience, and the number of a device that failed; after it come those of the reasons."""
_REASONS = {"denied": 1, "overconstrained": 2, "busy": 3}
MAX_PAGES = 20
"""Pages of samples that are looked through for experiences; one that stutters for minutes fills many."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """When a number of TRTC's table holds in a sample; `received`: it is about what comes from a peer."""

    number: int
    received: bool
    holds: Callable[[Sample], bool]


def _lost(one: Sample) -> bool:
    return (one.loss or 0) > LOSS


def _of(track: Track) -> Callable[[Sample], bool]:
    return lambda one: one.track == track.value


def _both(first: Callable[[Sample], bool], second: Callable[[Sample], bool]) -> Callable[[Sample], bool]:
    return lambda one: first(one) and second(one)


RULES = (
    _Rule(2001, False, lambda one: (one.cpu or 0) > BUSY_PERCENT or one.limited_by == "cpu"),
    _Rule(2003, False, lambda one: (one.rtt or 0) > DELAY_MS),
    _Rule(2004, False, lambda one: (one.jitter or 0) > JITTER_MS),
    _Rule(2005, False, _both(_of(Track.AUDIO), _lost)),
    _Rule(2006, False, lambda one: one.track == Track.AUDIO.value and one.on and one.volume == 0),
    _Rule(2007, False, _both(_of(Track.MAIN), _lost)),
    _Rule(2009, False, _both(_of(Track.SCREEN), _lost)),
    _Rule(2013, True, lambda one: (one.rtt or 0) > DELAY_MS),
    _Rule(2014, True, lambda one: (one.jitter or 0) > JITTER_MS),
    _Rule(2015, True, _both(_of(Track.AUDIO), _lost)),
    _Rule(2017, True, _both(_of(Track.MAIN), _lost)),
    _Rule(2019, True, _both(_of(Track.SCREEN), _lost)),
    _Rule(2023, True, lambda one: one.track == Track.AUDIO.value and (one.frozen or 0) >= AUDIO_MS),
    _Rule(2024, True, lambda one: one.track == Track.MAIN.value and (one.frozen or 0) >= VIDEO_MS),
    _Rule(2026, True, lambda one: one.track == Track.SCREEN.value and (one.frozen or 0) >= VIDEO_MS),
)


async def unusual_in(
    records: Records, sdk_app_id: int, span: Window, *, room: str | None, most: int
) -> list[Unusual]:
    """The first `most` experiences of a span, in order."""
    where: tuple[Condition, ...] = (Equals("sdk_app_id", sdk_app_id),)
    if room is not None:
        where += (Equals("room", room),)
    since, until = span.start * 1000, (span.end + 1) * 1000
    found = [
        *await _stutters(records, Query(Sample, since, until, (*where, Between("frozen", least=AUDIO_MS))), most),
        *await _slow(records, Query(Entry, since, until, where), most),
        *await _broken(records, Query(CallEvent, since, until, (*where, Equals("kind", EventKind.DEVICE.value))), most),
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.at, one.user, one.experience))[:most]


async def _stutters(records: Records, query: Query[Sample], most: int) -> list[Unusual]:
    found: dict[tuple[int, str, str, int], Sample] = {}
    seen = 0
    async for page in pages(records, query):
        for one in page:
            experience = _experience(one)
            if experience is not None:
                # By the call: a number and a string that look alike are two rooms.
                key = (one.time // MINUTE_MS, one.user_id, one.call_id, experience)
                found.setdefault(key, one)
        seen += 1
        if len(found) >= most or seen >= MAX_PAGES:
            break
    return [
        Unusual(user, experience, one.room, minute * 60, await _causes(records, one, minute))
        for (minute, user, _, experience), one in list(found.items())[:most]
    ]


def _experience(one: Sample) -> int | None:
    if one.track == Track.AUDIO.value:
        return AUDIO_STUTTERS
    return VIDEO_STUTTERS if (one.frozen or 0) >= VIDEO_MS else None


async def _causes(records: Records, one: Sample, minute: int) -> tuple[Cause, ...]:
    begin = minute * MINUTE_MS
    where = (Equals("call_id", one.call_id), Equals("user_id", one.user_id))
    query = Query(Sample, begin, begin + MINUTE_MS, where)
    found: dict[Cause, None] = {}
    async for page in pages(records, query):
        found.update(dict.fromkeys(_causes_in(page)))
    return tuple(sorted(found, key=lambda cause: (cause.number, cause.peer)))


def _causes_in(samples: Sequence[Sample]) -> list[Cause]:
    return [
        Cause(rule.number, one.peer_id)
        for one in samples
        for rule in RULES
        if rule.received == (one.peer_id != "") and rule.holds(one)
    ]


async def _slow(records: Records, query: Query[Entry], most: int) -> list[Unusual]:
    slow = (Equals("code", ""), Between("milliseconds", least=SLOW_ENTRY_MS + 1))
    page = await records.search(Query(Entry, query.since, query.until, (*query.where, *slow)), limit=most)
    return [Unusual(one.user_id, SLOW_ENTRY, one.room, one.time // 1000, ()) for one in page.documents]


async def _broken(records: Records, query: Query[CallEvent], most: int) -> list[Unusual]:
    found: list[Unusual] = []
    async for page in pages(records, query):
        for one in page:
            kind = _fault(one.detail or "")
            if kind is not None:
                experience, number = kind
                causes = (Cause(number, ""),)
                found.append(Unusual(one.user_id, experience, one.room, one.time // 1000, causes))
        if len(found) >= most:
            break
    return found


def _fault(detail: str) -> tuple[int, int] | None:
    """Experience and cause of `camera_denied_failed` and the like (`quality.reports`)."""
    device, _, what = detail.partition("_")
    reason, _, failed = what.rpartition("_")
    if failed != "failed" or device not in _FAULTS:
        return None
    experience, first = _FAULTS[device]
    return experience, first + _REASONS.get(reason, 0)

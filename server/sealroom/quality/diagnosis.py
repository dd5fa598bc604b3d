# SPDX-License-Identifier: Apache-2.0
"""Why a call was bad for somebody, by rules that are written here and nowhere else.

A symptom is what he noticed: picture or sound stood still. A cause is what was measured **in the same samples**; where several were,
all are named, the most frequent first. Thresholds are those that TRTC's dashboard gives as reading aids (trtc.io 39070, 52069)
where it gives one. `docs/quality.md` is compared with this file by a test.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sealroom.quality.models import CallEvent, EventKind, Sample
from sealroom_wire.signalling import Track


class Cause(StrEnum):
    """What made it bad."""

    LOSS_UP = "loss_up"
    LOSS_DOWN = "loss_down"
    DELAY = "delay"
    JITTER = "jitter"
    CPU = "cpu"
    BANDWIDTH = "bandwidth"
    DEVICE = "device"
    SENDER = "sender"


class Grade(StrEnum):
    """How it was, in four words."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Rule:
    """When a cause holds in one sample."""

    cause: Cause
    says: str
    holds: Callable[[Sample], bool]


LOSS = 0.05
DELAY_MS = 200.0
JITTER_MS = 60.0
BUSY_PERCENT = 85
VIDEO_FAIR, VIDEO_POOR = 0.05, 0.10
AUDIO_FAIR, AUDIO_POOR = 0.03, 0.05
LOST_MS = 10_000
"""So long without a packet of a track that is on, and what was received counts as lost."""

RULES = (
    Rule(
        Cause.LOSS_UP, f"more than {LOSS:.0%} of the packets that he sends are missing",
        lambda one: one.peer_id == "" and (one.loss or 0) > LOSS,
    ),
    Rule(
        Cause.LOSS_DOWN, f"more than {LOSS:.0%} of the packets that he receives are missing",
        lambda one: one.peer_id != "" and (one.loss or 0) > LOSS,
    ),
    Rule(Cause.DELAY, f"a round trip to the server takes more than {DELAY_MS:.0f} ms", lambda one: (one.rtt or 0) > DELAY_MS),
    Rule(Cause.JITTER, f"packets arrive more than {JITTER_MS:.0f} ms unevenly", lambda one: (one.jitter or 0) > JITTER_MS),
    Rule(
        Cause.CPU, f"his device is busy for more than {BUSY_PERCENT} %, or its encoder says that it has too little of the processor",
        lambda one: (one.cpu or 0) > BUSY_PERCENT or one.limited_by == "cpu",
    ),
    Rule(Cause.BANDWIDTH, "his encoder says that it has too little bandwidth", lambda one: one.limited_by == "bandwidth"),
)  # fmt: skip
"""What is looked for in each sample. `device` comes from events: a camera or microphone that failed; `sender` from the other end: a
publisher whose own packets are missing on their way to the server makes it bad for everybody."""


@dataclass(frozen=True, slots=True)
class Found:
    """A cause, and in which share of the samples that were looked at it held."""

    cause: Cause
    share: float
    says: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How a call was for one participant, and why. Shares are of the time in which there was something to play; None: nothing was told."""

    user_id: str
    audio: Grade | None
    video: Grade | None
    audio_frozen: float | None
    video_frozen: float | None
    causes: tuple[Found, ...]

    @property
    def is_bad(self) -> bool:
        """Whether there is something to explain."""
        return any(grade not in (None, Grade.GOOD) for grade in (self.audio, self.video))


def diagnose(user_id: str, samples: Sequence[Sample], events: Iterable[CallEvent] = ()) -> Diagnosis:
    """Looks at what one participant sent and received; `samples` may hold those of others in the call, for what came from their end."""
    mine = [one for one in samples if one.user_id == user_id]
    heard = [one for one in mine if one.peer_id and one.track == Track.AUDIO.value]
    seen = [one for one in mine if one.peer_id and one.track != Track.AUDIO.value]
    audio_frozen, video_frozen = _frozen(heard), _frozen(seen)
    audio = _grade(audio_frozen, heard, AUDIO_FAIR, AUDIO_POOR)
    video = _grade(video_frozen, seen, VIDEO_FAIR, VIDEO_POOR)
    causes = _causes(user_id, mine, samples) + _devices(user_id, events)
    return Diagnosis(user_id, audio, video, audio_frozen, video_frozen, tuple(causes))


def _frozen(samples: Sequence[Sample]) -> float | None:
    played = sum(one.played or 0 for one in samples if one.frozen is not None)
    if not played:
        return None
    return min(1.0, sum(one.frozen or 0 for one in samples) / played)


def _grade(frozen: float | None, samples: Sequence[Sample], fair: float, poor: float) -> Grade | None:
    if _longest_silence(samples) >= LOST_MS:
        return Grade.LOST
    if frozen is None:
        return None
    if frozen < fair:
        return Grade.GOOD
    return Grade.FAIR if frozen < poor else Grade.POOR


def _longest_silence(samples: Sequence[Sample]) -> int:
    """The longest time without a packet of one track that is on, in milliseconds."""
    longest = 0
    silent: Counter[tuple[str, str]] = Counter()
    for one in sorted(samples, key=lambda one: one.time):
        key = (one.peer_id, one.track)
        silent[key] = silent[key] + one.span if one.on and one.packets == 0 else 0
        longest = max(longest, silent[key])
    return longest


def _causes(user_id: str, mine: Sequence[Sample], everybodys: Sequence[Sample]) -> list[Found]:
    times = {one.time for one in mine if one.peer_id and (one.frozen or 0) > 0}
    # Where no device told of a symptom, everything that was measured is looked at.
    looked_at = [one for one in mine if one.time in times] if times else list(mine)
    if not looked_at:
        return []
    moments = {one.time for one in looked_at}
    found = [
        Found(rule.cause, len({one.time for one in looked_at if rule.holds(one)}) / len(moments), rule.says)
        for rule in RULES
    ]
    publishers = {one.peer_id for one in looked_at if one.peer_id}
    theirs = {
        one.time
        for one in everybodys
        if one.user_id in publishers
        and one.user_id != user_id
        and one.peer_id == ""
        and (one.loss or 0) > LOSS
    }
    says = f"more than {LOSS:.0%} of the packets that a publisher sends are missing before the server"
    found.append(Found(Cause.SENDER, len(theirs & moments) / len(moments), says))
    return sorted((one for one in found if one.share > 0), key=lambda one: -one.share)


def _devices(user_id: str, events: Iterable[CallEvent]) -> list[Found]:
    failed = [one for one in events if one.user_id == user_id and one.kind is EventKind.DEVICE and one.detail]
    broken = [one for one in failed if one.detail and one.detail.endswith("failed")]
    if not broken:
        return []
    return [
        Found(
            Cause.DEVICE, 1.0, f"a device failed: {', '.join(sorted({one.detail or '' for one in broken}))}"
        )
    ]

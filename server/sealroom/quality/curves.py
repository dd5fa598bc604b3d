# SPDX-License-Identifier: Apache-2.0
"""A call drawn: curves of each participant over one time axis, his events on it, and in words why it was bad.

In the terminal a curve is a line of blocks, as SVG small charts one below the other. Everything on them stands in the catalogue.
"""

import html
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sealroom.quality.diagnosis import Diagnosis, Grade, diagnose
from sealroom.quality.models import CallEvent, EventKind, Sample
from sealroom.rooms.events import EnterReason, ExitReason
from sealroom_wire.signalling import Track

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = " "
WIDTH = 60
"""Characters of a curve in the terminal."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a curve shows: of which samples, which number, and how all of one moment become one."""

    name: str
    unit: str
    of: Callable[[Sample], bool]
    value: Callable[[Sample], float | None]
    together: Callable[[Iterable[float]], float]


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)


def _sent(one: Sample) -> bool:
    return one.peer_id == ""


def _received(one: Sample) -> bool:
    return one.peer_id != ""


def _rate(one: Sample) -> float | None:
    return None if one.bit_rate is None else one.bit_rate / 1000


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


MEASURES = (
    Measure("sends", "kbit/s", _sent, _rate, sum),
    Measure("receives", "kbit/s", _received, _rate, sum),
    Measure("loss up", "%", _sent, lambda one: _percent(one.loss), max),
    Measure("loss down", "%", _received, lambda one: _percent(one.loss), max),
    Measure("round trip", "ms", lambda _: True, lambda one: one.rtt, _mean),
    Measure("picture stood", "ms", lambda one: _received(one) and one.track != Track.AUDIO.value, lambda one: one.frozen, max),
    Measure("sound stood", "ms", lambda one: _received(one) and one.track == Track.AUDIO.value, lambda one: one.frozen, max),
    Measure("height sent", "px", lambda one: _sent(one) and one.track == Track.MAIN.value, lambda one: one.height, max),
    Measure("pictures sent", "/s", lambda one: _sent(one) and one.track == Track.MAIN.value, lambda one: one.frame_rate, max),
    Measure("pictures seen", "/s", lambda one: _received(one) and one.track == Track.MAIN.value, lambda one: one.frame_rate, min),
    Measure("loudness", "of 100", lambda one: _sent(one) and one.track == Track.AUDIO.value, lambda one: one.volume, max),
    Measure("busy", "%", lambda _: True, lambda one: one.cpu, max),
    Measure("memory", "MB", lambda _: True, lambda one: one.memory, max),
)  # fmt: skip
"""In the order in which they are drawn."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One measure of one participant: points of (Unix milliseconds, value), in order."""

    name: str
    unit: str
    points: tuple[tuple[int, float], ...]

    @property
    def most(self) -> float:
        """The largest value."""
        return max(value for _, value in self.points)


@dataclass(frozen=True, slots=True)
class Portrait:
    """One participant of a call."""

    user_id: str
    curves: tuple[Curve, ...]
    events: tuple[CallEvent, ...]
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole call, from `since` to `until` (Unix milliseconds)."""

    call_id: str
    since: int
    until: int
    people: tuple[Portrait, ...]


def draw(call_id: str, samples: Sequence[Sample], events: Sequence[CallEvent]) -> Drawing:
    """Everybody of a call, in the order of first appearance. Raises ValueError where nothing is known of it."""
    moments = [one.time for one in samples] + [one.time for one in events]
    if not moments:
        raise ValueError("nothing is known of this call")
    first: dict[str, int] = {}
    told = [(one.user_id, one.time) for one in samples] + [(one.user_id, one.time) for one in events]
    for user_id, time in told:
        first[user_id] = min(time, first.get(user_id, time))
    people = tuple(
        _portrait(user, samples, events) for user in sorted(first, key=lambda user: (first[user], user))
    )
    return Drawing(call_id, min(moments), max(moments), people)


def _portrait(user_id: str, samples: Sequence[Sample], events: Sequence[CallEvent]) -> Portrait:
    mine = [one for one in samples if one.user_id == user_id]
    curves = tuple(curve for measure in MEASURES if (curve := _curve(measure, mine)) is not None)
    told = tuple(sorted((one for one in events if one.user_id == user_id), key=lambda one: one.time))
    return Portrait(user_id, curves, told, diagnose(user_id, samples, events))


def _curve(measure: Measure, samples: Sequence[Sample]) -> Curve | None:
    by_moment: dict[int, list[float]] = {}
    for one in samples:
        value = measure.value(one) if measure.of(one) else None
        if value is not None:
            by_moment.setdefault(one.time, []).append(float(value))
    if not by_moment:
        return None
    points = tuple((at, measure.together(by_moment[at])) for at in sorted(by_moment))
    return Curve(measure.name, measure.unit, points)


def blocks(curve: Curve, since: int, until: int, width: int = WIDTH) -> str:
    """A curve as one line; a column without a sample is empty, and what is in one column is its largest value."""
    columns: list[float | None] = [None] * width
    span = max(1, until - since)
    for at, value in curve.points:
        place = min(width - 1, (at - since) * width // span)
        columns[place] = max(value, columns[place] or 0.0)
    top = curve.most or 1.0
    return "".join(GAP if value is None else BLOCKS[min(7, int(8 * value / top))] for value in columns)


def words(diagnosis: Diagnosis) -> str:
    """How it was for somebody and why, in one sentence."""
    grades = [
        f"{name} {grade.value}"
        for name, grade in (("video", diagnosis.video), ("audio", diagnosis.audio))
        if grade
    ]
    causes = [f"{one.says} ({one.share:.0%} of the time)" for one in diagnosis.causes]
    if not grades:
        grades = ["his device told nothing of what he saw and heard"]
    said = ", ".join(grades)
    return f"{said}: {'; '.join(causes)}" if causes else said


def as_text(drawing: Drawing) -> str:
    """For a terminal."""
    seconds = (drawing.until - drawing.since) / 1000
    lines = [f"{drawing.call_id}   {seconds:.0f} s, {len(drawing.people)} participants", ""]
    for person in drawing.people:
        lines.append(f"{person.user_id}   {words(person.diagnosis)}")
        for curve in person.curves:
            line = blocks(curve, drawing.since, drawing.until)
            lines.append(f"  {curve.name:<14}{line}  up to {curve.most:.4g} {curve.unit}")
        lines += [f"  {_event(one, drawing.since)}" for one in person.events]
        lines.append("")
    return "\n".join(lines)


def _event(one: CallEvent, since: int) -> str:
    told = [
        one.kind.value,
        one.track or "",
        one.detail or "",
        _number(one),
        one.peer_id,
    ]
    return f"{(one.time - since) / 1000:8.1f} s  {' '.join(filter(None, told))}"


def _number(one: CallEvent) -> str:
    """An event's number; of a reason also what it means, unless a newer program wrote it."""
    if one.number is None:
        return ""
    reasons = _REASONS.get(one.kind)
    known = {int(reason): reason.words for reason in reasons} if reasons else {}
    return f"{one.number} ({known[one.number]})" if one.number in known else f"{one.number}"


_REASONS: dict[EventKind, type[EnterReason] | type[ExitReason]] = {
    EventKind.ENTER: EnterReason,
    EventKind.LEAVE: ExitReason,
}
_LEFT, _ROW, _CHART, _GAP, _TOP = 150, 46, 34, 34, 56
_PAGE = 960
_WORDS, _LINE = 125, 16
"""Characters of a line that fit beside a name, and the height of one."""
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1b1f24}.dim{fill:#59636e}.grid{stroke:#d6dae0}.curve{fill:none;stroke:#0b6bcb;"
    "stroke-width:1.5}.area{fill:#0b6bcb;opacity:.12}.event{stroke:#9a6700}.bg{fill:#fff}.bad{fill:#b3261e}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e8eb}.dim{fill:#9aa4af}.grid{stroke:#333a42}.curve{stroke:#6cb6ff}"
    ".area{fill:#6cb6ff}.event{stroke:#e3b341}.bg{fill:#14171a}.bad{fill:#ff8a80}}"
)


def as_svg(drawing: Drawing) -> str:
    """As a picture that stands alone: light and dark, text that can be searched, a title for each mark."""
    said = {person.user_id: textwrap.wrap(words(person.diagnosis), _WORDS) for person in drawing.people}
    heads = sum(_GAP + _LINE * (len(lines) - 1) for lines in said.values())
    height = _TOP + heads + sum(_ROW * max(1, len(person.curves)) for person in drawing.people) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_PAGE} {height}" role="img" aria-label="Quality of a call">',
        f"<style>{_STYLE}</style>", f'<rect class="bg" width="{_PAGE}" height="{height}"/>',
        f'<text x="16" y="26" style="font-size:16px">{html.escape(drawing.call_id)}</text>',
        f'<text class="dim" x="16" y="44">{(drawing.until - drawing.since) / 1000:.0f} s, {len(drawing.people)} participants</text>',
    ]  # fmt: skip
    y = _TOP
    for person in drawing.people:
        bad = person.diagnosis.is_bad or Grade.LOST in (person.diagnosis.audio, person.diagnosis.video)
        parts.append(
            f'<text x="16" y="{y + 20}" style="font-weight:600">{html.escape(person.user_id)}</text>'
        )
        for number, line in enumerate(said[person.user_id]):
            parts.append(
                f'<text class="{"bad" if bad else "dim"}" x="{_LEFT}" y="{y + 20 + number * _LINE}">{html.escape(line)}</text>'
            )
        y += _GAP + _LINE * (len(said[person.user_id]) - 1)
        for curve in person.curves:
            parts.append(_chart(curve, person.events, drawing, y))
            y += _ROW
        if not person.curves:
            y += _ROW
    return "\n".join([*parts, "</svg>", ""])


def _chart(curve: Curve, events: Sequence[CallEvent], drawing: Drawing, y: int) -> str:
    width, span, top = _PAGE - _LEFT - 100, max(1, drawing.until - drawing.since), curve.most or 1.0
    low = y + _CHART

    def across(at: int) -> float:
        return _LEFT + width * (at - drawing.since) / span

    places = [(across(at), low - (_CHART - 4) * value / top) for at, value in curve.points]
    line = " ".join(f"{x:.1f},{level:.1f}" for x, level in places)
    marks = "".join(
        f'<line class="event" x1="{across(one.time):.1f}" y1="{y}" x2="{across(one.time):.1f}" y2="{low}">'
        f"<title>{html.escape(_event(one, drawing.since).strip())}</title></line>"
        for one in events
    )
    return (
        f'<text class="dim" x="16" y="{low - 10}">{curve.name}</text><line class="grid" x1="{_LEFT}" y1="{low}" x2="{_LEFT + width}" y2="{low}"/>'
        f'<polygon class="area" points="{places[0][0]:.1f},{low} {line} {places[-1][0]:.1f},{low}"/><polyline class="curve" points="{line}"/>'
        f'{marks}<text x="{_LEFT + width + 8}" y="{y + 12}">{curve.most:.4g} {curve.unit}</text>'
    )

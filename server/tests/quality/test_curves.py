# SPDX-License-Identifier: Apache-2.0
"""A call's drawing shows what was measured, where it was measured, and says why it was bad."""

import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from sealroom.app import catalogue
from sealroom.core.records.sqlite import SqliteRecords
from sealroom.quality.curves import BLOCKS, Curve, as_svg, as_text, blocks, draw
from sealroom.quality.models import CallBegun, CallEvent, EventKind
from sealroom.quality.reading import CallUnknown, drawing_of, latest
from server.tests.fakes import NOW, VirtualClock
from server.tests.quality.test_diagnosis import sample

CALL = f"1_room_{NOW}"


def event(at: int, user: str = "bob", kind: EventKind = EventKind.MUTE) -> CallEvent:
    return CallEvent(
        id=f"{user}{at}", time=at, sdk_app_id=1, call_id=CALL, room="room", user_id=user, kind=kind
    )


def test_a_curve_lies_where_its_samples_were_and_a_gap_stays_empty() -> None:
    curve = Curve("sends", "kbit/s", ((0, 50.0), (9_999, 100.0)))
    line = blocks(curve, 0, 10_000, width=10)
    assert line == BLOCKS[4] + 8 * " " + BLOCKS[7]


@pytest.mark.parametrize(
    ("kind", "number", "said"),
    [
        (EventKind.ENTER, 1, "enter 1 (voluntary)"), (EventKind.ENTER, 2, "enter 2 (network change)"),
        (EventKind.ENTER, 3, "enter 3 (timeout retry)"), (EventKind.ENTER, 4, "enter 4 (cross-room)"),
        (EventKind.LEAVE, 1, "leave 1 (voluntary)"), (EventKind.LEAVE, 2, "leave 2 (timeout)"), (EventKind.LEAVE, 3, "leave 3 (removed)"),
        (EventKind.LEAVE, 4, "leave 4 (cross-room cancelled)"), (EventKind.LEAVE, 5, "leave 5 (process killed)"),
        (EventKind.LEAVE, 99, "leave 99"), (EventKind.FRAMES_REFUSED, 3, "frames_refused 3"), (EventKind.MUTE, None, "mute"),
    ],
)  # fmt: skip
def test_a_reason_is_told_in_words_beside_trtc_s_number(
    kind: EventKind, number: int | None, said: str
) -> None:
    drawing = draw(CALL, [], [msgspec.structs.replace(event(1_000, kind=kind), number=number)])
    assert f" s  {said}\n" in as_text(drawing)
    with_curve = draw(CALL, [sample(1, "bob", "", "main", bit_rate=1)], list(drawing.people[0].events))
    assert f" s  {said}</title>" in as_svg(with_curve)


def test_a_curve_of_nothing_but_zeros_is_flat() -> None:
    assert blocks(Curve("loss up", "%", ((0, 0.0), (5, 0.0))), 0, 10, width=2) == BLOCKS[0] * 2


def test_tracks_add_up_to_what_somebody_sends_and_the_worst_loss_counts() -> None:
    drawing = draw(
        CALL,
        [
            sample(1, "alice", "", "main", bit_rate=900_000, loss=0.01),
            sample(1, "alice", "", "audio", bit_rate=40_000, loss=0.2),
        ],
        [],
    )
    curves = {curve.name: curve for curve in drawing.people[0].curves}
    assert curves["sends"].points == ((2000, 940.0),)
    assert curves["loss up"].points == ((2000, 20.0),)
    assert "receives" not in curves


def test_every_measure_that_the_paper_names_is_drawn() -> None:
    """Section 2.3: processor, memory, delay, loss, resolution, bit rate, frame rate, volume. On, off, enter, leave, mute are events."""
    measured = {
        "rtt": 20.0,
        "cpu": 25,
        "memory": 80,
        "loss": 0.01,
        "bit_rate": 1000,
        "frame_rate": 15.0,
        "height": 360,
    }
    drawing = draw(
        CALL,
        [
            sample(1, "bob", "", "main", **measured),
            sample(1, "bob", "", "audio", volume=40),
            sample(1, "bob", "alice", "main", **measured, frozen=0),
            sample(1, "bob", "carol", "main", **measured | {"frame_rate": 4.0}),
            sample(1, "bob", "alice", "audio", frozen=0, volume=90),
        ],
        [],
    )
    curves = {curve.name: [value for _, value in curve.points] for curve in drawing.people[0].curves}
    assert curves == {
        "sends": [1.0], "receives": [2.0], "loss up": [1.0], "loss down": [1.0], "round trip": [20.0], "picture stood": [0.0],
        "sound stood": [0.0], "height sent": [360.0], "pictures sent": [15.0], "pictures seen": [4.0], "loudness": [40.0], "busy": [25.0],
        "memory": [80.0],
    }  # fmt: skip


def test_everybody_is_there_and_the_cause_in_words() -> None:
    drawing = draw(CALL, [sample(1, frozen=1500, loss=0.3), sample(1, "alice", "")], [event(3000)])
    text = as_text(drawing)
    assert [person.user_id for person in drawing.people] == ["alice", "bob"]
    assert re.search(
        r"bob   video poor: more than 5% of the packets that he receives are missing \(100% of the time\)",
        text,
    )
    assert re.search(r"1\.0 s  mute", text)


def test_the_picture_is_one_and_nobody_writes_into_it() -> None:
    people = [
        sample(at, user, "", "main", bit_rate=at * 1000) for at in range(1, 5) for user in ("<script>", "bob")
    ]
    svg = as_svg(draw(f"{CALL}&<", people, [event(4000, "<script>")]))
    root = ET.fromstring(svg)
    assert "<script>" not in svg
    places = [polyline.get("points") for polyline in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert len(places) == 2, "what each sends; of nothing else anything was told"
    assert len(list(root.iter("{http://www.w3.org/2000/svg}title"))) == 1


def test_what_was_bad_stays_on_the_picture_however_much_it_was() -> None:
    everything = sample(
        1, "bob", "alice", frozen=1900, loss=0.3, rtt=900.0, jitter=90.0, cpu=95, limited_by="bandwidth"
    )
    svg = as_svg(draw(CALL, [everything, sample(1, "carol", "", bit_rate=1)], []))
    root = ET.fromstring(svg)
    lines = [one for one in root.iter("{http://www.w3.org/2000/svg}text") if one.get("class") == "bad"]
    assert len(lines) > 1
    assert all(len(one.text or "") <= 125 for one in lines)
    assert "too little bandwidth" in " ".join(one.text or "" for one in lines)
    below = max(int(one.get("y") or 0) for one in root.iter("{http://www.w3.org/2000/svg}text"))
    assert below < int((root.get("viewBox") or "").split()[3])


def test_nothing_is_no_call() -> None:
    with pytest.raises(ValueError, match="nothing is known"):
        draw(CALL, [], [])


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteRecords]:
    made = SqliteRecords(tmp_path / "records.db", catalogue(), "main")
    await made.prepare()
    yield made
    await made.close()


async def test_a_call_is_read_whole_and_no_other(records: SqliteRecords) -> None:
    clock = VirtualClock()
    mine = [
        msgspec.structs.replace(sample(0), id=str(at), time=NOW * 1000 + at, call_id=CALL)
        for at in range(1500)
    ]
    await records.write([*mine, sample(1)], wait=True)
    drawing = await drawing_of(records, CALL, clock)
    assert len(drawing.people) == 1
    assert (drawing.since, drawing.until) == (NOW * 1000, NOW * 1000 + 1499)
    for unknown in (f"1_room_{NOW - 999_999}", "nonsense"):
        with pytest.raises(CallUnknown):
            await drawing_of(records, unknown, clock)


async def test_the_calls_that_began_last_come_first(records: SqliteRecords) -> None:
    begun = [
        CallBegun(
            id=str(at),
            time=NOW * 1000 + at,
            sdk_app_id=1,
            call_id=f"c{at}",
            room="r",
            room_is_number=False,
            creator="a",
        )
        for at in range(3)
    ]
    await records.write(begun, wait=True)
    assert [call.call_id for call in await latest(records, VirtualClock(), 2)] == ["c2", "c1"]

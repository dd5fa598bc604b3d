# SPDX-License-Identifier: Apache-2.0
"""What a device tells stands where it belongs, under the name of who told it."""

import asyncio
from collections.abc import Iterable

import pytest
from structlog.testing import capture_logs

from sealroom.apps.models import Identity
from sealroom.core.errands import Errands
from sealroom.quality import reports as module
from sealroom.quality.minutes import Minutes
from sealroom.quality.models import CallEvent, Entry, EventKind, Joins, SdkLogEntry
from sealroom.quality.reports import Listening
from sealroom.trtc_api.reading.event_numbers import FIRST_PICTURE
from sealroom.trtc_api.reading.event_numbers import told as numbered_event
from sealroom_wire import reports
from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import RoomKind, room_number
from sealroom_wire.reports import ReportedEvent
from sealroom_wire.signalling import Track
from server.tests import fakes
from server.tests.quality.test_collector import Studio, studio

__all__ = ["studio"]


@pytest.fixture
def listening_to(studio: Studio, errands: Errands) -> Listening:
    return Listening(studio.collector, studio.kept, studio.minutes, studio.clock, errands, log=True)


def told(studio: Studio) -> Iterable[CallEvent]:
    return studio.kept.all(CallEvent)


async def settle(errands: Errands) -> None:
    await errands.__aexit__(None, None, None)


async def test_a_sample_goes_into_the_next_take(studio: Studio, listening_to: Listening) -> None:
    (slot,) = [slot for slot, binding in studio.engine.peers[studio.bob.peer].bound.items() if binding.source]
    received = reports.ReceivedStream(slot=slot, frozen=400, frame_rate=20, jitter_buffer=35)
    sample = reports.Sample(
        at=2000, span=2000, rtt=30, cpu=reports.Pressure.CRITICAL, memory=100, received=(received,)
    )
    listening_to.on_sample(studio.bob, sample)
    seen = (await studio.pass_time())["bob", "alice", "main"]
    assert (seen.frozen, seen.played, seen.frame_rate, seen.delay) == (400, 2000, 20.0, 35.0)
    assert (seen.rtt, seen.cpu, seen.memory) == (30.0, 95, 100)


async def test_a_page_in_the_back_is_not_blamed_for_what_it_did_not_show(
    studio: Studio, listening_to: Listening
) -> None:
    (slot,) = [slot for slot, binding in studio.engine.peers[studio.bob.peer].bound.items() if binding.source]
    received = reports.ReceivedStream(slot=slot, frozen=2000)
    listening_to.on_sample(studio.bob, reports.Sample(at=2000, span=2000, hidden=True, received=(received,)))
    seen = (await studio.pass_time())["bob", "alice", "main"]
    assert (seen.frozen, seen.played) == (None, None)


async def test_what_the_largest_layer_that_flows_says_of_the_encoder_counts(
    studio: Studio, listening_to: Listening
) -> None:
    layers = (
        reports.SentStream(
            track=Track.MAIN, layer=0, bit_rate=1, frame_rate=15, limited_by=reports.LimitedBy.NONE
        ),
        reports.SentStream(
            track=Track.MAIN, layer=1, bit_rate=1, frame_rate=25, limited_by=reports.LimitedBy.CPU
        ),
        reports.SentStream(track=Track.MAIN, layer=2, bit_rate=0, limited_by=reports.LimitedBy.BANDWIDTH),
    )
    listening_to.on_sample(studio.alice, reports.Sample(at=1, span=2000, sent=layers))
    sent = (await studio.pass_time())["alice", "", "main"]
    assert (sent.frame_rate, sent.limited_by) == (25.0, "cpu")


@pytest.mark.parametrize(
    ("event", "kind", "detail", "number"),
    [
        (reports.CaptureFailed(1, reports.Device.CAMERA, reports.CaptureFault.DENIED), EventKind.DEVICE, "camera_denied_failed", None),
        (reports.DeviceChanged(1, reports.Device.MICROPHONE, reports.DeviceAction.ACTIVE), EventKind.DEVICE, "microphone_active", None),
        (reports.NetworkChanged(1, reports.Network.CELLULAR), EventKind.NETWORK, "cellular", None),
        (reports.VisibilityChanged(1, hidden=True), EventKind.BACKGROUND, None, None),
        (reports.Reconnected(1, reports.LostBy.LINE, 1200, 2), EventKind.RECONNECT, "line", 1200),
        (reports.MediaRestarted(1), EventKind.RECONNECT, "media_restarted", None),
        (reports.KeyWaited(1, 80), EventKind.KEY_CHANGE, "waited", 80),
        (reports.KeyStateChanged(1, reports.KeyState.PAUSED), EventKind.KEY_CHANGE, "paused", None),
        (reports.FramesRefused(1, reports.FrameRefusal.NO_KEY, 3), EventKind.FRAMES_REFUSED, "no_key", 3),
    ],
)  # fmt: skip
async def test_events_stand_in_the_call_in_its_own_words(
    studio: Studio, listening_to: Listening, errands: Errands, event: ReportedEvent, kind: EventKind, detail: str | None,
    number: int | None,
) -> None:  # fmt: skip
    listening_to.on_events(studio.bob, (event, event))
    await settle(errands)
    first, second = told(studio)
    assert (first.user_id, first.kind, first.detail, first.number, first.peer_id) == (
        "bob",
        kind,
        detail,
        number,
        "",
    )
    assert first.id != second.id


async def test_a_refusal_stands_in_the_call_with_its_code_and_how_many_it_stands_for(
    studio: Studio, listening_to: Listening, errands: Errands
) -> None:
    listening_to.on_refusal(studio.bob, ErrorCode.SLOT_UNKNOWN, 7)
    await settle(errands)
    (event,) = told(studio)
    assert (event.user_id, event.kind, event.detail, event.number) == (
        "bob",
        EventKind.REFUSED,
        "slot_unknown",
        7,
    )


async def test_an_event_of_a_slot_names_who_was_in_it_and_with_which_track(
    studio: Studio, listening_to: Listening, errands: Errands
) -> None:
    await studio.pass_time()
    (slot,) = [slot for slot, binding in studio.engine.peers[studio.bob.peer].bound.items() if binding.source]
    listening_to.on_events(studio.bob, (reports.FirstFrame(640, slot), reports.FirstFrame(640, 29)))
    await settle(errands)
    nobodys, alices = sorted(told(studio), key=lambda one: one.peer_id)
    assert (nobodys.peer_id, nobodys.track, nobodys.number) == ("", None, 640)
    assert (alices.peer_id, alices.track, alices.number) == ("alice", "main", 640)
    numbered = numbered_event(alices)
    assert numbered is not None, "customers are told of first pictures"
    assert (numbered.peer, numbered.number) == ("alice", FIRST_PICTURE)


async def test_the_sdks_log_has_no_field_for_a_sentence(
    studio: Studio, listening_to: Listening, errands: Errands
) -> None:
    entry = reports.LogEntry(
        5,
        reports.LogLevel.WARNING,
        "capture_failed",
        code=5300,
        reason="NotAllowedError",
        place="startVideo",
        count=3,
    )
    listening_to.on_log(studio.alice, (entry,))
    await settle(errands)
    (kept,) = studio.kept.all(SdkLogEntry)
    assert (kept.user_id, kept.level, kept.event) == ("alice", "warning", "capture_failed")
    assert kept.text == "NotAllowedError startVideo 5300 3 times"


async def test_what_waits_for_a_disk_that_hangs_is_bounded_and_what_exceeds_it_counted(
    studio: Studio, listening_to: Listening, errands: Errands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 10)
    studio.kept.hold = asyncio.Event()
    for _ in range(25):
        listening_to.on_events(
            studio.bob,
            (reports.VisibilityChanged(1, hidden=True), reports.VisibilityChanged(2, hidden=False)),
        )
    assert len(errands.running) == 1, "what comes together is written together"
    with capture_logs() as log:
        studio.kept.hold.set()
        await settle(errands)
    assert len(list(told(studio))) == 10
    assert [(line["event"], line["count"]) for line in log] == [("records_lost", 40)]
    listening_to.on_events(studio.bob, (reports.VisibilityChanged(1, hidden=True),))
    await settle(errands)
    assert len(list(told(studio))) == 11


async def test_a_write_that_was_cancelled_while_it_gathered_is_not_the_last(
    studio: Studio, listening_to: Listening, errands: Errands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    listening_to.on_events(studio.bob, (reports.VisibilityChanged(1, hidden=True),))
    (gathering,) = errands.running
    await asyncio.sleep(0)
    gathering.cancel()
    await asyncio.wait({gathering})
    listening_to.on_events(studio.bob, (reports.VisibilityChanged(2, hidden=False),))
    await settle(errands)
    assert len(list(told(studio))) == 1


async def test_reports_that_the_journal_does_not_take_are_the_journals_to_tell_of(
    studio: Studio, listening_to: Listening, errands: Errands
) -> None:
    """It counts them. A line for each of them in the log would fill the disk that is full."""
    studio.kept.full = True
    with capture_logs() as log:
        listening_to.on_events(studio.bob, (reports.VisibilityChanged(1, hidden=True),))
        await settle(errands)
    assert log == []


async def test_entries_are_counted_by_the_minute_without_persons(
    studio: Studio, listening_to: Listening, errands: Errands
) -> None:
    identity = Identity(fakes.application(), "carol", 0)
    for code, seconds in ((None, 0.2), (None, 5.0), (None, 5.001), (ErrorCode.ROOM_FULL, 0.01)):
        listening_to.on_entry(identity, room_number(123), code, seconds)
    await settle(errands)
    assert {one.room_kind for one in studio.kept.all(Entry)} == {RoomKind.NUMBER}
    for _ in range(31):
        await studio.pass_time()
    (joins,) = studio.kept.all(Joins)
    assert (joins.sdk_app_id, joins.time % 60_000) == (identity.application.sdk_app_id, 0)
    assert (joins.asked, joins.let_in, joins.in_time) == (4, 3, 2)
    assert "carol" not in str(joins)
    # After a restart the same minute has a second part, and both count.
    again = Minutes(studio.kept, b"key")
    again.add_entry(studio.kept.all(Entry)[0])
    await again.close()
    assert [one.asked for one in studio.kept.all(Joins)] in ([1, 4], [4, 1])

# SPDX-License-Identifier: Apache-2.0
"""History and the dashboard, read from documents: the same of every store."""

import datetime as dt

import pytest

from sealroom.core.jobs import Job
from sealroom.core.records import Query, Records
from sealroom.quality import models
from sealroom.quality.models import EventKind, Total
from sealroom.quality.totals import Totals
from sealroom.trtc_api import history
from sealroom.trtc_api.dashboard import Online, Period, Rates, Scale, Stutter
from sealroom.trtc_api.history import Cause, Day, Event, Metric, Stay
from sealroom.trtc_api.parameters import Page, Window
from sealroom.trtc_api.reading import curves, unusual
from sealroom.trtc_api.reading.numbers import RecordedNumbers
from sealroom.trtc_api.reading.past import RecordedHistory
from sealroom_wire.ids import RoomKind
from server.tests.fakes import NOW, VirtualClock
from server.tests.trtc_api.parts import APP, OTHERS_APP, Past
from server.tests.trtc_api.recorded import (
    CALL,
    OTHER,
    Keeper,
    begun,
    entry,
    event,
    flat,
    joins,
    minute,
    sample,
    stay,
)

SPAN = Window(NOW - 1800, NOW)
ALL = Page(0, 100)
DAY = 86_400
MIDNIGHT = NOW - NOW % DAY
TODAY = dt.datetime.fromtimestamp(NOW, dt.UTC).date()


class ReadingContract:
    """Subclasses give a fixture `records`: a store that is prepared and empty."""

    @pytest.fixture
    def past(self, records: Records, clock: VirtualClock) -> RecordedHistory:
        return RecordedHistory(records, Past(), clock)

    @pytest.fixture
    def numbers(self, records: Records, clock: VirtualClock) -> RecordedNumbers:
        return RecordedNumbers(records, clock)

    async def test_stays_of_a_span(self, records: Records, past: RecordedHistory) -> None:
        await records.write(
            flat([
                stay("alice", NOW - 1800, NOW - 1000), stay("bob", NOW - 1700), stay("alice", NOW - 900, NOW - 800),
                stay("carol", NOW - 1700, call=OTHER),
            ]),
            wait=True,
        )  # fmt: skip
        alice = Stay("alice", NOW - 1800, NOW - 1000, "Windows", "1.2.3", "192.0.2.7")
        found = await past.stays(CALL, SPAN, users=(), wanted=ALL)
        assert found[0] == alice
        assert [(one.user, one.left) for one in found] == [
            ("alice", NOW - 1000), ("bob", None), ("alice", NOW - 800),
        ]  # fmt: skip
        # Who left before the span, or entered after it, was not in it.
        during = await past.stays(CALL, Window(NOW - 950, NOW - 910), users=(), wanted=ALL)
        assert [one.user for one in during] == ["bob"]
        named = await past.stays(CALL, SPAN, users=("alice", "carol"), wanted=ALL)
        assert [one.user for one in named] == ["alice", "alice"]

    async def test_pages_of_stays_leave_nobody_out(self, records: Records, past: RecordedHistory) -> None:
        """More stays than the store gives at once, half of which ended before the span."""
        users = [f"user{n}" for n in range(1100)]
        await records.write(
            flat([stay(user, NOW - 1800 + n // 10, NOW - 1600 if n % 2 else None) for n, user in enumerate(users)]),
            wait=True,
        )  # fmt: skip
        span = Window(NOW - 1500, NOW)
        found: list[str] = []
        for number in range(7):
            page = await past.stays(CALL, span, users=(), wanted=Page(number * 100, 100))
            found += [one.user for one in page]
        assert sorted(found) == sorted(users[::2])
        assert len(found) == len(set(found)) == 550

    async def test_events_have_trtc_s_numbers(self, records: Records, past: RecordedHistory) -> None:
        at = NOW - 1800
        told = [
            (event("alice", at, EventKind.ENTER, number=1), Event("", 0, at * 1000, 7000, 0)),
            (event("alice", at + 1, EventKind.CONNECTED), Event("", 0, (at + 1) * 1000, 32793)),
            (event("alice", at + 2, EventKind.PUBLISH, track="audio"), Event("", 0, (at + 2) * 1000, 32769)),
            (event("alice", at + 3, EventKind.PUBLISH, track="main"), Event("", 2, (at + 3) * 1000, 32768)),
            (event("alice", at + 4, EventKind.MUTE, track="audio"), Event("", 0, (at + 4) * 1000, 32772)),
            (event("alice", at + 5, EventKind.UNMUTE, track="main"), Event("", 2, (at + 5) * 1000, 32775)),
            (event("alice", at + 6, EventKind.UNPUBLISH, track="screen"), Event("", 7, (at + 6) * 1000, 32770)),
            (event("alice", at + 7, EventKind.BACKGROUND), Event("", 0, (at + 7) * 1000, 2001, 1)),
            (event("alice", at + 8, EventKind.NETWORK, detail="wifi"), Event("", 0, (at + 8) * 1000, 1003, 1)),
            (event("alice", at + 9, EventKind.NETWORK, detail="vpn"), None),
            (event("alice", at + 10, EventKind.FIRST_FRAME, track="main", peer_id="bob"), Event("bob", 2, (at + 10) * 1000, 5007)),
            (event("alice", at + 11, EventKind.DEVICE, detail="camera_busy_failed"), Event("", 0, (at + 11) * 1000, 4002, 0)),
            (event("alice", at + 12, EventKind.DEVICE, detail="microphone_active"), Event("", 0, (at + 12) * 1000, 32781)),
            (event("alice", at + 12, EventKind.DEVICE, detail="microphone_add"), None),
            (event("alice", at + 12, EventKind.DEVICE, detail="speaker_active"), None),
            (event("alice", at + 12, EventKind.DEVICE, detail="microphone_not_found_failed"), None),
            (event("alice", at + 13, EventKind.DEVICE, detail="camera_denied_failed"), Event("", 0, (at + 13) * 1000, 2002, 5)),
            (event("alice", at + 14, EventKind.RECONNECT, detail="media_restarted"), Event("", 0, (at + 14) * 1000, 32793)),
            (event("alice", at + 13, EventKind.KEY_CHANGE, number=40), None),
            (event("alice", at + 15, EventKind.RECONNECT, detail="line"), Event("", 0, (at + 15) * 1000, 32791)),
            (event("alice", at + 16, EventKind.LEAVE, number=3), Event("", 0, (at + 16) * 1000, 7001, 2)),
            (event("alice", at + 17, EventKind.ENTER, number=2), Event("", 0, (at + 17) * 1000, 7000, 1)),
            (event("alice", at + 18, EventKind.LEAVE, number=2), Event("", 0, (at + 18) * 1000, 7001, 1)),
        ]  # fmt: skip
        others = [
            event("bob", at, EventKind.ENTER, number=1),
            event("alice", at, EventKind.ENTER, call=OTHER),
        ]
        await records.write([*(document for document, _ in told), *others], wait=True)
        assert await past.events(CALL, SPAN, "alice") == [one for _, one in told if one is not None]

    async def test_curves_of_samples(self, records: Records, past: RecordedHistory) -> None:
        at = NOW - 600
        await records.write(
            [
                sample(
                    "alice",
                    at,
                    bit_rate=500_000,
                    loss=0.0125,
                    capture_rate=15.0,
                    frame_rate=14.5,
                    width=640,
                    height=360,
                    cpu=40,
                ),
                sample(
                    "alice",
                    at + 2,
                    bit_rate=510_000,
                    loss=None,
                    frame_rate=15.0,
                    width=640,
                    height=360,
                    cpu=60,
                ),
                sample("alice", at, "audio", bit_rate=40_000, cpu=40),
                sample("alice", at, "screen", bit_rate=1),
                sample(
                    "alice",
                    at,
                    "main",
                    "bob",
                    bit_rate=300_000,
                    frame_rate=12.0,
                    frozen=700,
                    width=320,
                    height=180,
                ),
                sample("alice", at, "audio", "bob", bit_rate=32_000, frozen=250, loss=0.5),
                sample("bob", at, bit_rate=9),
                sample("alice", at, bit_rate=9, call=OTHER),
            ],
            wait=True,
        )
        found = await past.curves(CALL, SPAN, users=("alice",), metrics=tuple(Metric))
        told = {(one.metric.value, one.peer): one.points for one in found}
        assert told == {
            ("sysCpu", ""): ((at, 40.0), (at + 2, 60.0)),
            ("aBit", ""): ((at, 40_000.0),),
            ("aBit", "bob"): ((at, 32_000.0),),
            ("aBlock", "bob"): ((at, 250.0),),
            ("bigvBit", ""): ((at, 500_000.0), (at + 2, 510_000.0)),
            ("bigvBit", "bob"): ((at, 300_000.0),),
            ("bigvCapFps", ""): ((at, 15.0),),
            ("bigvEncFps", ""): ((at, 14.5), (at + 2, 15.0)),
            ("bigvDecFps", "bob"): ((at, 12.0),),
            ("bigvBlock", "bob"): ((at, 700.0),),
            ("aLoss", "bob"): ((at, 50.0),),
            ("bigvLoss", ""): ((at, 1.25),),
            ("bigvWidth", ""): ((at, 640.0), (at + 2, 640.0)),
            ("bigvWidth", "bob"): ((at, 320.0),),
            ("bigvHeight", ""): ((at, 360.0), (at + 2, 360.0)),
            ("bigvHeight", "bob"): ((at, 180.0),),
        }

    async def test_very_many_samples_become_means(
        self, records: Records, past: RecordedHistory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(curves, "MAX_SAMPLES", 50)
        monkeypatch.setattr(curves, "MAX_BUCKETS", 60)
        at = NOW - 1800 - NOW % 2
        await records.write(
            [
                sample("alice", at + 2 * step, track, peer, bit_rate=1000 * (step % 2) + offset)
                for step in range(300)
                for track, peer, offset in (("main", "", 500), ("main", "bob", 100), ("audio", "bob", 0))
            ],
            wait=True,
        )
        found = await past.curves(
            CALL, Window(at, at + 600), users=("alice",), metrics=(Metric.VIDEO_BITRATE, Metric.AUDIO_BITRATE)
        )
        assert [(one.metric, one.peer) for one in found] == [
            (Metric.VIDEO_BITRATE, ""), (Metric.VIDEO_BITRATE, "bob"), (Metric.AUDIO_BITRATE, "bob"),
        ]  # fmt: skip
        for curve, mean in zip(found, (1000, 600, 500), strict=True):
            assert 10 <= len(curve.points) <= 20
            assert all(abs(value - mean) <= 100 for _, value in curve.points)

    async def test_unusual_experiences_and_their_causes(
        self, records: Records, past: RecordedHistory
    ) -> None:
        at = NOW - 600 - NOW % 60
        await records.write(
            [
                sample("alice", at + 2, "main", "bob", frozen=800, played=2000, loss=0.2, rtt=350.0),
                sample("alice", at + 4, "main", "bob", frozen=900, played=2000, jitter=80.0),
                sample("alice", at + 4, "audio", loss=0.06, volume=0),
                sample("alice", at + 6, "main", cpu=95),
                sample("alice", at + 2, "audio", "bob", frozen=100, played=2000),
                sample("bob", at + 62, "audio", "alice", frozen=250, played=2000),
                sample("bob", at + 62, "main", "alice", frozen=500, played=2000),
                entry("carol", at + 130, 5001),
                entry("dave", at + 131, 5000),
                entry("erin", at + 132, 9000, code="room_full"),
                event("carol", at + 140, EventKind.DEVICE, detail="camera_busy_failed"),
                event("carol", at + 141, EventKind.DEVICE, detail="camera_active"),
            ],
            wait=True,
        )
        found = await past.unusual(APP, SPAN, room=None, most=20)
        assert [(one.user, one.experience, one.at) for one in found] == [
            ("alice", 4, at), ("bob", 5, at + 60), ("carol", 1, at + 130), ("carol", 2, at + 140),
        ]  # fmt: skip
        assert found[0].causes == (
            Cause(2001, ""), Cause(2005, ""), Cause(2006, ""), Cause(2013, "bob"), Cause(2014, "bob"), Cause(2017, "bob"), Cause(2024, "bob"),
        )  # fmt: skip
        assert found[1].causes == (Cause(2023, "alice"),)
        assert found[3].causes == (Cause(1018, ""),)
        assert [one.user for one in await past.unusual(APP, SPAN, room=None, most=1)] == ["alice"]
        assert await past.unusual(APP, SPAN, room="room_9", most=20) == []
        assert await past.unusual(OTHERS_APP, SPAN, room=None, most=20) == []

    async def test_one_who_stutters_on_is_told_of_once_a_minute(
        self, records: Records, past: RecordedHistory
    ) -> None:
        at = NOW - 600 - NOW % 60
        await records.write(
            [sample("alice", at + 2 * n, "main", "bob", frozen=2000, played=2000) for n in range(90)],
            wait=True,
        )
        found = await past.unusual(APP, SPAN, room="room_1", most=20)
        assert [one.at for one in found] == [at, at + 60, at + 120]
        assert unusual.MAX_PAGES * 1000 >= 20 * 6 * 30, (
            "six who stutter for twenty minutes are looked through"
        )

    async def test_days(self, records: Records, past: RecordedHistory) -> None:
        yesterday = MIDNIGHT - DAY
        first, second = (history.CallId(APP, f"r{n}", yesterday + n) for n in (1, 2))
        await records.write(
            flat([
                begun(first), begun(second), begun(history.CallId(APP, "r3", yesterday - 5)),
                stay("alice", yesterday + 1, call=first), stay("bob", yesterday + 2, call=first), stay("alice", yesterday + 3, call=second),
                stay("carol", yesterday - 5, call=first), stay("mallory", yesterday + 5, call=first, app=OTHERS_APP),
            ]),
            wait=True,
        )  # fmt: skip
        found = await past.days(APP, TODAY - dt.timedelta(days=3), TODAY - dt.timedelta(days=1))
        assert found == [
            Day(TODAY - dt.timedelta(days=1), users=2, entries=3, rooms=2),
            Day(TODAY - dt.timedelta(days=2), users=1, entries=1, rooms=1),
        ]

    async def test_who_is_online_and_how_it_stutters(
        self, records: Records, numbers: RecordedNumbers
    ) -> None:
        at = NOW - 100 - NOW % 10
        await records.write(
            [
                *(sample(user, at + second, "main", "bob", frozen=200, played=2000) for user in ("a", "b") for second in (0, 2, 8)),
                sample("a", at + 4, "audio", "bob", frozen=50, played=2000),
                sample("c", at + 5, call=OTHER),
                sample("a", at + 12, "screen", "bob", frozen=2000, played=2000),
                sample("a", at + 12, "main", "bob", frozen=0, played=2000),
                sample("mallory", at, call=history.CallId(OTHERS_APP, "room_1", NOW)),
            ],
            wait=True,
        )  # fmt: skip
        span = Window(at, at + 19)
        assert await numbers.online(APP, span, room=None) == [Online(at, 3, 2), Online(at + 10, 1, 1)]
        assert await numbers.online(APP, span, room="room_2") == [Online(at, 1, 1)]
        assert await numbers.stutter(APP, span, room=None) == [
            Stutter(at, 0.1, 0.025), Stutter(at + 10, 0.5, None),
        ]  # fmt: skip
        # A step that the span only touches would look as if half of its users were gone.
        assert [one.at for one in await numbers.online(APP, Window(at + 1, at + 19), room=None)] == [at + 10]
        assert await numbers.online(APP, Window(at + 1, at + 2), room=None) == []

    async def test_scale_by_day_and_hour(self, records: Records, numbers: RecordedNumbers) -> None:
        calls = [history.CallId(APP, f"r{n}", MIDNIGHT - 7200 + n) for n in range(3)]
        await records.write(
            flat([
                *(begun(call) for call in calls),
                stay("alice", MIDNIGHT - 7200, call=calls[0]), stay("bob", MIDNIGHT - 7199, call=calls[1]),
                stay("alice", MIDNIGHT - 3600, call=calls[2]),
                minute(MIDNIGHT - 7200, "one", 3), minute(MIDNIGHT - 7200, "two", 4), minute(MIDNIGHT - 7140, "one", 6),
                minute(MIDNIGHT - 3600, "one", 5),
            ]),
            wait=True,
        )  # fmt: skip
        yesterday = TODAY - dt.timedelta(days=1)
        assert await numbers.scale(APP, yesterday, TODAY, Period.DAY) == [
            Scale(MIDNIGHT - DAY, users=2, rooms=3, peak_users=7, peak_rooms=2)
        ]
        assert await numbers.scale(APP, yesterday, yesterday, Period.HOUR) == [
            Scale(MIDNIGHT - 7200, users=2, rooms=3, peak_users=7, peak_rooms=2),
            Scale(MIDNIGHT - 3600, users=1, rooms=0, peak_users=5, peak_rooms=1),
        ]
        assert await numbers.scale(OTHERS_APP, yesterday, TODAY, Period.DAY) == []

    async def test_numbers_do_not_change_when_the_documents_of_users_go(
        self, records: Records, numbers: RecordedNumbers, clock: VirtualClock
    ) -> None:
        first = history.CallId(APP, "123", MIDNIGHT - DAY + 7200)
        await records.write(
            flat([
                begun(first), stay("alice", MIDNIGHT - DAY + 7200, call=first), stay("bob", MIDNIGHT - DAY + 7300, call=first),
                stay("alice", MIDNIGHT - DAY + 10_900, call=first), stay("mallory", MIDNIGHT - DAY + 7200, call=first, app=OTHERS_APP),
                minute(MIDNIGHT - DAY + 7200, "one", 2), minute(MIDNIGHT - DAY + 14_400, "one", 2),
                joins(MIDNIGHT - DAY + 7200, 3, 2, 1), sample("alice", MIDNIGHT - DAY + 7200, rtt=10.0),
            ]),
            wait=True,
        )  # fmt: skip
        day = TODAY - dt.timedelta(days=1)
        before = [await numbers.scale(APP, day, day, period) for period in Period]
        rates = [await numbers.rates(APP, day, day, period) for period in Period]
        assert before[0] == [Scale(MIDNIGHT - DAY, users=2, rooms=1, peak_users=2, peak_rooms=1)]
        assert [(one.users, one.rooms, one.peak_users) for one in before[1]] == [
            (2, 1, 2),
            (1, 0, None),
            (0, 0, 2),
        ]

        totals = Totals(records, Keeper(records), clock, days=30)
        for _ in range(2):
            await totals.count(Job("", "", 1))
        counted = Query(Total, 0, NOW * 1000)
        assert await records.count(counted) == 4 + 2, (
            "counted twice they are there once; the other application has its own"
        )
        for kind in (models.Stay, models.CallBegun, models.Entry, models.Sample):
            await records.delete(Query(kind, 0, NOW * 1000))
        clock.advance(60 * DAY - NOW % DAY)
        assert [await numbers.scale(APP, day, day, period) for period in Period] == before
        assert [await numbers.rates(APP, day, day, period) for period in Period] == rates
        # What is gone is not counted, and nothing that was counted is counted again.
        await totals.count(Job("", "", 1))
        assert await records.count(counted) == 6

    async def test_what_came_late_is_in_the_next_count(
        self, records: Records, numbers: RecordedNumbers, clock: VirtualClock
    ) -> None:
        day, at = TODAY - dt.timedelta(days=2), MIDNIGHT - 2 * DAY
        totals = Totals(records, Keeper(records), clock, days=30)
        await records.write(flat([stay("alice", at)]), wait=True)
        await totals.count(Job("", "", 1))
        await records.write(flat([stay("bob", at + 9)]), wait=True)
        assert [one.users for one in await numbers.scale(APP, day, day, Period.DAY)] == [2]
        await totals.count(Job("", "", 1))
        clock.advance(20 * DAY)
        assert [one.users for one in await numbers.scale(APP, day, day, Period.DAY)] == [2]

    async def test_what_is_not_known_is_not_said(self, records: Records, numbers: RecordedNumbers) -> None:
        long_ago = MIDNIGHT - 40 * DAY
        # As a program wrote them that counted neither users nor late round trips beyond their documents.
        await records.write(
            [
                minute(long_ago, "one", 3, frozen=200, played=1000, delays=10),
                minute(MIDNIGHT, "one", 3, frozen=200, played=1000, delays=10),
                minute(MIDNIGHT + 60, "one", 3, delays=4, late=1),
                minute(MIDNIGHT + 3600, "one", 3, delays=4),
            ],
            wait=True,
        )
        day = TODAY - dt.timedelta(days=40)
        assert await numbers.scale(APP, day, day, Period.DAY) == [Scale(long_ago, None, None, 3, 1)]
        assert await numbers.rates(APP, day, day, Period.DAY) == [Rates(long_ago, None, None, 0.1, 0.2, None)]
        assert await numbers.rates(APP, TODAY, TODAY, Period.HOUR) == [
            Rates(MIDNIGHT, None, None, 0.1, 0.2, 0.25)
        ], (
            "the late ones are a share of those that were looked at; an hour of which nothing is known has no row"
        )

    async def test_a_number_and_a_string_that_look_alike_are_two_rooms(
        self, records: Records, past: RecordedHistory, numbers: RecordedNumbers
    ) -> None:
        at = NOW - 600 - NOW % 60
        rooms = [
            (history.CallId(APP, "123", at - 2), RoomKind.NUMBER), (history.CallId(APP, "123", at - 1), RoomKind.STRING),
        ]  # fmt: skip
        await records.write(
            [
                sample("alice", at + 2, "main", "bob", call=call, room_kind=kind, frozen=800, played=2000)
                for call, kind in rooms
            ],
            wait=True,
        )
        found = await past.unusual(APP, SPAN, room="123", most=20)
        assert [(one.user, one.room, one.at) for one in found] == [("alice", "123", at)] * 2
        assert await numbers.online(APP, Window(at, at + 9), room="123") == [Online(at, 1, 2)], (
            "TRTC asks by text alone: both"
        )

    async def test_rates_by_their_definitions(self, records: Records, numbers: RecordedNumbers) -> None:
        at = MIDNIGHT + 60
        await records.write(
            [
                joins(at, 3, 2, 2), joins(at, 1, 1, 0, "of another process"),
                minute(MIDNIGHT, "one", 3, frozen=200, played=1000, delays=3, late=1),
                minute(MIDNIGHT + 60, "two", 3, frozen=0, played=1000, delays=1, late=1),
            ],
            wait=True,
        )  # fmt: skip
        assert await numbers.rates(APP, TODAY, TODAY, Period.HOUR) == [
            Rates(MIDNIGHT, join_success=0.75, join_success_in_5s=0.5, audio_freeze=0.05, video_freeze=0.1, network_delay=0.5)
        ]  # fmt: skip
        assert (
            await numbers.rates(APP, TODAY - dt.timedelta(days=9), TODAY - dt.timedelta(days=1), Period.DAY)
            == []
        )

# SPDX-License-Identifier: Apache-2.0
"""What devices tell of their calls: who is asked, what is passed on, and that nothing of it ends a call."""

from dataclasses import replace

import pytest

from sealroom.signalling import limits
from sealroom.signalling.conversation import Conversation, Peer, Services
from sealroom.signalling.line import Line
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode
from sealroom_wire.reports import FirstFrame, LogEntry, LogLevel, Reports, Sample, VisibilityChanged
from server.tests import fakes
from server.tests.signalling.test_conversation import Talk, enter, services

__all__ = ["services"]

SAMPLE = Sample(at=2000, span=2000, rtt=40)
ENTRY = LogEntry(10, LogLevel.WARNING, "line_lost")


@pytest.fixture
def reports() -> fakes.HeardReports:
    return fakes.HeardReports()


@pytest.fixture
def talk(services: Services, reports: fakes.HeardReports) -> Talk:
    return connect(replace(services, reports=reports))


def connect(services: Services, *takes: str) -> Talk:
    line = Line()
    peer = Peer("192.0.2.9", None, frozenset(takes or ("reports",)))
    return Talk(Conversation(services, line, peer), line)


async def refusal(talk: Talk, message: object) -> ErrorCode:
    refused = await talk.ask(message, signalling.Refused)  # type: ignore[arg-type]
    assert talk.ended() is None
    return refused.code


async def test_a_client_that_takes_reports_is_asked_and_heard(
    talk: Talk, reports: fakes.HeardReports
) -> None:
    entered = await talk.ask(enter(), signalling.Entered)
    assert entered.reports == Reports(sample_every=2000, log=True)
    first, second = FirstFrame(at=70, slot=6), VisibilityChanged(at=90, hidden=True)
    assert await talk.ask(signalling.ReportQuality(2, SAMPLE), signalling.Done) == signalling.Done(2)
    await talk.ask(signalling.ReportEvents(3, (first, second)), signalling.Done)
    await talk.ask(signalling.ReportLog(4, (ENTRY,)), signalling.Done)
    assert reports.heard == [("alice", one) for one in (SAMPLE, first, second, ENTRY)]


async def test_an_older_client_is_told_nothing_that_it_does_not_know(
    services: Services, reports: fakes.HeardReports
) -> None:
    older = connect(replace(services, reports=reports), "something-else")
    await older.say(enter())
    (text,) = older.line._waiting
    assert "reports" not in text
    older.hear()
    assert await refusal(older, signalling.ReportQuality(2, SAMPLE)) is ErrorCode.REPORTS_NOT_WANTED
    assert reports.heard == []


async def test_where_nobody_listens_nobody_is_asked(services: Services) -> None:
    talk = connect(services)
    assert (await talk.ask(enter(), signalling.Entered)).reports is None
    for report in (
        signalling.ReportQuality(2, SAMPLE),
        signalling.ReportEvents(2, (FirstFrame(at=1, slot=0),)),
        signalling.ReportLog(2, (ENTRY,)),
    ):
        assert await refusal(talk, report) is ErrorCode.REPORTS_NOT_WANTED


async def test_what_was_not_asked_for_is_refused(talk: Talk, reports: fakes.HeardReports) -> None:
    reports.wanted = Reports(sample_every=0)
    await talk.ask(enter(), signalling.Entered)
    assert await refusal(talk, signalling.ReportQuality(2, SAMPLE)) is ErrorCode.REPORTS_NOT_WANTED
    assert await refusal(talk, signalling.ReportLog(2, (ENTRY,))) is ErrorCode.REPORTS_NOT_WANTED
    await talk.ask(signalling.ReportEvents(2, (FirstFrame(at=1, slot=0),)), signalling.Done)
    assert len(reports.heard) == 1


async def test_reports_before_enter_end_the_line(talk: Talk) -> None:
    refused = await talk.ask(signalling.ReportQuality(2, SAMPLE), signalling.Refused)
    assert refused.code is ErrorCode.ENTER_FIRST
    assert talk.ended() is not None


async def test_a_sample_every_two_seconds_passes_and_more_are_refused(
    talk: Talk, reports: fakes.HeardReports, clock: fakes.VirtualClock
) -> None:
    await talk.ask(enter(), signalling.Entered)
    for number in range(100):
        await talk.ask(signalling.ReportQuality(number + 2, SAMPLE), signalling.Done)
        clock.advance(2)
    await talk.ask(signalling.ReportQuality(200, SAMPLE), signalling.Done)
    await talk.ask(signalling.ReportQuality(201, SAMPLE), signalling.Done)
    assert await refusal(talk, signalling.ReportQuality(202, SAMPLE)) is ErrorCode.TOO_MANY_REPORTS
    assert len(reports.heard) == 102


async def test_events_are_counted_one_by_one(talk: Talk, clock: fakes.VirtualClock) -> None:
    await talk.ask(enter(), signalling.Entered)
    batch = signalling.ReportEvents(2, tuple(FirstFrame(at=1, slot=slot) for slot in range(10)))
    for _ in range(limits.EVENT_BURST // 10):
        await talk.ask(batch, signalling.Done)
    assert await refusal(talk, batch) is ErrorCode.TOO_MANY_REPORTS
    clock.advance(10 / limits.EVENTS_PER_SECOND)
    await talk.ask(batch, signalling.Done)


async def test_a_log_that_comes_too_often_is_refused(talk: Talk, clock: fakes.VirtualClock) -> None:
    await talk.ask(enter(), signalling.Entered)
    for _ in range(limits.LOG_BURST):
        await talk.ask(signalling.ReportLog(2, (ENTRY,)), signalling.Done)
    assert await refusal(talk, signalling.ReportLog(2, (ENTRY,))) is ErrorCode.TOO_MANY_REPORTS
    clock.advance(10)
    await talk.ask(signalling.ReportLog(2, (ENTRY,)), signalling.Done)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"quality","id":5,"sample":{"at":1,"span":2000,"rtt":"far"}}',
        '{"type":"quality","id":5,"sample":{"at":1,"span":2000},"userId":"bob"}',
        '{"type":"quality","id":5,"sample":{"at":1,"span":2000' + " " * 30_000 + "}}",
        '{"type":"event","id":5,"events":['
        + ",".join(['{"what":"first-frame","at":1,"slot":1}'] * 17)
        + "]}",
        '{"type":"log","id":5,"entries":[{"at":1,"level":"error","event":"e","reason":"alice@example.org"}]}',
    ],
)
async def test_a_report_that_is_none_is_refused_and_the_call_goes_on(
    talk: Talk, reports: fakes.HeardReports, text: str
) -> None:
    await talk.ask(enter(), signalling.Entered)
    assert await refusal(talk, text) is ErrorCode.REPORT_MALFORMED
    await talk.ask(signalling.Ping(id=6), signalling.Pong)
    assert reports.heard == []


async def test_a_listener_that_fails_ends_no_call(talk: Talk, reports: fakes.HeardReports) -> None:
    await talk.ask(enter(), signalling.Entered)
    reports.broken = True
    assert await refusal(talk, signalling.ReportQuality(2, SAMPLE)) is ErrorCode.REPORTS_NOT_WANTED
    reports.broken = False
    await talk.ask(signalling.ReportQuality(3, SAMPLE), signalling.Done)

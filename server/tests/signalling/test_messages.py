# SPDX-License-Identifier: Apache-2.0
"""Reading messages: declared callers, limits, and 100,000 seeded mutations."""

import random
from typing import get_args

import msgspec
import pytest

from sealroom.core.callers import Caller
from sealroom.signalling.messages import CALLERS, Unreadable, check_caller, read
from sealroom_wire import reports, signalling
from sealroom_wire.errors import TEXTS, ErrorCode, Refusal
from sealroom_wire.limits import MAX_SIGNALLING_MESSAGE_BYTES
from sealroom_wire.signalling import Track

CASES = 100_000
MESSAGES: tuple[msgspec.Struct, ...] = (
    signalling.Enter(
        id=1, version=1, sdk_app_id=5, user_id="u", user_sig="s", sdp="v=0\r\n", room_id=7,
        sends=(signalling.SendSection("0", Track.AUDIO), signalling.SendSection("1", Track.MAIN)),
    ),
    signalling.Offer(id=2, sdp="v=0\r\na=é"),
    signalling.Publish(id=3, track=Track.SCREEN, muted=True),
    signalling.Unpublish(id=4, track=Track.AUDIO),
    signalling.Mute(id=5, track=Track.MAIN, muted=False),
    signalling.Bind(id=6, bindings=(signalling.Binding(3, 9, signalling.Source("u", Track.MAIN, 0)),)),
    signalling.KeyFrame(id=7, slot=63),
    signalling.Leave(id=8),
    signalling.Ping(id=9),
    signalling.ReportQuality(
        id=10,
        sample=reports.Sample(
            at=2000, span=2000, rtt=40, cpu=reports.Pressure.FAIR, sealing=reports.SealedFrames(sealed=9),
            sent=(reports.SentStream(Track.MAIN, 2, bit_rate=900_000, limited_by=reports.LimitedBy.CPU),),
            received=(reports.ReceivedStream(3, frozen=600),),
        ),
    ),
    signalling.ReportEvents(id=11, events=(reports.FirstFrame(at=70, slot=6), reports.KeyWaited(at=80, waited=12))),
    signalling.ReportLog(id=12, entries=(reports.LogEntry(5, reports.LogLevel.ERROR, "capture_failed", 5302),)),
)  # fmt: skip
_PIECES = [
    "", "{", "}", "[", "]", '"', ":", ",", "null", "true", "0", "-1", "1e999", "9" * 400, "1.5", '"type"', '"id"', "\\u0000", "\\ud800",
    "[" * 3000, '{"a":' * 500, "\x00", "é", "\ud800", '"enter"', '"version":2', '"roomId":1', '"x":1,', "\\", "NaN",
]  # fmt: skip


def test_every_message_says_who_may_send_it() -> None:
    assert set(CALLERS) == set(get_args(signalling.ClientMessage))
    assert [kind for kind, caller in CALLERS.items() if caller is Caller.ANYONE] == [
        signalling.Enter,
        signalling.Ping,
    ]


def test_a_message_that_nobody_declared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(CALLERS, signalling.Leave)
    with pytest.raises(Refusal):
        check_caller(signalling.Leave(id=1), entered=True)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_what_the_protocol_has_is_read_as_it_was_said(message: msgspec.Struct) -> None:
    assert read(msgspec.json.encode(message).decode()) == message


@pytest.mark.parametrize(
    ("text", "request_id", "code"),
    [
        (b"{}", 0, ErrorCode.MALFORMED_MESSAGE),
        (None, 0, ErrorCode.MALFORMED_MESSAGE),
        ("", 0, ErrorCode.MALFORMED_MESSAGE),
        ('{"type":"ping"}', 0, ErrorCode.MALFORMED_MESSAGE),
        ('{"type":"ping","id":4,"extra":1}', 4, ErrorCode.MALFORMED_MESSAGE),
        ('{"type":"dance","id":4}', 4, ErrorCode.MALFORMED_MESSAGE),
        ('{"type":"ping","id":0}', 0, ErrorCode.MALFORMED_MESSAGE),
        ('{"type":"enter","id":4,"version":2,"news":true}', 4, ErrorCode.VERSION_NOT_SUPPORTED),
        (
            '{"type":"ping","id":4,"x":"' + "y" * MAX_SIGNALLING_MESSAGE_BYTES + '"}',
            0,
            ErrorCode.MESSAGE_TOO_LARGE,
        ),
        ('{"type":"ping","id":4' + " " * 20_000 + "}", 4, ErrorCode.MESSAGE_TOO_LARGE),
        ('{"type":"quality","id":4,"sample":{"at":1,"span":2000,"rtt":-1}}', 4, ErrorCode.REPORT_MALFORMED),
        (
            '{"type":"quality","id":4,"sample":{"at":1,"span":2000' + " " * 20_480 + "}}",
            4,
            ErrorCode.REPORT_MALFORMED,
        ),
        ('{"type":"event","id":4,"events":[{"what":"dance","at":1}]}', 4, ErrorCode.REPORT_MALFORMED),
        ('{"type":"event","id":4,"events":[]}', 4, ErrorCode.REPORT_MALFORMED),
        (
            '{"type":"event","id":4,"events":[{"what":"media-restarted","at":1}]' + " " * 2_048 + "}",
            4,
            ErrorCode.REPORT_MALFORMED,
        ),
        (
            '{"type":"log","id":4,"entries":[{"at":1,"level":"error","event":"e"}]' + " " * 8_192 + "}",
            4,
            ErrorCode.REPORT_MALFORMED,
        ),
        (
            '{"type":"log","id":4,"entries":[{"at":1,"level":"error","event":"was 192.0.2.1"}]}',
            4,
            ErrorCode.REPORT_MALFORMED,
        ),
    ],
)
def test_what_is_not_of_the_protocol_is_refused(
    text: str | bytes | None, request_id: int, code: ErrorCode
) -> None:
    with pytest.raises(Unreadable) as caught:
        read(text)
    assert (caught.value.request, caught.value.code) == (request_id, code)


def mutated(source: random.Random, text: str) -> str:
    for _ in range(source.randint(1, 5)):
        start = source.randrange(len(text) + 1)
        end = min(len(text), start + source.choice((0, 1, 1, 3, 20)))
        piece = source.choice(_PIECES) if source.random() < 0.5 else chr(source.randrange(0x180))
        text = text[:start] + piece + text[end if source.random() < 0.7 else start :]
    return text


def test_no_mutation_raises_anything_but_unreadable() -> None:
    source = random.Random(3)
    texts = [msgspec.json.encode(message).decode() for message in (*MESSAGES, *MESSAGES[:1] * 3)]
    outcomes: set[object] = set()
    for number in range(CASES):
        text = mutated(source, texts[number % len(texts)])
        try:
            outcomes.add(type(read(text)))
        except Unreadable as unreadable:
            outcomes.add(unreadable.code if 0 <= unreadable.request < 2**53 else "an id that is none")
    assert "an id that is none" not in outcomes
    assert {ErrorCode.MALFORMED_MESSAGE, ErrorCode.VERSION_NOT_SUPPORTED, signalling.Ping} <= outcomes


def test_every_code_has_a_sentence_and_an_action() -> None:
    assert set(TEXTS) == set(ErrorCode)

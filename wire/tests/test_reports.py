# SPDX-License-Identifier: Apache-2.0
"""What a device may tell: everything bounded, and no place for what would tell of a person."""

from collections.abc import Iterator

import msgspec
import pytest
from msgspec import inspect

from sealroom_wire import reports, signalling
from sealroom_wire.errors import TEXTS
from sealroom_wire.limits import MAX_LOG_BYTES, MAX_LOG_ENTRIES, MAX_SAMPLE_BYTES, MAX_SENT_STREAMS, MAX_SLOTS
from sealroom_wire.participant import Track
from sealroom_wire.reports import LimitedBy, LogEntry, LogLevel, Pressure, ReceivedStream, Sample, SentStream

MOST = 2**32 - 1


def largest_sample() -> Sample:
    """Every slot and stream there can be, with the longest number in every field."""
    sent = SentStream(
        Track.SCREEN, 2, 10**10, MOST, MOST, 1000, 3_600_000, 3_600_000, 1000, 1000, 2**15, 2**15, 3_600_000,
        LimitedBy.BANDWIDTH, 100,
    )  # fmt: skip
    return Sample(
        at=2**40, span=60_000, hidden=True, connected=False, rtt=3_600_000, up_loss=1000, down_loss=1000, up_rate=10**10,
        down_rate=10**10, available_up=10**10, cpu=Pressure.CRITICAL, memory=2**20, network=reports.Network.CELLULAR,
        sealing=reports.SealedFrames(MOST, MOST, MOST, MOST), sent=(sent,) * MAX_SENT_STREAMS,
        received=tuple(
            ReceivedStream(
                slot, 10**10, MOST, MOST, 3_600_000, 3_600_000, 1000, 2**15, 2**15, MOST, MOST, 3_600_000, 1000, 100
            )
            for slot in range(MAX_SLOTS)
        ),
    )  # fmt: skip


def test_the_largest_sample_there_can_be_fits_its_limit() -> None:
    text = msgspec.json.encode(signalling.ReportQuality(2**53 - 1, largest_sample()))
    assert len(text) <= MAX_SAMPLE_BYTES
    assert msgspec.json.decode(text, type=signalling.ReportQuality).sample == largest_sample()


def test_the_largest_batch_of_log_entries_fits_its_limit() -> None:
    entry = LogEntry(2**40, LogLevel.WARNING, "e" * 48, 999_999, "r" * 48, "p" * 48, Track.SCREEN, MOST)
    assert len(msgspec.json.encode(signalling.ReportLog(1, (entry,) * MAX_LOG_ENTRIES))) <= MAX_LOG_BYTES * 2
    usual = LogEntry(2**30, LogLevel.WARNING, "line_lost", 5501, "line_lost", "enterRoom")
    assert len(msgspec.json.encode(signalling.ReportLog(1, (usual,) * MAX_LOG_ENTRIES))) <= MAX_LOG_BYTES


@pytest.mark.parametrize("number", sorted({abs(text.trtc) for text in TEXTS.values()}))
def test_every_number_that_a_refusal_has_can_be_logged(number: int) -> None:
    text = msgspec.json.encode(LogEntry(1, LogLevel.WARNING, "call_failed", number))
    assert msgspec.json.decode(text, type=LogEntry).code == number


def test_what_the_browser_does_not_tell_is_not_sent() -> None:
    text = msgspec.json.encode(Sample(at=1, span=2000, received=(ReceivedStream(3, bit_rate=5),)))
    assert text == b'{"at":1,"span":2000,"received":[{"slot":3,"bitRate":5}]}'
    assert msgspec.json.decode(text, type=Sample).received[0].frozen is None


@pytest.mark.parametrize(
    "text",
    [
        '{"at":-1,"span":2000}',
        '{"at":1,"span":0}',
        '{"at":1,"span":90000}',
        '{"at":1,"span":2000,"upLoss":1001}',
        '{"at":1,"span":2000,"rtt":1.5}',
        '{"at":1,"span":2000,"rtt":1e400}',
        '{"at":1,"span":2000,"cpu":"hot"}',
        '{"at":1,"span":2000,"userId":"alice"}',
        '{"at":1,"span":2000,"received":[{"slot":64}]}',
        '{"at":1,"span":2000,"received":[{"slot":1,"userId":"alice"}]}',
        '{"at":1,"span":2000,"sent":[{"track":"data"}]}',
        '{"at":1,"span":2000,"sent":[' + ",".join(['{"track":"main"}'] * 10) + "]}",
    ],
)
def test_a_sample_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(text, type=Sample)


@pytest.mark.parametrize(
    "reason",
    [
        "192.0.2.1",
        "2001:db8::1",
        "Alice is gone",
        "v=0\\r\\no=- 1 2 IN IP4 192.0.2.1",
        "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
        "eyJhbGciOiJFZERTQSJ9.eyJ1IjoiYSJ9.c2ln",
        "wss://example.org",
        "a" * 49,
        "word\\n",
    ],
)
def test_a_log_entry_has_no_place_for_a_sentence_an_address_or_a_key(reason: str) -> None:
    for field in ("reason", "place"):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(f'{{"at":1,"level":"error","event":"e","{field}":"{reason}"}}', type=LogEntry)


def fields(info: inspect.Type, path: str) -> Iterator[tuple[str, inspect.Type]]:
    match info:
        case inspect.UnionType(types=parts):
            for part in parts:
                yield from fields(part, path)
        case inspect.StructType(cls=cls, fields=inner):
            for field in inner:
                yield from fields(field.type, f"{cls.__name__}.{field.name}")
        case inspect.VarTupleType(item_type=item):
            yield path, info
            yield from fields(item, path)
        case _:
            yield path, info


def test_every_number_list_and_text_of_a_report_is_bounded() -> None:
    found = dict(fields(inspect.type_info(signalling.Report), ""))
    assert len(found) > 40
    for path, info in found.items():
        match info:
            case inspect.IntType():
                assert info.ge is not None, path
                assert info.le is not None or info.lt is not None, path
            case inspect.StrType():
                assert info.max_length is not None, path
                assert info.pattern is not None, path
            case inspect.VarTupleType():
                assert info.max_length is not None, path
            case _:
                assert isinstance(info, inspect.BoolType | inspect.EnumType | inspect.NoneType), path

# SPDX-License-Identifier: Apache-2.0
"""What a client without a browser measures: of an interval, and nothing of one in which it slept."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import cast

import pytest

from sealroom_customer.client import process
from sealroom_customer.client.measured import Measured, tell
from sealroom_customer.client.process import resident
from sealroom_customer.client.room.session import Session, _with_takes
from sealroom_wire.limits import MIN_SAMPLE_EVERY
from sealroom_wire.reports import Pressure, ReceivedStream, Reports, SealedFrames, SentStream
from sealroom_wire.signalling import Track


class Core:
    """Counters and a clock that a test turns."""

    def __init__(self) -> None:
        self.time = 100.0
        self.counts: Counter[str] = Counter(
            dict.fromkeys(("bytes_sent", "bytes_received", "frames_sent", "frames_opened"), 1000)
            | {"frames_dropped": 0, "refused_bad_tag": 0, "refused_no_key": 3}
        )

        self.worked = 50.0
        self.memory: int | None = 80

    def measured(self, *, sealed: bool = True) -> Measured:
        return Measured(
            lambda: self.time, lambda: dict(self.counts), sealed=sealed, processor=lambda: self.worked, memory=lambda: self.memory
        )  # fmt: skip


@pytest.fixture
def core() -> Core:
    return Core()


def test_a_sample_is_what_grew_since_the_one_before(core: Core) -> None:
    measured = core.measured()
    core.time += 60
    measured.begin()
    for _ in range(30):
        measured.sent("main", 2, 1_000)
        measured.took(("frame", 7, 1, "main", "vp8", 0, bytes(500)))
    for _ in range(100):
        measured.sent("audio", 0, 100)
        measured.took(("frame", 0, 1, "audio", "opus", 0, bytes(50)))
    measured.took(("refused", 7, "bad_tag"))
    core.counts.update(
        bytes_sent=50_000, bytes_received=25_000, frames_sent=130, frames_opened=128, refused_bad_tag=2
    )
    core.time += 2
    sample = measured.sample(connected=True)
    assert sample is not None
    assert (sample.at, sample.span, sample.up_rate, sample.down_rate) == (2_000, 2_000, 200_000, 100_000)
    assert sample.sealing == SealedFrames(sealed=130, opened=128, refused=2)
    assert sample.sent == (
        SentStream(Track.AUDIO, bit_rate=40_000),
        SentStream(Track.MAIN, 2, bit_rate=120_000, frame_rate=15),
    )
    assert sample.received == (
        ReceivedStream(0, bit_rate=20_000),
        ReceivedStream(7, bit_rate=60_000, frame_rate=15),
    )
    core.time += 2
    still = measured.sample(connected=False)
    assert still is not None
    assert (still.at, still.connected, still.sent, still.received) == (4_000, False, (), ())
    assert (still.up_rate, still.sealing) == (0, SealedFrames())


@pytest.mark.parametrize(
    ("share", "word"),
    [
        (0.0, "nominal"),
        (0.3, "nominal"),
        (0.4, "fair"),
        (0.7, "serious"),
        (0.9, "critical"),
        (2.5, "critical"),
    ],
)
def test_the_processor_is_told_as_browsers_tell_it_of_this_interval(
    core: Core, share: float, word: str
) -> None:
    measured = core.measured()
    core.worked += 1_000
    measured.begin()
    for _ in range(2):
        core.worked += 2 * share
        core.time += 2
        sample = measured.sample(connected=True)
        assert sample is not None
        assert (sample.cpu, sample.memory) == (Pressure(word), 80)
    core.memory, core.time = None, core.time + 2
    sample = measured.sample(connected=True)
    assert sample is not None
    assert sample.memory is None


def test_memory_is_what_is_resident_in_mebibytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = resident()
    assert before is not None
    held = bytearray(b"x" * (64 * 2**20))
    after = resident()
    assert after is not None
    assert 50 <= after - before <= 80, len(held)
    monkeypatch.setattr(process, "_STATM", tmp_path / "none")
    most = resident()
    assert most is not None
    assert after - 5 <= most <= 4 * after


def test_an_interval_in_which_it_slept_has_no_sample_and_the_next_begins_after_it(core: Core) -> None:
    measured = core.measured()
    measured.begin()
    core.counts["bytes_sent"] += 10**9
    core.time += 60
    assert measured.sample(connected=True) is None
    core.counts["bytes_sent"] += 1_000
    core.time += 2
    sample = measured.sample(connected=True)
    assert sample is not None
    assert (sample.at, sample.up_rate) == (62_000, 4_000)


def test_without_sealing_frames_in_clear_are_counted_and_no_sealed_ones_told(core: Core) -> None:
    measured = core.measured(sealed=False)
    measured.begin()
    measured.took(("clear", 6, "vp8", 0, bytes(2_500)))
    core.time += 2
    sample = measured.sample(connected=True)
    assert sample is not None
    assert sample.sealing is None
    assert sample.received == (ReceivedStream(6, bit_rate=10_000, frame_rate=0),)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "wss://rtc.example:444/rtc/v1",
            "wss://rtc.example:444/rtc/v1?takes=reports&takes=blocked&takes=sites&takes=kept",
        ),
        (
            "ws://[::1]:80/rtc/v1?a=b",
            "ws://[::1]:80/rtc/v1?a=b&takes=reports&takes=blocked&takes=sites&takes=kept",
        ),
    ],
)
def test_the_address_says_what_the_client_knows(address: str, said: str) -> None:
    assert _with_takes(address) == said


async def test_an_operator_who_wants_a_sample_every_millisecond_wakes_nobody_so_often(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await tell(cast("Session", None), core.measured(), Reports(sample_every=1), lambda: True)
    assert slept == [MIN_SAMPLE_EVERY / 1000]

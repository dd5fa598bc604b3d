# SPDX-License-Identifier: Apache-2.0
"""What real browsers tell of a real sealed call: samples that fit what is sent, events, and no name in any of it."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealroom_wire.participant import Track
from sealroom_wire.reports import (
    CaptureFailed,
    Device,
    FirstFrame,
    KeyWaited,
    Network,
    NetworkChanged,
    ReportedEvent,
    Sample,
    VisibilityChanged,
)
from tests.browser.bidi import Session
from tests.browser.call import HERE, Person, eventually
from tests.browser.conftest import OUT, Callers
from tests.browser.firefox import FirefoxCaller
from tests.browser.listening_operator import Told, read
from tests.deployment import Deployment, deployment


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told.jsonl"


@pytest.fixture
def running(tmp_path: Path, told: Path) -> Iterator[Deployment]:
    operator = (sys.executable, str(HERE / "listening_operator.py"), str(told))
    with deployment(tmp_path, operator=operator) as both:
        yield both


def samples(told: Path, person: Person[Any]) -> list[Sample]:
    return [one.sample for one in of(told, person) if one.sample is not None]


def events(told: Path, person: Person[Any]) -> list[ReportedEvent]:
    return [event for one in of(told, person) for event in one.events]


def of(told: Path, person: Person[Any]) -> list[Told]:
    return [one for one in read(told) if one.user.startswith(person.name)]


def is_whole(sample: Sample, *, size: tuple[int, int]) -> bool:
    """Three layers and sound are sent, and a picture of the full size and sound arrive."""
    layers = {
        one.layer: one
        for one in sample.sent
        if one.track is Track.MAIN and one.bit_rate > 0 and one.frame_rate
    }
    heard = any(one.frame_rate is None and one.packets > 50 for one in sample.received)
    seen = any((one.width, one.height) == size and one.frame_rate for one in sample.received)
    return len(layers) == 3 and (layers[2].width, layers[2].height) == size and heard and seen


def check(sample: Sample) -> None:
    """Nothing in it is more than can be on one machine."""
    assert 1500 <= sample.span <= 10_000
    assert sample.connected
    assert sample.rtt is not None
    assert sample.rtt < 1000
    assert sample.up_loss is not None
    assert sample.down_loss is not None
    assert 10_000 < (sample.up_rate or 0) < 20_000_000
    assert 10_000 < (sample.down_rate or 0) < 20_000_000
    audio = next(one for one in sample.sent if one.track is Track.AUDIO)
    assert 5_000 < audio.bit_rate < 200_000
    assert sum(one.bit_rate for one in sample.sent) < (sample.up_rate or 0) * 1.1
    assert len({one.slot for one in sample.received}) == len(sample.received)
    assert sample.sealing is not None
    assert sample.sealing.sealed > 50
    assert sample.sealing.opened > 50
    for one in sample.received:
        assert one.frozen is None or one.frozen <= sample.span


def test_samples_and_events_of_a_call_in_chromium(callers: Callers, told: Path) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    alice.sees(bob)
    bob.sees(alice)
    whole = eventually(
        "a sample of alice has everything",
        lambda: next((one for one in samples(told, alice) if is_whole(one, size=(640, 360))), None),
    )
    check(whole)
    offsets = [sample.at for sample in samples(told, alice)]
    assert offsets == sorted(offsets)
    assert whole.memory is not None
    assert any(one.limited_by is not None for one in whole.sent)
    happened = eventually("events of alice", lambda: events(told, alice))
    first_key = next(one for one in happened if isinstance(one, KeyWaited) and one.first)
    assert first_key.waited < 30_000
    slots = {one.slot for one in whole.received}
    eventually(
        f"alice tells what she first saw and heard in {slots}",
        lambda: {one.slot for one in events(told, alice) if isinstance(one, FirstFrame)} == slots,
    )
    alice.page.context.set_offline(True)
    alice.page.context.set_offline(False)
    eventually(
        "alice tells that her network went away",
        lambda: any(
            isinstance(one, NetworkChanged) and one.network is Network.NONE for one in events(told, alice)
        ),
    )
    text = told.read_text()
    assert re.search(r"\d+\.\d+\.\d+\.\d+|candidate|v=0|a=", text.replace('"user":"', "")) is None
    assert "bob" not in "".join(
        line.replace('"user":"alice', "") for line in text.splitlines() if '"user":"alice' in line
    )
    assert [one for one in read(told) if one.log] == [], "nothing went wrong, and something is in the log"


def test_the_page_shows_how_good_each_connection_is(callers: Callers) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    alice.sees(bob)

    def marks() -> list[str]:
        found: list[str] = alice.page.evaluate(
            "[...document.querySelectorAll('.tile .quality .unseen')].map((one) => one.textContent)"
        )
        return found

    eventually("a mark in each tile", lambda: len(marks()) == 2)
    for text in marks():
        assert re.fullmatch(
            r"connection (excellent|good|poor|bad|very bad): (less than 1|\d+) % loss, \d+ ms", text
        )
    OUT.mkdir(exist_ok=True)
    alice.page.screenshot(path=OUT / "quality.png")


def test_a_device_that_fails_and_a_page_in_the_back_are_told(callers: Callers, told: Path) -> None:
    def refuse(page: Any) -> None:
        page.add_init_script(
            "navigator.mediaDevices.getUserMedia = "
            "() => Promise.reject(new DOMException('alice said no', 'NotAllowedError'));"
        )

    alice = callers.enter("alice", prepare=refuse)
    eventually(
        "the microphone failed",
        lambda: any(
            isinstance(one, CaptureFailed) and one.device is Device.MICROPHONE for one in events(told, alice)
        ),
    )
    alice.page.evaluate(
        "Object.defineProperty(document, 'hidden', { get: () => true, configurable: true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    eventually(
        "the page went to the back",
        lambda: any(isinstance(one, VisibilityChanged) and one.hidden for one in events(told, alice)),
    )
    log = eventually("the log has it", lambda: [entry for one in of(told, alice) for entry in one.log])
    assert ("device_failed", 5302, "NotAllowedError", "startLocalAudio") in {
        (entry.event, entry.code, entry.reason, entry.place) for entry in log
    }
    assert "said no" not in told.read_text()


def test_samples_of_a_call_in_firefox(
    callers: Callers, running: Deployment, told: Path, firefox_session: Session
) -> None:
    fiona = FirefoxCaller.open(firefox_session, running, "fiona")
    try:
        alice = callers.enter("alice")
        fiona.sees(alice)
        alice.sees(fiona)
        whole = eventually(
            "a sample of fiona has everything",
            lambda: next((one for one in samples(told, fiona) if is_whole(one, size=(640, 360))), None),
        )
        check(whole)
        assert whole.memory is None
        assert all(one.limited_by is None for one in whole.sent)
    finally:
        fiona.page.close()

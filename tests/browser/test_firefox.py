# SPDX-License-Identifier: Apache-2.0
"""Firefox and Chromium in one sealed call: what each sends the other opens, in both directions."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import dump
from tests.browser.bidi import BidiPage, Session
from tests.browser.call import Person, eventually
from tests.browser.conftest import OUT, Callers
from tests.browser.firefox import FirefoxCaller
from tests.deployment import Deployment


@pytest.fixture
def codec() -> str:
    """The only one for pictures; empty for the browser's own choice."""
    return ""


@pytest.fixture
def fiona(
    codec: str, running: Deployment, callers: Callers, firefox_session: Session
) -> Iterator[FirefoxCaller]:
    entered = FirefoxCaller.open(firefox_session, running, "fiona", codec=codec)
    yield entered
    entered.page.close()


def test_firefox_and_two_chromiums_see_and_hear_each_other(
    callers: Callers, running: Deployment, fiona: FirefoxCaller
) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    everyone: list[Person[Any]] = [alice, bob, fiona]
    for one, other in itertools.permutations(everyone, 2):
        one.sees(other)
    for one, other in ((fiona, alice), (fiona, bob), (alice, fiona), (bob, fiona)):
        one.hears(other)
    refused = [one.refused() for one in everyone]
    for one in everyone:
        one.shows_people()
    words = eventually("all read the same words", lambda: _shared(*(one.words() for one in everyone)))
    assert len(words) == 6
    for one in everyone:
        one.shows_only_right_pictures(everyone)
    fiona.sees(alice)
    alice.sees(fiona)
    assert all(
        now <= before for now, before in zip((one.refused() for one in everyone), refused, strict=True)
    ), "frames are refused in a call that stands"
    OUT.mkdir(exist_ok=True)
    fiona.page.screenshot(path=OUT / "firefox.png")
    assert _clear(running) == []


def test_firefox_shares_its_screen_with_chromium(
    callers: Callers, running: Deployment, fiona: FirefoxCaller
) -> None:
    alice = callers.enter("alice")
    alice.sees(fiona)
    fiona.page.click('.controls button[aria-pressed="false"]')

    eventually(f"alice sees fiona's screen; {fiona.console[-5:]}", lambda: alice.screen_of(fiona))
    alice.sees(fiona)
    assert _clear(running) == []


@pytest.mark.parametrize("codec", ["video/VP9", "video/AV1"])
def test_firefox_and_chromium_see_each_other_in_other_codecs(
    codec: str, callers: Callers, running: Deployment, fiona: FirefoxCaller
) -> None:
    alice = callers.enter("alice", codec=codec)
    alice.sees(fiona)
    fiona.sees(alice)
    sent = {packet.codec for packet in dump.packets(running.sink) if dump.TRACKS[packet.track] == "main"}
    assert sent == {{"video/VP9": 4, "video/AV1": 6}[codec]}


def test_firefox_has_no_h264_without_the_plug_in_that_it_downloads(firefox_session: Session) -> None:
    page = BidiPage(firefox_session, [], lambda _said: None)
    page.goto("data:text/html,")
    codecs = "RTCRtpSender.getCapabilities('video').codecs.map(({ mimeType }) => mimeType)"
    found = set(page.evaluate(codecs))
    page.close()
    assert {"video/VP8", "video/VP9", "video/AV1"} <= found
    assert "video/H264" not in found, "it can now: show a call, and change docs/browsers.md"


def _clear(running: Deployment) -> list[dump.Frame]:
    return [frame for frame in dump.frames(dump.packets(running.sink)) if dump.sframe_header(frame) is None]


def _shared(*read: list[str]) -> list[str] | None:
    return read[0] if read[0] and all(words == read[0] for words in read) else None

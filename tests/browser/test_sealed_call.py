# SPDX-License-Identifier: Apache-2.0
"""What a user sees and hears in a sealed call, and what the operator gets of it."""

import subprocess
from pathlib import Path

from playwright.sync_api import Page, Playwright

from tests.browser import dump
from tests.browser.call import SCREEN_SENDER, eventually
from tests.browser.chromium import launch
from tests.browser.conftest import OUT, Callers
from tests.deployment import BIN, Deployment


def test_two_pages_and_a_third_that_joins_late_see_and_hear_each_other(callers: Callers) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    for one, other in ((alice, bob), (bob, alice)):
        one.sees(other)
        one.hears(other)
    carol = callers.enter("carol")
    everyone = [alice, bob, carol]
    for one in everyone:
        for other in everyone:
            if one is not other:
                one.sees(other)
        one.shows_only_right_pictures(everyone)
    carol.hears(alice)
    alice.hears(carol)
    OUT.mkdir(exist_ok=True)
    for one in everyone:
        one.page.screenshot(path=OUT / f"call-{one.name}.png")


def test_a_shared_screen_is_seen_beside_the_camera_sealed_and_gone_when_the_browser_ends_it(
    callers: Callers, running: Deployment
) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    bob.sees(alice)
    alice.page.click("text=Share screen")

    def screen() -> bool:
        found = [tile.code for tile in bob.tiles() if tile.track == "screen" and tile.code]
        return any(code["good"] and code["sender"] == alice.number + SCREEN_SENDER for code in found)

    eventually(f"bob sees alice's screen; {alice.console[-5:]} {bob.console[-5:]}", screen)
    bob.sees(alice)
    OUT.mkdir(exist_ok=True)
    bob.page.screenshot(path=OUT / "screen.png")
    shared = [frame for frame in dump.frames(dump.packets(running.sink)) if frame.track == "screen"]
    assert shared
    assert all(dump.sframe_header(frame) is not None for frame in shared)
    # What the browser's own "stop sharing" does.
    alice.page.evaluate("__endScreen()")
    eventually("the screen is gone", lambda: not any(tile.track == "screen" for tile in bob.tiles()), 30)
    eventually("alice may share again", lambda: alice.page.query_selector("text=Share screen"))
    bob.sees(alice)


def test_a_page_shows_more_pictures_than_it_has_slots_at_first(callers: Callers, running: Deployment) -> None:
    command = [
        str(BIN / "sealroom-customer"), "bot", "--page", running.page, "--room", "test", "--count", "14",
        "--size", "160x96", "--rate", "2", "--audio", "none", "--seconds", "120",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as bots:
        try:
            alice = callers.enter("alice")

            def seen() -> bool:
                codes = [
                    (tile.user, tile.code["sender"]) for tile in alice.tiles() if tile.code and not tile.local
                ]
                return sorted(codes) == sorted((f"bot-{number}", number) for number in range(1, 15))

            eventually(f"alice sees fourteen bots under their names; {alice.console[-5:]}", seen)
        finally:
            bots.terminate()


def test_a_member_who_leaves_is_gone_and_the_others_go_on(callers: Callers) -> None:
    alice, bob, carol = callers.enter("alice"), callers.enter("bob"), callers.enter("carol")
    alice.sees(carol)
    bob.sees(alice)
    carol.page.close()
    eventually(
        "carol's tile is gone", lambda: not any(tile.user.startswith("carol") for tile in alice.tiles()), 30
    )
    alice.sees(bob)
    bob.sees(alice)


def test_whoever_comes_while_a_slow_device_is_still_entering_is_seen(callers: Callers) -> None:
    # What a busy device does for seconds: the answer of the server is there, and the browser has not taken it yet.
    slow = """
        const set = RTCPeerConnection.prototype.setRemoteDescription;
        RTCPeerConnection.prototype.setRemoteDescription = async function (...given) {
          await new Promise((resolve) => { globalThis.__goOn = resolve; });
          return set.apply(this, given);
        };
    """

    def prepare(page: Page) -> None:
        page.add_init_script(slow)

    alice = callers.enter("alice", prepare=prepare)
    eventually("alice has the answer", lambda: alice.page.evaluate("globalThis.__goOn !== undefined"))
    bob = callers.enter("bob")
    bob.page.wait_for_selector('[data-sealing="sealed"]', timeout=60_000)
    eventually(
        "bob sends", lambda: bob.page.evaluate("__probe.tiles().some(({ local, code }) => local && code)")
    )
    alice.page.evaluate("__goOn()")
    alice.sees(bob)
    bob.sees(alice)


def test_a_call_without_any_special_flag_for_ice(playwright: Playwright, running: Deployment) -> None:
    browser = launch(playwright)
    try:
        callers = Callers(browser, running)
        alice, bob = callers.enter("alice"), callers.enter("bob")
        alice.sees(bob)
        bob.sees(alice)
    finally:
        browser.close()


def test_the_page_says_that_the_call_is_sealed(callers: Callers, tmp_path: Path) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    alice.sees(bob)
    alice.page.wait_for_selector('[data-sealing="sealed"]')
    assert "end-to-end encrypted" in alice.page.inner_text("body").lower()
    bob.page.wait_for_selector('[data-sealing="sealed"]')


def test_everybody_reads_the_same_six_words_and_other_ones_when_somebody_came(callers: Callers) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    alice.sees(bob)
    for one in (alice, bob):
        one.shows_people()
    before = eventually("two agree", lambda: alice.words() if alice.words() == bob.words() else None)
    assert len(before) == 6
    carol = callers.enter("carol")
    carol.sees(alice)
    carol.shows_people()
    after = eventually("three agree", lambda: _shared(alice.words(), bob.words(), carol.words()))
    assert after != before
    assert "carol came" in alice.page.inner_text(".words")
    OUT.mkdir(exist_ok=True)
    alice.page.screenshot(path=OUT / "words.png")


def _shared(*read: list[str]) -> list[str] | None:
    return read[0] if len(read[0]) == 6 and all(words == read[0] for words in read) else None

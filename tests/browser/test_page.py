# SPDX-License-Identifier: Apache-2.0
"""The call page before and in a call: devices, what it warns of, and that it can be used on a phone and without a mouse."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, Route, expect

from tests.browser.accessibility import AXE, violations
from tests.browser.call import HERE, eventually, prefixed
from tests.browser.chromium import launch
from tests.browser.lobby import DESKTOP, PHONE, PHONE_ON_ITS_SIDE, Visitors
from tests.deployment import Deployment, deployment

PATIENCE = 60_000
"""Milliseconds; how long a busy machine may take for what takes one second."""
SMALLEST_TARGET = 44

# Whether the page still listens: every AudioContext that it made.
LISTENING = """
  globalThis.__contexts = [];
  const Real = AudioContext;
  globalThis.AudioContext = class extends Real { constructor(...all) { super(...all); __contexts.push(this); } };
"""
# Controls that lie outside the window, are too small for a finger, or under something else.
OUT_OF_REACH = """([selector, smallest]) => [...document.querySelectorAll(selector)].flatMap((one) => {
  one.scrollIntoView({ block: "nearest" });
  const { left, top, right, bottom, width, height } = one.getBoundingClientRect();
  // Scrolling goes by whole pixels, layout does not.
  const inside = left >= -1 && top >= -1 && right <= innerWidth + 1 && bottom <= innerHeight + 1;
  const above = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  const fits = Math.min(width, height) >= smallest;
  return inside && fits && one.contains(above) ? [] : [[one.outerHTML.slice(0, 80), left, top, width, height]];
})"""
# Takes a device off the list, as pulling its plug does.
UNPLUG = """(gone) => {
  const all = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
  navigator.mediaDevices.enumerateDevices = async () => (await all()).filter(({ deviceId }) => deviceId !== gone);
  navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
}"""
# A line to the authority that a test can cut and mend.
CUTTABLE = """
  let cut = false;
  const open = new Set();
  const Real = WebSocket;
  globalThis.WebSocket = class extends Real {
    constructor(url) { super(url); open.add(this); if (cut) this.close(); }
  };
  new BroadcastChannel("line").onmessage = ({ data }) => {
    cut = data === "cut";
    if (cut) for (const one of open) one.close();
  };
"""


@pytest.fixture(scope="module")
def with_devices(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright, "--allow-loopback-in-peer-connection", "--use-fake-device-for-media-stream")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("page"), witnessed=False) as both:
        yield both


@pytest.fixture
def visitors(with_devices: Browser, served: Deployment) -> Iterator[Visitors]:
    opened = Visitors(with_devices, served)
    yield opened
    opened.close()


def level(page: Page) -> float:
    """What the microphone meter shows."""
    shown: float = page.get_by_label("Microphone level").evaluate("(meter) => meter.value")
    return shown


def moves(page: Page) -> None:
    """The meter follows the fake microphone, which beeps and is silent in turn."""
    eventually("the meter shows the beep", lambda: level(page) > 0.3)
    eventually("the meter falls when it is silent", lambda: level(page) < 0.1)


def test_the_meter_shows_the_chosen_microphone_and_stops_when_one_enters(visitors: Visitors) -> None:
    page = visitors.visit("?room=meter&name=Ana", script=LISTENING)
    moves(page)
    page.get_by_role("button", name="Microphone on").click()
    expect(page.get_by_text("Your microphone is off.")).to_be_visible()
    assert page.get_by_label("Microphone level").count() == 0
    page.get_by_role("button", name="Microphone off").click()
    moves(page)
    page.select_option('[data-device="microphone"]', index=1)
    moves(page)
    page.get_by_role("button", name="Enter").click()
    page.wait_for_selector(".room", timeout=PATIENCE)
    eventually(
        "nothing listens any more",
        lambda: set(page.evaluate("__contexts.map(({ state }) => state)")) == {"closed"},
    )


def test_without_camera_and_microphone_one_is_told_why_and_enters(visitors: Visitors) -> None:
    page = visitors.visit("?room=denied", allowed=False)
    expect(page.get_by_text("The camera is not allowed for this page.")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("The microphone is not allowed for this page.")).to_be_visible(timeout=PATIENCE)
    # The field for the name has the focus, and the Enter key enters.
    page.keyboard.type("Ana")
    page.keyboard.press("Enter")
    page.wait_for_selector('.room [data-sealing="sealed"]', timeout=PATIENCE)
    expect(page.get_by_role("button", name="Unmute")).to_be_visible()
    expect(page.get_by_role("button", name="Start camera")).to_be_visible()


def test_name_and_devices_are_remembered_and_one_that_is_gone_is_replaced(visitors: Visitors) -> None:
    page = visitors.visit("?room=remembered")
    moves(page)
    page.fill('[name="name"]', "Ana")
    chosen = page.select_option('[data-device="microphone"]', index=2)
    loudspeaker = page.select_option('[data-device="speaker"]', index=1)
    page.reload()
    moves(page)
    assert page.input_value('[name="name"]') == "Ana"
    assert page.input_value('[data-device="microphone"]') == chosen[0]
    assert page.input_value('[data-device="speaker"]') == loudspeaker[0]
    page.evaluate(
        """() => {
          const choices = JSON.parse(localStorage.getItem("sealroom-choices"));
          localStorage.setItem("sealroom-choices", JSON.stringify({
            ...choices, microphone: { id: "unplugged", label: "Studio" },
          }));
        }"""
    )
    page.reload()
    expect(page.get_by_text("The microphone “Studio” is not connected.")).to_be_visible(timeout=PATIENCE)
    moves(page)
    page.get_by_role("button", name="Enter").click()
    page.wait_for_selector(".room", timeout=PATIENCE)
    kept = json.loads(page.evaluate("JSON.stringify(localStorage)"))
    assert set(kept) == {"sealroom-choices"}
    assert set(json.loads(kept["sealroom-choices"])) == {
        "name", "camera", "microphone", "speaker", "cameraOn", "microphoneOn",
    }  # fmt: skip


def test_a_microphone_that_is_unplugged_is_replaced_by_another(visitors: Visitors) -> None:
    page = visitors.visit("?room=unplugged&name=Ana")
    moves(page)
    page.select_option('[data-device="microphone"]', index=2)
    moves(page)
    page.evaluate(UNPLUG, page.input_value('[data-device="microphone"]'))
    expect(page.get_by_role("status")).to_contain_text("is not connected", timeout=PATIENCE)
    expect(page.get_by_role("status")).to_contain_text("is used instead")
    moves(page)


def test_a_recorder_is_announced_and_marked_wherever_it_appears(visitors: Visitors) -> None:
    ana = visitors.enter("ana", "recorded")
    archive = visitors.enter("archive", "recorded", role="recorder")
    expect(ana.get_by_role("alert").filter(has_text="archive records this call.")).to_be_visible(
        timeout=PATIENCE
    )
    expect(ana.get_by_role("log").get_by_text("archive records this call.")).to_be_attached()
    expect(ana.locator("[data-recording]")).to_contain_text("Recorded by archive")
    expect(ana.locator(".tile").filter(has_text="archive")).to_contain_text("records this call")
    ana.click('[aria-controls="people"]')
    expect(ana.locator('.people [data-user^="archive"]')).to_contain_text("records this call")
    archive.close()
    expect(ana.locator("[data-recording]")).to_have_count(0, timeout=PATIENCE)


def test_a_silent_authority_is_told_from_one_that_is_back(visitors: Visitors) -> None:
    page = visitors.visit("?wait")
    page.route("**/*worker*.js", lambda route: prefixed(route, CUTTABLE))
    page.route("**/api/grants", lambda route: visitors.change_grant(route, {"mks": 4}))
    page.route("**/api/tokens", lambda route: visitors.change_grant(route, {"mks": 4}))
    page.goto(visitors.running.url("silent", "ana"))
    page.wait_for_selector('[data-sealing="sealed"]', timeout=PATIENCE)
    assert page.locator(".banner").count() == 0
    page.evaluate("new BroadcastChannel('line').postMessage('cut')")
    expect(page.locator(".banner")).to_contain_text("goes on, end-to-end encrypted", timeout=PATIENCE)
    expect(page.locator(".banner")).to_contain_text("nobody hears or sees you now", timeout=PATIENCE)
    page.evaluate("new BroadcastChannel('line').postMessage('mend')")
    page.wait_for_selector('[data-sealing="sealed"]', timeout=PATIENCE)
    expect(page.locator(".banner")).to_have_count(0)


def test_a_call_that_is_not_sealed_says_so_in_plain_words(visitors: Visitors) -> None:
    page = visitors.visit("?wait")

    def without_authority(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"authority": None, "grant": None})

    page.route("**/api/tokens", without_authority)
    page.goto(visitors.running.url("open", "ana"))
    banner = page.get_by_role("alert").filter(has_text="Not end-to-end encrypted")
    expect(banner).to_contain_text("Whoever runs the server can see and hear this call", timeout=PATIENCE)


def test_refused_frames_are_a_quiet_sign_that_explains_itself(visitors: Visitors) -> None:
    ana = visitors.enter("ana", "refused")
    eve = visitors.visit("?wait")
    tampering = 'globalThis.__tamper = "tag";' + (HERE / "tamper.js").read_text()
    eve.route("**/*worker*.js", lambda route: prefixed(route, tampering))
    eve.goto(visitors.running.url("refused", "eve"))
    ana.locator('[data-refused="bad_tag"]').click(timeout=PATIENCE)
    row = ana.locator('#refusals [data-reason="bad_tag"]').first
    expect(row).to_contain_text("eve")
    expect(row).to_contain_text("changed on the way, or sealed with a wrong key")
    expect(row).to_contain_text("Compare the six words")
    assert ana.locator(".banner").count() == 0, "a sign, not an alarm"


@pytest.fixture
def lied_to(with_devices: Browser, tmp_path: Path) -> Iterator[Visitors]:
    with deployment(tmp_path, operator=(sys.executable, str(HERE / "inventing_operator.py"))) as both:
        opened = Visitors(with_devices, both)
        yield opened
        opened.close()


def test_whoever_the_operator_invents_or_hides_is_told_apart_from_members(lied_to: Visitors) -> None:
    lied_to.enter("ghost", "lies")
    ana = lied_to.enter("ana", "lies")
    expect(ana.locator('[data-differs="strangers"]')).to_contain_text("mallory", timeout=PATIENCE)
    ana.click('[aria-controls="people"]')
    expect(ana.locator('.people [data-user="mallory"]')).to_contain_text("named by the server only")
    expect(ana.locator('.people [data-user^="ghost"]')).to_contain_text("the server does not name them")
    assert ana.locator(".tile").filter(has_text="mallory").count() == 0
    assert ana.get_by_role("log").get_by_text("mallory").count() == 0, "nor is anybody told that she came"
    expect(ana.locator('[data-differs="silent"]')).to_contain_text("ghost", timeout=PATIENCE)


@pytest.mark.parametrize("size", [PHONE, PHONE_ON_ITS_SIDE], ids=["upright", "on its side"])
def test_on_a_phone_everything_is_within_reach(visitors: Visitors, size: tuple[int, int]) -> None:
    page = visitors.visit("?room=phone&name=Ana", size=size)
    moves(page)
    fits(page, "button, input, select")
    page.get_by_role("button", name="Enter").click()
    page.wait_for_selector('.room [data-sealing="sealed"]', timeout=PATIENCE)
    bob = visitors.enter("bob", "phone")
    pin = page.get_by_role("button", name="Pin bob")
    pin.wait_for(timeout=PATIENCE)
    fits(page, ".room button:not([popover] *)")
    pin.click()
    expect(page.locator(".tile.large")).to_contain_text("bob")
    fits(page, ".room button:not([popover] *)")
    page.get_by_role("button", name="here").click()
    fits(page, ".people button")
    page.locator(".people").get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Devices").click()
    fits(page, "#devices select")
    page.keyboard.press("Escape")
    if size == PHONE:
        tops = "all => all.map((one) => one.getBoundingClientRect().top)"
        rows = set(page.locator(".controls > button").evaluate_all(tops))
        assert len(rows) == 1, "pictures have the rest"
    bob.close()
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("heading", name="You left the call")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Enter again")).to_be_focused()


def fits(page: Page, controls: str) -> None:
    """Nothing is wider than the window, and every control can be touched."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(
        "!document.querySelector('.room') || document.documentElement.scrollHeight <= innerHeight"
    )
    assert page.evaluate(OUT_OF_REACH, [controls, SMALLEST_TARGET]) == []


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: run `make web`")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_accessibility_is_broken(visitors: Visitors, scheme: str) -> None:
    page = visitors.visit("?room=rules&name=Ana", size=DESKTOP)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    moves(page)
    assert violations(page) == []
    page.get_by_role("button", name="Enter").click()
    page.wait_for_selector('.room [data-sealing="sealed"]', timeout=PATIENCE)
    visitors.enter("archive", "rules", role="recorder")
    page.get_by_role("button", name="Pin archive").wait_for(timeout=PATIENCE)
    page.wait_for_selector(".tile.own .quality", timeout=PATIENCE)
    page.click('[aria-controls="people"]')
    assert violations(page) == []
    page.click(".seal")
    assert violations(page) == []
    page.get_by_role("button", name="Operator's view").click()
    page.locator('.kept [data-dataset="presences"]').wait_for(state="attached", timeout=PATIENCE)
    page.locator(".kept details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    assert violations(page) == []

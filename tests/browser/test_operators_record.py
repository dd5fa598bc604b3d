# SPDX-License-Identifier: Apache-2.0
"""The panel "what the operator can see of this call": its real numbers, beside what opened on the device; no content."""

import re

from playwright.sync_api import Locator

from tests.browser.call import Caller, eventually
from tests.browser.conftest import Callers


def part(caller: Caller, other: Caller) -> Locator:
    """The part of the panel that is about somebody."""
    return caller.page.locator(f'.operator [data-user^="{other.name}-"]')


def values(side: Locator) -> dict[str, str]:
    """What one side of it says, by label."""
    found: dict[str, str] = side.evaluate(
        "side => Object.fromEntries([...side.querySelectorAll('dt')].map(dt => [dt.textContent, dt.nextSibling.textContent]))"
    )
    return found


def test_the_panel_shows_what_the_operator_has_and_what_it_has_not(callers: Callers) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    bob.sees(alice)
    bob.page.get_by_role("button", name="Operator's view").click()
    about_alice = part(bob, alice)
    first = eventually("the operator's record", lambda: int(about_alice.get_attribute("data-packets") or 0))
    eventually(
        "its numbers rise while the panel is open",
        lambda: int(about_alice.get_attribute("data-packets") or 0) > first,
    )
    eventually(
        "a bit rate", lambda: "kbit/s" in values(about_alice.locator(".record")).get("Camera: amount", "")
    )
    operator, device = values(about_alice.locator(".record")), values(about_alice.locator(".device"))
    assert operator["Camera"] == "sent, VP8"
    assert operator["Pictures and sound"] == "sealed, not readable for the operator"
    assert operator["Network address"] == "known to the operator; shown to nobody else"
    assert operator["Program"].startswith("sealroom-web 0.1.0, Linux")
    assert re.fullmatch(r"number 1\.1 of member [01], frames \d+ to \d+", operator["Camera: key in use"])
    assert operator["Camera: size"].startswith("640 × 360, from the open begin"), "VP8 has it in clear"
    eventually("what opened", lambda: "×" in values(about_alice.locator(".device"))["Camera"])
    assert device.keys() == {"Camera", "Sound"}
    own = values(part(bob, bob).locator(".record"))
    assert own["Network address"] == "127.0.0.1"
    bob.page.keyboard.press("Escape")
    eventually("the panel is closed", lambda: bob.page.locator(".operator").count() == 0)

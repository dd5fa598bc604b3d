# SPDX-License-Identifier: Apache-2.0
"""The panel "what the operator can see of this call": its real numbers, beside what opened on the device; no content."""

import re
from collections.abc import Callable

import msgspec
from playwright.sync_api import Locator, Page, WebSocketRoute

from sealroom.app import catalogue
from tests.browser.accessibility import violations
from tests.browser.call import Caller, eventually
from tests.browser.conftest import OUT, Callers


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
    assert re.fullmatch(r"number 1\.[01] of member [01], frames \d+ to \d+", operator["Camera: key in use"])
    eventually(
        "the largest size, which VP8 has in clear",
        lambda: (
            values(about_alice.locator(".record"))
            .get("Camera: size", "")
            .startswith("640 × 360, from the open begin")
        ),
    )
    eventually("what opened", lambda: "×" in values(about_alice.locator(".device"))["Camera"])
    assert device.keys() == {"Camera", "Sound"}
    own = values(part(bob, bob).locator(".record"))
    assert own["Network address"] == "127.0.0.1"
    bob.page.keyboard.press("Escape")
    eventually("the panel is closed", lambda: bob.page.locator(".operator").count() == 0)


def test_the_panel_lists_what_is_kept_by_the_catalogue_with_this_call_s_own_values(callers: Callers) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    bob.sees(alice)
    bob.page.get_by_role("button", name="Operator's view").click()
    stay = bob.page.locator('.kept [data-dataset="stays"]')

    def told(field: str) -> str:
        found = stay.locator(f'[data-field="{field}"] dd')
        return str(found.first.text_content()) if found.count() else ""

    eventually("bob's own stay in the back-end log", lambda: told("client_ip") == "127.0.0.1")
    assert told("user_id").startswith("bob-")
    assert told("sdk_name") == "sealroom-web"
    facts = stay.locator(".facts").inner_text()
    assert "to find out why a call was bad" in facts
    assert "30 days" in facts
    assert "in the site of the application, nowhere else" in facts
    declared = {one.name: one for one in catalogue()}

    def fields_of(name: str) -> list[str]:
        fields = bob.page.locator(f'.kept [data-dataset="{name}"] [data-field]')
        found: list[str] = fields.evaluate_all("all => all.map((one) => one.dataset.field)")
        return found

    for name in ("stays", "quality_samples", "presences", "call_events"):
        columns = list(declared[name].columns)
        eventually(f"every field of {name}", lambda of=name, all_of=columns: fields_of(of) == all_of)  # type: ignore[misc]
    # Alice is in these, too: nothing of her row is.
    kept = str(bob.page.locator(".kept").text_content())
    assert "alice-" not in kept
    samples = bob.page.locator('.kept [data-dataset="quality_samples"]')
    eventually(
        "a bit rate as it was measured",
        lambda: "main: " in str(samples.locator('[data-field="bit_rate"]').text_content()),
    )
    folded = bob.page.locator('.kept [data-class="dashboard"]')
    assert folded.get_attribute("open") is None
    folded.locator("summary").focus()
    bob.page.keyboard.press("Enter")
    assert folded.get_attribute("open") is not None
    seen = bob.page.locator("[data-sealed-frames]")
    eventually("sealed frames", lambda: int(seen.get_attribute("data-sealed-frames") or 0) > 0)
    assert bob.page.locator(".sealed-count .none").inner_text() == "0"
    OUT.mkdir(exist_ok=True)
    bob.page.locator(".operator").evaluate("panel => panel.scrollTo(0, 0)")
    bob.page.screenshot(path=OUT / "kept.png")
    bob.page.set_viewport_size({"width": 360, "height": 640})
    bob.page.screenshot(path=OUT / "kept-phone.png")
    wide = bob.page.locator(".operator").evaluate("panel => panel.scrollWidth > panel.clientWidth")
    assert not wide, "nothing is cut off at the side"
    assert violations(bob.page) == []


def answers(page: Page, change: Callable[[dict[str, object]], dict[str, object] | None]) -> None:
    """An operator who answers otherwise: `change` has each of his messages, and None takes it away."""

    def on_the_way(line: WebSocketRoute) -> None:
        server = line.connect_to_server()

        def pass_on(text: str | bytes) -> None:
            message = change(msgspec.json.decode(text))
            if message is not None:
                line.send(msgspec.json.encode(message).decode())

        server.on_message(pass_on)

    page.route_web_socket(re.compile("/rtc/v1"), on_the_way)


def test_who_does_not_tell_what_he_keeps_is_said_not_to(callers: Callers) -> None:
    def older(message: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in message.items() if name != "kept"}

    alice = callers.enter("alice", prepare=lambda page: answers(page, older))
    alice.page.get_by_role("button", name="Operator's view").click()
    kept = alice.page.locator(".kept")
    eventually("so it says", lambda: "He does not tell what he keeps" in str(kept.text_content()))


def test_what_could_not_be_asked_is_said_and_the_rest_goes_on(callers: Callers) -> None:
    def refusing(message: dict[str, object]) -> dict[str, object]:
        if message["type"] != "kept":
            return message
        no = {"code": "too_many_records", "message": "It was too much.", "action": "Wait.", "trtc": -1}
        return {"type": "refused", "id": message["id"], **no}

    alice = callers.enter("alice", prepare=lambda page: answers(page, refusing))
    alice.page.get_by_role("button", name="Operator's view").click()
    kept = alice.page.locator(".kept")
    eventually(
        "so it says", lambda: "could not be asked just now. It was too much." in str(kept.text_content())
    )
    eventually("his record is there", lambda: part(alice, alice).count() == 1)
    assert violations(alice.page) == []

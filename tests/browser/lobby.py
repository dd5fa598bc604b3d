# SPDX-License-Identifier: Apache-2.0
"""The call page as a person walks through it, with the browser's own fake camera and microphone."""

import json
from dataclasses import dataclass, field
from typing import Any

import jwt
from playwright.sync_api import Browser, BrowserContext, Page, Route

from sealroom_customer.authority.identity import signing_key
from tests.deployment import Deployment

PHONE, PHONE_ON_ITS_SIDE, DESKTOP = (360, 640), (640, 360), (1000, 700)


@dataclass
class Visitors:
    """Opens the page for people who have nothing in common."""

    browser: Browser
    running: Deployment
    opened: list[BrowserContext] = field(default_factory=list)

    def visit(
        self, address: str, *, allowed: bool = True, size: tuple[int, int] = DESKTOP, script: str = ""
    ) -> Page:
        """A page at `address` below the call page's; `allowed` says whether it may use camera and microphone."""
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            # Naming any permission refuses all others without asking.
            permissions=["camera", "microphone"] if allowed else ["notifications"],
            has_touch=size != DESKTOP,
        )
        self.opened.append(context)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.goto(self.running.page + address)
        return page

    def enter(self, name: str, room: str, *, size: tuple[int, int] = DESKTOP, **claims: object) -> Page:
        """A page in a call. `claims` are changed in its grant, as another customer's backend would give it."""
        page = self.visit("?wait", size=size)
        if claims:
            page.route("**/api/tokens", lambda route: self.change_grant(route, claims))
        page.goto(self.running.url(room, name))
        page.wait_for_selector(".room", timeout=60_000)
        return page

    def change_grant(self, route: Route, claims: dict[str, object]) -> None:
        """Answers a request for a grant with one in which `claims` are changed, signed by the customer's key."""
        response = route.fetch()
        tokens: dict[str, Any] = response.json()
        key = signing_key(self.running.hand_over.parent / "customer" / "grant-signing-key.pem")
        header = jwt.get_unverified_header(tokens["grant"])
        known = jwt.decode(tokens["grant"], options={"verify_signature": False})
        tokens["grant"] = jwt.encode(known | claims, key, algorithm="EdDSA", headers=header)
        route.fulfill(response=response, body=json.dumps(tokens))

    def close(self) -> None:
        for context in self.opened:
            context.close()

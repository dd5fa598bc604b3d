# SPDX-License-Identifier: Apache-2.0
"""Firefox as it comes from the distribution: it speaks WebDriver BiDi itself, so no driver stands between."""

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.browser.bidi import BidiPage, Session, session
from tests.browser.call import HERE, Person, scripts, tone_of
from tests.deployment import Deployment, Process

NUMBER = 9
"""The caller in Firefox: its test microphone has one tone, which is set when it starts."""
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PREFERENCES: dict[str, bool | int | str] = {
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    # Loopback candidates, which Firefox takes for a page that may use camera and microphone only.
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "permissions.default.camera": 1,
    "permissions.default.microphone": 1,
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.navigator.audio.fake_frequency": tone_of(NUMBER),
    # A page in the background is a participant too.
    "dom.min_background_timeout_value": 4,
    "dom.timeout.enable_budget_timer_throttling": False,
    "widget.windows.window_occlusion_tracking.enabled": False,
    # It talks to nobody but us.
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.server": "",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
}


@contextlib.contextmanager
def firefox(profile: Path) -> Iterator[Session]:
    """A headless Firefox with a profile of its own, and the session with it; ended afterwards."""
    assert FIREFOX is not None
    profile.mkdir(parents=True, exist_ok=True)
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines) + "\n")
    process = Process.start(
        "firefox", FIREFOX, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", str(profile),
    )  # fmt: skip
    try:
        address = process.wait_for(re.compile(r"ws://127\.0\.0\.1:\d+"), seconds=90)
        with session(address) as running:
            yield running
    finally:
        process.stop()


@dataclass
class FirefoxCaller(Person[BidiPage]):
    """A page in Firefox."""

    @classmethod
    def open(
        cls,
        browser: Session,
        running: Deployment,
        name: str,
        *,
        room: str = "test",
        codec: str = "",
        before: str = "",
    ) -> "FirefoxCaller":
        """Opens the page and lets it enter at once; `before` is a script that runs in it before its own."""
        console: list[str] = []
        first = [*scripts(NUMBER, (640, 360), codec), (HERE / "firefox.js").read_text()]
        page = BidiPage(browser, [*first, *([before] if before else [])], console.append)
        page.goto(running.url(room, name))
        return cls(name, NUMBER, page, console)

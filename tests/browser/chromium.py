# SPDX-License-Identifier: Apache-2.0
"""The Chromium of this machine, as every test and measurement starts it."""

import shutil
import socket

from playwright.sync_api import Browser, Playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class ChromiumMissingError(RuntimeError):
    """There is none; says what to do."""

    def __init__(self) -> None:
        super().__init__("no Chromium: install it with `apt install chromium`")


def launch(playwright: Playwright, *flags: str) -> Browser:
    """A headless Chromium that plays sound without a gesture and talks to nobody but us. Raises ChromiumMissingError."""
    if CHROMIUM is None:
        raise ChromiumMissingError
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return playwright.chromium.launch(
        executable_path=CHROMIUM,
        headless=True,
        args=[
            "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
            # Asked by whoever watches over the test, beside the driver's own pipe.
            f"--remote-debugging-port={port}",
            # A script that a test answers for has no address, so the worker would count as a public page that calls loopback.
            "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks", *flags,
        ],
    )  # fmt: skip

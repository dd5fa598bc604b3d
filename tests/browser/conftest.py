# SPDX-License-Identifier: Apache-2.0
"""Real browsers against a real deployment; skipped by name where one is missing."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.browser.bidi import Session
from tests.browser.call import Caller
from tests.browser.chromium import CHROMIUM, ChromiumMissingError, launch
from tests.browser.firefox import FIREFOX, firefox
from tests.browser.watchdog import watched
from tests.deployment import Deployment, deployment

OUT = Path(__file__).parent / "out"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below this folder needs a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """No test stands still for longer than its bound; one that does says what its pages showed."""
    with watched(OUT):
        return (yield)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if CHROMIUM is None:
        pytest.skip(str(ChromiumMissingError()))
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright, "--allow-loopback-in-peer-connection")
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def firefox_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    if FIREFOX is None:
        pytest.skip("no Firefox: install it with `apt install firefox-esr`")
    with firefox(tmp_path_factory.mktemp("firefox")) as session:
        yield session


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Deployment]:
    with deployment(tmp_path) as both:
        yield both


@pytest.fixture
def callers(browser: Browser, running: Deployment) -> Iterator["Callers"]:
    opened = Callers(browser, running)
    yield opened
    opened.close()


class Callers:
    """Opens pages in contexts of their own, so that they share no storage."""

    def __init__(self, browser: Browser, running: Deployment) -> None:
        self.browser, self.running = browser, running
        self.opened: list[Caller] = []

    def enter(
        self,
        name: str,
        *,
        room: str = "test",
        worker_prefix: str = "",
        width: int = 640,
        height: int = 360,
        codec: str = "",
        prepare: Callable[[Page], None] = lambda _page: None,
    ) -> Caller:
        """A page that enters `room` as `name`; its barcode's sender is the order of opening, from 1 on.

        `codec` is the only one for pictures that its browser then has ("video/H264"). `prepare` gets the page before its
        address is opened.
        """
        caller = Caller.open(
            self.browser, self.running, name, number=len(self.opened) + 1, room=room,
            worker_prefix=worker_prefix, size=(width, height), codec=codec, prepare=prepare,
        )  # fmt: skip
        self.opened.append(caller)
        return caller

    def close(self) -> None:
        for caller in self.opened:
            caller.page.context.close()

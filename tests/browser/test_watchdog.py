# SPDX-License-Identifier: Apache-2.0
"""A test that stands still fails in time, with what its pages showed, and leaves the browser to the next one."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.watchdog import StoodStillError, watched

PAGE = "<h1>Waiting for bob</h1><script>console.warn('no', 'bob'); setTimeout(() => { throw new Error('lost') })</script>"


def test_a_script_that_never_answers_is_ended_with_what_the_page_showed(
    browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page()
    page.set_content(PAGE)
    started = time.monotonic()
    with pytest.raises(StoodStillError) as caught, watched(tmp_path, 2):
        page.evaluate("new Promise(() => undefined)")
    assert time.monotonic() - started < 20
    told = str(caught.value)
    assert "stood still for 2 s" in told
    assert "Waiting for bob" in told
    assert "console: warning: no bob" in told
    assert "console: uncaught: Error: lost" in told
    assert [file.read_bytes()[:4] for file in tmp_path.iterdir()] == [b"\x89PNG"]
    again = browser.new_page()
    assert again.evaluate("1 + 1") == 2
    again.close()


def test_what_is_over_in_time_is_left_alone(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    with watched(tmp_path, 30):
        assert page.evaluate("1 + 1") == 2
    with pytest.raises(RuntimeError, match="its own"), watched(tmp_path, 30):
        raise RuntimeError("its own")
    assert not page.is_closed()
    page.close()


def test_who_waits_for_no_page_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.browser.watchdog._GRACE_SECONDS", 1.0)
    with pytest.raises(StoodStillError, match="no page was open"), watched(tmp_path, 0.5):
        time.sleep(60)

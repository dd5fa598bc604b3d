# SPDX-License-Identifier: Apache-2.0
"""A bound on a test in browsers: one that stands still fails, and says what its pages showed.

The driver waits for ever for a script that never answers, and from the thread that waits nothing can be asked. So another thread asks
each Chromium over its debugging port (Chrome DevTools Protocol) what its pages show and said, and closes the pages: whatever the
test waited for then fails where it stood. Who waits for something else is ended by SIGALRM a little later.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from websockets.sync.client import connect

BOUND_SECONDS = 240.0
"""For one test. The longest take a third of it on a machine that does nothing else."""
_GRACE_SECONDS = 45.0
"""From asking the pages until the test is ended whatever it does."""
_ANSWER_SECONDS = 5.0
_PORT = re.compile(rb"--remote-debugging-port=(\d+)")
_SHOWN = 1500
_CONSOLE_LINES = 40


class StoodStillError(AssertionError):
    """The test was not over in time."""


@dataclass
class _Shown:
    """One page as it was found."""

    address: str
    text: str = "(does not answer)"
    console: list[str] = field(default_factory=list)
    picture: Path | None = None

    def __str__(self) -> str:
        lines = [f"--- {self.address}", self.text[:_SHOWN]]
        lines += [f"  console: {line}" for line in self.console[-_CONSOLE_LINES:]]
        return "\n".join([*lines, f"  picture: {self.picture}"] if self.picture else lines)


@contextlib.contextmanager
def watched(out: Path, seconds: float = BOUND_SECONDS) -> Iterator[None]:
    """Bounds what is inside; pictures of the pages go to `out`. Raises StoodStillError. Main thread only."""
    reports: list[str] = []

    def ask() -> None:
        pages = [page for port in _ports() for page in _look_and_close(port, out)]
        shown = "\n".join(map(str, pages)) or "no page was open in Chromium"
        reports.append(f"the test stood still for {seconds:g} s; its pages showed:\n{shown}")

    def end(_number: int, _frame: FrameType | None) -> None:
        raise StoodStillError("it went on though its pages were closed")

    started = time.monotonic()
    timer = threading.Timer(seconds, ask)
    before = signal.signal(signal.SIGALRM, end)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_SECONDS)
    timer.start()
    try:
        yield
    except Exception as error:
        if time.monotonic() < started + seconds:
            raise
        # The pages were closed one after the other, the last word on them comes after that.
        timer.join(_GRACE_SECONDS)
        raise StoodStillError(*reports) from error
    finally:
        timer.cancel()
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left)
    if reports:
        raise StoodStillError(reports[0])


def _ports() -> list[int]:
    """The debugging ports of browsers that this process started. None where there is no /proc."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            port = _PORT.search(command)
            if port and b"--type=" not in command and _is_ours(int(process.name)):
                found.append(int(port[1]))
    return found


def _is_ours(process: int) -> bool:
    while process > 1:
        if process == os.getpid():
            return True
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return False


def _look_and_close(port: int, out: Path) -> Iterator[_Shown]:
    with contextlib.suppress(OSError, ValueError):
        pages = [one for one in json.loads(_get(port, "/json/list")) if one["type"] == "page"]
        for number, page in enumerate(pages):
            shown = _Shown(page["url"])
            with contextlib.suppress(Exception):
                # Whatever goes wrong here, the other pages are looked at and all are closed.
                _look(page["webSocketDebuggerUrl"], shown, out / f"stood-still-{port}-{number}.png")
            yield shown
        for page in pages:
            _get(port, f"/json/close/{page['id']}")


def _get(port: int, path: str) -> bytes:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        line.request("GET", path)
        return line.getresponse().read()
    finally:
        line.close()


def _look(address: str, shown: _Shown, picture: Path) -> None:
    with connect(address, max_size=None, open_timeout=_ANSWER_SECONDS) as line:

        def ask(method: str, **parameters: Any) -> dict[str, Any]:
            line.send(json.dumps({"id": 1, "method": method, "params": parameters}))
            while True:
                message = json.loads(line.recv(timeout=_ANSWER_SECONDS))
                if message.get("id") == 1:
                    return dict(message.get("result", {}))
                shown.console += _said(message)

        # What was said before is told again.
        ask("Log.enable")
        ask("Runtime.enable")
        answer = ask("Runtime.evaluate", expression="document.body?.innerText ?? ''", returnByValue=True)
        shown.text = str(answer["result"]["value"])
        taken = ask("Page.captureScreenshot")
        picture.parent.mkdir(exist_ok=True)
        picture.write_bytes(b64decode(taken["data"]))
        shown.picture = picture


def _said(event: dict[str, Any]) -> list[str]:
    parameters = event.get("params", {})
    if event.get("method") == "Runtime.consoleAPICalled":
        words = (str(one.get("value", one.get("description", ""))) for one in parameters["args"])
        return [f"{parameters['type']}: {' '.join(words)}"]
    if event.get("method") == "Log.entryAdded":
        return [f"{parameters['entry']['level']}: {parameters['entry']['text']}"]
    if event.get("method") == "Runtime.exceptionThrown":
        details = parameters["exceptionDetails"]
        return [f"uncaught: {details.get('exception', {}).get('description', details['text'])}"]
    return []

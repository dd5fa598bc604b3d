# SPDX-License-Identifier: Apache-2.0
"""How browsers ask for the files of a page: who they say they are, what they accept, and for what they say they want it.

A server that wants to give somebody else a different file can go by any of these, so each is asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sealroom_customer.page.manifest import ManifestFile

IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser's name and what it sends with every request."""

    name: str
    agent: str
    encodings: str
    language: str = "en-US,en;q=0.5"


CHROMIUM = Browser(
    "Chromium",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36",
    "gzip, deflate, br, zstd",
    "en-US,en;q=0.9",
)
FIREFOX = Browser(
    "Firefox",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "gzip, deflate, br, zstd",
)
SAFARI = Browser(
    "Safari",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "gzip, deflate, br",
    "en-GB,en;q=0.9",
)

_WANTED = {
    "text/html": (
        ("document", "navigate", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ),
    "text/javascript": (("script", "cors", "*/*"), ("worker", "same-origin", "*/*")),
    "text/css": (("style", "cors", "text/css,*/*;q=0.1"),),
}
"""By media type: destination, mode and accepted types of the fetches that lead to such a file (Fetch Metadata)."""
_ELSE = (("empty", "cors", "*/*"),)


@dataclass(frozen=True, slots=True)
class Asking:
    """One way to ask for a file."""

    path: str
    browser: Browser
    encodings: str
    destination: str
    mode: str
    accept: str

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers, `Host` excepted."""
        return {
            "User-Agent": self.browser.agent,
            "Accept": self.accept,
            "Accept-Language": self.browser.language,
            "Accept-Encoding": self.encodings,
            "Sec-Fetch-Dest": self.destination,
            "Sec-Fetch-Mode": self.mode,
            "Sec-Fetch-Site": "none" if self.mode == "navigate" else "same-origin",
        }

    def __str__(self) -> str:
        return f"{self.browser.name}, {self.destination}, accepting {self.encodings}"


def askings(path: str, file: ManifestFile) -> Iterator[Asking]:
    """Every way to ask for a file at `path`: as each browser does, and for each encoding alone."""
    ways = [(browser, browser.encodings) for browser in (CHROMIUM, FIREFOX, SAFARI)]
    ways += [(CHROMIUM, encoding) for encoding in ("br", "gzip", IDENTITY)]
    for browser, encodings in ways:
        for wanted in _WANTED.get(file.type.partition(";")[0], _ELSE):
            yield Asking(path, browser, encodings, *wanted)

# SPDX-License-Identifier: Apache-2.0
"""One person in a call: a page with a recognisable camera and microphone, and what can be read off it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from playwright.sync_api import Browser, ConsoleMessage, Page, Route

HERE = Path(__file__).parent
SCREEN_SENDER = 100
"""What a screen's barcode has more than the camera's of the same caller (`source.js`)."""
T = TypeVar("T")


class PageFace(Protocol):
    """What a person's page has in every browser."""

    def evaluate(self, expression: str) -> Any: ...

    def click(self, selector: str) -> None: ...


P = TypeVar("P", bound=PageFace)

# A browser that has one codec for pictures.
ONE_CODEC = """
for (const side of [RTCRtpSender, RTCRtpReceiver]) {
  const all = side.getCapabilities.bind(side);
  side.getCapabilities = (kind) => {
    const found = all(kind);
    if (kind === "video") found.codecs = found.codecs.filter(({ mimeType }) => ["CODEC", "video/rtx"].includes(mimeType));
    return found;
  };
}
"""


def tone_of(number: int) -> int:
    """The frequency, in Hz, of the caller that was opened as `number`."""
    return 400 + 300 * number


def eventually(what: str, check: Callable[[], T | None], seconds: float = 60) -> T:
    """The first truthy answer of `check`; fails with `what` and the last answer after `seconds`."""
    limit = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > limit:
            raise AssertionError(f"never came true: {what}; last answer {answer!r}")
        time.sleep(0.1)


class Served(Protocol):
    """Whatever serves a call page."""

    def url(self, room: str, name: str) -> str:
        """The page's address that enters `room` as `name` at once."""


@dataclass
class Tile:
    """One picture on a page: whose it should be, and what its barcode says."""

    user: str
    track: str
    local: bool
    code: dict[str, Any] | None


def scripts(number: int, size: tuple[int, int], codec: str) -> list[str]:
    """What runs in a page before its own: a recognisable camera and microphone, and only `codec` for pictures if given."""
    source = {"sender": number, "tone": tone_of(number), "width": size[0], "height": size[1], "rate": 15}
    first = f"globalThis.__source = {msgspec.json.encode(source).decode()};"
    return [first, (HERE / "source.js").read_text(), *([ONE_CODEC.replace("CODEC", codec)] if codec else [])]


@dataclass
class Person(Generic[P]):
    """A page in a call, in whatever browser."""

    name: str
    number: int
    page: P
    console: list[str] = field(default_factory=list)

    def tiles(self) -> list[Tile]:
        """Every picture on the page."""
        return [Tile(**tile) for tile in self.page.evaluate("__probe.tiles()")]

    def picture_of(self, other: "Person[Any]") -> dict[str, Any] | None:
        """The barcode in the tile of `other`, or None while there is none that can be read."""
        for tile in self.tiles():
            if tile.local or tile.track != "main" or not tile.user.startswith(other.name):
                continue
            if tile.code and tile.code["good"]:
                return tile.code
        return None

    def screen_of(self, other: "Person[Any]") -> dict[str, Any] | None:
        """The barcode of the screen that `other` shares, or None while there is none that can be read."""
        for tile in self.tiles():
            if (
                tile.track == "screen"
                and tile.user.startswith(other.name)
                and tile.code
                and tile.code["good"]
            ):
                return tile.code if tile.code["sender"] == other.number + SCREEN_SENDER else None
        return None

    def sees(self, other: "Person[Any]", seconds: float = 60) -> None:
        """The tile of `other` shows the barcode of `other`, and it goes on."""
        first = eventually(
            f"{self.name} sees {other.name}; {self.console[-8:]}", lambda: self.picture_of(other), seconds
        )
        assert first["sender"] == other.number, (first, self.tiles())
        eventually(
            f"the picture of {other.name} goes on at {self.name}",
            lambda: (
                (now := self.picture_of(other)) is not None
                and 0 < (now["number"] - first["number"]) % 65536 < 5000
            ),
        )

    def hears(self, other: "Person[Any]") -> None:
        """The tone of `other` is among what is heard."""
        eventually(
            f"{self.name} hears {other.name}",
            lambda: any(abs(one["frequency"] - tone_of(other.number)) < 15 for one in self.tones()),
        )

    def shows_people(self) -> None:
        """Opens the list of who is here."""
        self.page.click('[aria-controls="people"]')

    def words(self) -> list[str]:
        """The authentication string on the page; empty while there is none."""
        found: str = self.page.evaluate("document.querySelector('[data-words]')?.dataset.words ?? ''")
        return found.split()

    def refused(self) -> int:
        """How many frames the page says it refused lately."""
        found: int = self.page.evaluate(
            "Number.parseInt(document.querySelector('[data-refused]')?.textContent ?? '0')"
        )
        return found

    def tones(self) -> list[dict[str, Any]]:
        """Loudest frequency of each remote sound."""
        found: list[dict[str, Any]] = self.page.evaluate("__probe.tones(0.5)")
        return found

    def shows_only_right_pictures(self, everyone: Sequence["Person[Any]"]) -> None:
        """No readable barcode stands in a tile of somebody else."""
        senders = {caller.name: caller.number for caller in everyone}
        for tile in self.tiles():
            if tile.code and tile.code["good"] and not tile.local:
                name = next(name for name in senders if tile.user.startswith(name))
                expected = senders[name] + (SCREEN_SENDER if tile.track == "screen" else 0)
                assert tile.code["sender"] == expected, f"{tile} at {self.name}"


@dataclass
class Caller(Person[Page]):
    """A page in Chromium."""

    @classmethod
    def open(
        cls,
        browser: Browser,
        running: Served,
        name: str,
        *,
        number: int,
        room: str,
        worker_prefix: str,
        size: tuple[int, int],
        codec: str,
        prepare: Callable[[Page], None],
    ) -> "Caller":
        """Opens the page and lets it enter at once, `prepare`d. `worker_prefix` is put before the sealing worker's code."""
        context = browser.new_context(
            permissions=["camera", "microphone"], viewport={"width": 1000, "height": 700}
        )
        for script in scripts(number, size, codec):
            context.add_init_script(script)
        page = context.new_page()
        caller = cls(name, number, page)
        page.on("console", caller._heard)
        page.on("pageerror", lambda error: caller.console.append(f"error: {error}"))
        if worker_prefix:
            page.route("**/*worker*.js", lambda route: prefixed(route, worker_prefix))
        prepare(page)
        page.goto(running.url(room, name))
        return caller

    def _heard(self, message: ConsoleMessage) -> None:
        self.console.append(f"{message.type}: {message.text}")


def prefixed(route: Route, prefix: str) -> None:
    """Answers a request for a script with `prefix` before it."""
    response = route.fetch()
    route.fulfill(response=response, body=prefix + "\n" + response.text())

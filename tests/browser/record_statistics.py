# SPDX-License-Identifier: Apache-2.0
"""Records what `getStats` of the browsers here says in a real sealed call, for the SDK's tests of its sampler.

`python -m tests.browser.record_statistics` writes `web/sdk/tests/fixtures/statistics-{chromium,firefox}.json`: three reports of
one page, two seconds apart, with the slots and tracks of its call. Addresses and certificates are left out.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.browser.call import PageFace, Person
from tests.browser.chromium import launch
from tests.browser.conftest import Callers
from tests.browser.firefox import FirefoxCaller, firefox
from tests.deployment import deployment

OUT = Path(__file__).resolve().parents[2] / "web" / "sdk" / "tests" / "fixtures"
REPORTS = 3
APART_SECONDS = 2.0
KEPT = (
    "candidate-pair", "transport", "inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "media-source", "local-candidate",
)  # fmt: skip
LEFT_OUT = (
    "address",
    "ip",
    "url",
    "relatedAddress",
    "usernameFragment",
    "foundation",
    "label",
    "port",
    "localCertificateId",
    "remoteCertificateId",
    "iceLocalUsernameFragment",
)
WATCH = """
globalThis.__connections = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); __connections.push(this); }
};
"""
READ = """(async () => {
  const connection = __connections.at(-1);
  const report = await connection.getStats();
  const sections = connection.getTransceivers().map(({ mid, direction, receiver }) =>
    ({ mid, direction, kind: receiver.track.kind }));
  return { at: performance.now(), entries: [...report.values()], sections };
})()"""


def reports(page: PageFace) -> dict[str, Any]:
    """Three reports of a page, and the sections of its connection."""
    found = []
    for _ in range(REPORTS):
        found.append(page.evaluate(READ))
        time.sleep(APART_SECONDS)
    return {
        "sections": found[0]["sections"],
        "reports": [{"at": round(one["at"]), "entries": _kept(one["entries"])} for one in found],
    }


def _watched(page: Page) -> None:
    page.add_init_script(WATCH)


def _kept(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in entry.items() if name not in LEFT_OUT}
        for entry in entries
        if entry["type"] in KEPT
    ]


def _write(name: str, found: dict[str, Any]) -> None:
    OUT.mkdir(exist_ok=True)
    (OUT / f"statistics-{name}.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


def main() -> None:
    """Three people, of whom one is in Firefox; the reports of one page of each browser."""
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        firefox(Path(folder) / "firefox") as session,
        deployment(Path(folder)) as running,
    ):
        browser = launch(playwright, "--allow-loopback-in-peer-connection")
        callers = Callers(browser, running)
        fiona = FirefoxCaller.open(session, running, "fiona", before=WATCH)
        # 1280x720: all layers flow.
        alice, bob = (
            callers.enter(name, width=1280, height=720, prepare=_watched) for name in ("alice", "bob")
        )
        everyone: list[Person[Any]] = [alice, bob, fiona]
        for one in everyone:
            for other in everyone:
                if one is not other:
                    one.sees(other)
        alice.page.evaluate("new Promise((done) => setTimeout(done, 5000))")
        _write("chromium", reports(alice.page))
        _write("firefox", reports(fiona.page))
        callers.close()
        browser.close()


if __name__ == "__main__":
    main()

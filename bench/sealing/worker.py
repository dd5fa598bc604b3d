# SPDX-License-Identifier: Apache-2.0
"""Measures how long a frame takes in the sealing worker of the page: `python -m bench.sealing.worker [--seconds N] [--json FILE]`.

Two Chromium pages are in a sealed 1280x720 call against a real deployment, with the page and the worker as they are built; `worker.js` is put
before the worker's code and takes the time of each video frame from when the worker may read it until it is written.

- *in a call*: while the call runs: cipher, own code, and waiting for a processor that encoders and decoders want too.
- *alone*: the frames of that call once more through the worker's own code, one at a time, each in a task of its own, with cameras and tabs as they are
  but nothing queued before it. Opening is done at the other page, which has the keys, with the frames that were just sealed.
- *the cipher alone*: the same bodies through `crypto.subtle.encrypt` and nothing else. It crosses to another thread and back; code around it cannot
  be faster.

The pages are made cross-origin isolated, so that the clock has steps of 5 us instead of 100. The first frames of each part, in which nothing is
compiled yet, are counted. **Numbers of a machine that does other work say little beyond the median.** The bar is 0.2 ms a frame.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, sync_playwright

from tests.browser.call import Caller
from tests.browser.chromium import launch
from tests.browser.conftest import Callers
from tests.deployment import deployment

HERE = Path(__file__).resolve().parent
BAR_MS = 0.2
_SECONDS = 12.0
ASK = """
{
  const channel = new BroadcastChannel("bench");
  globalThis.__bench = (message) => new Promise((resolve) => {
    channel.onmessage = ({ data }) => resolve(data);
    channel.postMessage(message);
  });
}
"""
SEAL = """
__bench({ ask: "seal" }).then(({ times, written }) => {
  const text = (data) => btoa(Array.from(new Uint8Array(data), (byte) => String.fromCharCode(byte)).join(""));
  return { times, written: written.map(({ data, ...rest }) => ({ ...rest, data: text(data) })) };
})
"""
OPEN = """
(frames) => {
  const bytes = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer;
  return __bench({ ask: "open", frames: frames.map(({ data, ...rest }) => ({ ...rest, data: bytes(data) })) });
}
"""
Measured = dict[str, Any]


def prepare(page: Page) -> None:
    """Isolates the page and puts the stop-watch before its worker."""

    def answer(route: Route) -> None:
        response = route.fetch()
        body = response.body()
        if "worker" in route.request.url:
            body = (HERE / "worker.js").read_bytes() + b"\n" + body
        isolating = {
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-embedder-policy": "require-corp",
        }
        route.fulfill(response=response, headers=dict(response.headers) | isolating, body=body)

    page.add_init_script(ASK)
    page.route("**/*", lambda route: route.continue_() if "/api/" in route.request.url else answer(route))


def frames(seconds: float) -> list[Measured]:
    """One call and what follows it."""
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as folder,
        deployment(Path(folder)) as running,
    ):
        browser = launch(playwright, "--allow-loopback-in-peer-connection")
        callers = Callers(browser, running)
        alice, bob = (
            callers.enter(name, width=1280, height=720, prepare=prepare) for name in ("alice", "bob")
        )
        alice.sees(bob)
        bob.sees(alice)
        alice.page.wait_for_timeout(seconds * 1000)
        found = list(_parts(alice, bob))
        browser.close()
    return found


def _parts(alice: Caller, bob: Caller) -> list[Measured]:
    seen = [one.page.evaluate('__bench({ ask: "in call" })') for one in (alice, bob)]
    if not all(one["isolated"] for one in seen):
        raise SystemExit("the pages are not isolated: the clock would be too coarse")
    in_call = {side: [time for one in seen for time in one["inCall"][side]] for side in ("seal", "open")}
    alone = alice.page.evaluate(SEAL)
    cipher = alice.page.evaluate('__bench({ ask: "cipher" })')
    opened = bob.page.evaluate(OPEN, alone["written"])
    if len(opened["times"]) < len(alone["written"]):
        raise SystemExit(
            "not every frame that was sealed opened: what was measured is not the way of a frame"
        )
    sizes = [len(one["data"]) * 3 // 4 for one in alone["written"]]
    return [
        summary("seal, in a call", in_call["seal"]),
        summary("open, in a call", in_call["open"]),
        summary("seal, alone", alone["times"])
        | {"bytes": statistics.median(sizes), "most_bytes": max(sizes)},
        summary("open, alone", opened["times"]),
        summary("the cipher alone", cipher["times"]),
    ]


def measure() -> Measured:
    """The part `worker` of `run.py`: one call of 12 s."""
    found = frames(_SECONDS)
    bars = [
        {"name": f"{one['what']}, median", "value": one["median_ms"], "most": BAR_MS, "unit": "ms"}
        for one in found
        if one["what"].endswith("in a call")
    ]
    return {"frames": found, "bars": bars}


def summary(what: str, times: list[float]) -> Measured:
    """Milliseconds: the median, the 99th of a hundred, and the share of frames within the bar."""
    ordered = sorted(times)
    return {
        "what": what,
        "frames": len(ordered),
        "median_ms": round(statistics.median(ordered), 3),
        "p99_ms": round(ordered[len(ordered) * 99 // 100], 3),
        "within_bar": round(sum(time <= BAR_MS for time in ordered) / len(ordered), 3),
    }


def table(found: list[Measured]) -> str:
    """For people."""
    lines = [
        f"| a frame of 720p in the worker | frames | median, ms | p99, ms | within {BAR_MS} ms |",
        "|---|---|---|---|---|",
    ]
    for one in found:
        lines.append(
            f"| {one['what']} | {one['frames']} | {one['median_ms']:.3f} | {one['p99_ms']:.3f} | {one['within_bar']:.1%} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measures, prints the table, and writes the numbers where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds", type=float, default=_SECONDS, help="of the call; the first 400 frames are kept"
    )
    parser.add_argument("--json", type=Path, help="where the numbers go")
    options = parser.parse_args()
    found = frames(options.seconds)
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

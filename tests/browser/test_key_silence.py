# SPDX-License-Identifier: Apache-2.0
"""An operator that holds the authority's answers back: the member who no longer hears it stops sending, in time."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.sync_api import Page, Playwright, Route

from sealroom_customer.authority.identity import signing_key
from sealroom_customer.signing import GrantSigner
from sealroom_customer.signing.grants import read_grant
from sealroom_wire.ids import RoomId
from tests.browser import dump
from tests.browser.call import Caller, eventually
from tests.browser.chromium import launch
from tests.browser.conftest import Callers
from tests.browser.relay import Relay, relay
from tests.deployment import Deployment

SILENCE = 4
"""`max_key_silence`, in seconds: twice the time between two pings."""
IN_FLIGHT = 1.0
"""Seconds that a packet may be under way from the worker to the sink, the browser's pacing included."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Alice, whose line to the authority passes the relay, and who sends as `peer`."""

    alice: Caller
    between: Relay
    peer: int


@pytest.fixture
def cut(playwright: Playwright, running: Deployment, tmp_path: Path) -> Iterator[Cut]:
    port = urlsplit(running.page).port
    assert port is not None
    with relay(port) as between:
        mapped = f"--host-resolver-rules=MAP localhost:{port} 127.0.0.1:{between.port}"
        browser = launch(playwright, "--allow-loopback-in-peer-connection", mapped)
        try:
            prepare = backend_with_short_silence(tmp_path / "customer" / "grant-signing-key.pem")
            alice = Callers(browser, running).enter("alice", prepare=prepare)
            # Waits at the page: its requests are answered meanwhile.
            alice.page.wait_for_selector('[data-sealing="sealed"]')
            peer = eventually("alice sends", lambda: {packet.peer for packet in _packets(running)})
            yield Cut(alice, between, *peer)
        finally:
            browser.close()


def backend_with_short_silence(key_file: Path) -> Callable[[Page], None]:
    """The customer's backend as it answers this page: its grants have a `max_key_silence` of `SILENCE`."""

    def signed(grant: str) -> str:
        claims = read_grant(grant).claims
        signer = GrantSigner(claims.iss, claims.aud, claims.auk, signing_key(key_file))
        return signer.sign(
            sdk_app_id=claims.app, room=RoomId(claims.room.kind, claims.room.id), user_id=claims.sub,
            role=claims.role, now=claims.iat, life=claims.exp - claims.iat, max_key_silence=SILENCE,
        )  # fmt: skip

    def answer(route: Route) -> None:
        response = route.fetch()
        tokens = msgspec.json.decode(response.body())
        tokens["grant"] = signed(tokens["grant"])
        route.fulfill(response=response, body=msgspec.json.encode(tokens))

    def prepare(page: Page) -> None:
        for path in ("tokens", "grants"):
            page.route(f"**/api/{path}", answer)

    return prepare


@pytest.mark.parametrize("mended", [Relay.release, Relay.break_off])
def test_a_sender_who_hears_nothing_of_the_authority_stops_in_time_and_goes_on_when_the_line_is_back(
    mended: Callable[[Relay], None], cut: Cut, callers: Callers, running: Deployment
) -> None:
    alice, bob = cut.alice, callers.enter("bob")
    bob.sees(alice)
    alice.sees(bob)
    for one in (alice, bob):
        one.shows_people()
    words = eventually("both read the same words", lambda: _shared(alice.words(), bob.words()))
    keys = _key_ids(running, cut.peer)
    cut.between.cut()
    bound = time.monotonic() + SILENCE + IN_FLIGHT
    alice.page.wait_for_selector('[data-sealing="paused"]')
    eventually("the bound has passed", lambda: time.monotonic() > bound)
    stopped = len(_packets(running, cut.peer))
    _grows(running, cut.peer, others=True)
    assert len(_packets(running, cut.peer)) == stopped, "alice went on sending"
    mended(cut.between)
    alice.page.wait_for_selector('[data-sealing="sealed"]')
    _grows(running, cut.peer, others=False)
    bob.sees(alice)
    alice.sees(bob)
    assert alice.words() == bob.words() == words
    assert _key_ids(running, cut.peer) == keys, "nobody came or went, so no key had to change"


def _packets(running: Deployment, peer: int | None = None) -> list[dump.Packet]:
    """All that the operator accepted, or what it accepted of one peer."""
    found = dump.packets(running.sink) if running.sink.exists() else iter(())
    return [packet for packet in found if peer is None or packet.peer == peer]


def _grows(running: Deployment, peer: int, *, others: bool) -> None:
    """Waits for a good second's packets of `peer`, or of everybody else."""

    def count() -> int:
        return sum((packet.peer == peer) != others for packet in _packets(running))

    before = count()
    eventually("media flows on", lambda: count() > before + 100)


def _key_ids(running: Deployment, peer: int) -> set[int]:
    headers = map(dump.sframe_header, dump.frames(_packets(running, peer)))
    return {header.kid >> 20 for header in headers if header is not None}


def _shared(*read: list[str]) -> list[str] | None:
    return read[0] if read[0] and all(words == read[0] for words in read) else None

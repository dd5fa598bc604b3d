# SPDX-License-Identifier: Apache-2.0
"""Samples of clients without a browser, told to an operator that asks."""

import asyncio
import itertools
import sys
from pathlib import Path

from customer.tests.client.call import entry, member, sending
from sealroom_wire.reports import Sample
from sealroom_wire.signalling import Track
from tests.browser import listening_operator
from tests.deployment import Deployment, deployment


def picture(number: int, _layer: int) -> bytes:
    """The frame tag of a key frame of VP8, or of another, and something to fill it."""
    return (b"\x10" if number % 10 == 0 else b"\x11") + bytes(1_500)


def samples(told: Path, user: str) -> list[Sample]:
    return [one.sample for one in listening_operator.read(told) if one.user == user and one.sample]


async def test_a_client_tells_what_it_sends_and_receives(tmp_path: Path) -> None:
    told = tmp_path / "told.jsonl"
    operator = (sys.executable, listening_operator.__file__, str(told))
    with deployment(tmp_path, operator=operator) as running:
        async with asyncio.timeout(60):
            await _call(running, told)
    assert b"bob" not in told.read_bytes().replace(b'"user":"bob"', b"")


async def _call(running: Deployment, told: Path) -> None:
    async with (
        member(await entry(running, "alice", "told")) as alice,
        member(await entry(running, "bob", "told")) as bob,
    ):
        await alice.client.publish("main")
        await bob.appeared("alice")
        await bob.client.watch("alice")
        async with sending(alice, "main", "vp8", picture):
            await bob.gets("alice", 5)
            while not any(one.received for one in samples(told, "bob")):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.1)
        sent = next(one for one in samples(told, "alice") if one.sent)
        (main,) = sent.sent
        assert (main.track, main.layer) == (Track.MAIN, 0)
        assert 0 < main.bit_rate <= (sent.up_rate or 0)
        assert main.frame_rate
        assert sent.sealing is not None
        assert sent.sealing.sealed > 0
        assert sent.cpu is not None
        assert 10 < (sent.memory or 0) < 10_000
        received = next(one for one in samples(told, "bob") if one.received)
        assert received.connected
        (stream,) = received.received
        assert 0 < stream.bit_rate <= (received.down_rate or 0)
        offsets = [one.at for one in samples(told, "bob")]
        assert all(earlier < later for earlier, later in itertools.pairwise(offsets))

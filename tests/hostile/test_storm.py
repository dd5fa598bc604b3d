# SPDX-License-Identifier: Apache-2.0
"""Malformed input on the wire from other addresses while a call goes on: 1,000 of each kind. The call does not notice, memory stays
flat, and each kind is counted by its reason."""

import asyncio
import contextlib
import random
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sealroom_wire import signalling
from tests.deployment import BIN, Deployment, Process, deployment
from tests.hostile.entering import OFFER, enter_message, entered
from tests.hostile.mutations import mutated
from tests.hostile.stun import binding_request

CASES = 1000
CALL_SECONDS = 25
MOST_GROWTH = 24 << 20
"""Bytes of memory the operator may grow by: caches of a first call, not something kept per datagram."""
CLIENT_HELLO = (
    bytes.fromhex("16fefd000000000000000000420100003600000000000000 36fefd".replace(" ", ""))
    + bytes(32)
    + bytes(20)
)
RTP = bytes.fromhex("806f000100000001deadbeef") + bytes(60)
RTCP = bytes.fromhex("80c90001deadbeef") + bytes(20)
DROPPED = "sealroom_media_dropped_packets_total"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Deployment]:
    with deployment(tmp_path) as both:
        yield both


def flood(address: tuple[str, int], good: bytes, source: random.Random, from_address: str) -> None:
    """Sends `CASES` faulty datagrams from another loopback address, in bursts that fit a receive buffer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        attacker.bind((from_address, 0))
        for _ in range(CASES):
            attacker.sendto(mutated(source, good)[:1400], address)


async def refused_messages(endpoint: str, messages: list[bytes]) -> int:
    """Says each message on a line of its own; returns how many were answered by a refusal and a close."""
    limit = asyncio.Semaphore(16)
    refused = 0

    async def one(message: bytes) -> None:
        nonlocal refused
        async with limit:
            with contextlib.suppress(ConnectionClosed, OSError, TimeoutError):
                async with connect(endpoint, compression=None) as line, asyncio.timeout(10):
                    await line.send(message.decode("utf-8", "replace"))
                    answer = msgspec.json.decode(await line.recv(), type=signalling.ServerMessage)
                    refused += isinstance(answer, signalling.Refused)

    async with asyncio.TaskGroup() as tasks:
        for message in messages:
            tasks.create_task(one(message))
    return refused


async def test_a_call_goes_on_through_a_storm(running: Deployment, tmp_path: Path) -> None:
    application = running.application()
    source = random.Random(20261123)
    call = Process.start(
        "call", str(BIN / "sealroom-customer"), "demo", "--operator", str(running.hand_over),
        "--state", str(tmp_path / "call"), "--port", "0", "--check", str(CALL_SECONDS),
    )  # fmt: skip
    try:
        call.wait_for(re.compile("two members enter"))
        async with entered(application, "storm", "attacker") as (_, got):
            media = next((address, port) for address, port in got.addresses if address == "127.0.0.1")
            good_stun = binding_request(f"{got.ufrag}:atkr", got.password)
            before, memory = counted(running), running.operator.memory()
            for place, good in enumerate((good_stun, CLIENT_HELLO, RTP, RTCP)):
                await asyncio.to_thread(flood, media, good, source, f"127.0.0.{2 + place}")
        offers = [
            enter_message(application, "storm", "u1", mutated(source, OFFER.encode()).decode("latin-1"))
            for _ in range(CASES)
        ]
        texts = [mutated(source, enter_message(application, "storm", "u2")) for _ in range(CASES)]
        refused_offers = await refused_messages(str(application["endpoint"]), offers)
        refused_texts = await refused_messages(str(application["endpoint"]), texts)
        grown = running.operator.memory() - memory
        code = await asyncio.to_thread(call.child.wait, 60)
    finally:
        call.stop()
    assert code == 0, "\n".join(call.lines[-30:])
    after = counted(running)
    assert sum(after.values()) - sum(before.values()) >= 3 * CASES, (before, after)
    assert len([reason for reason in after if after[reason] > before.get(reason, 0)]) >= 3, after
    # Some faults leave an offer or a message good, or lie where nobody looks.
    assert refused_offers > CASES // 4
    assert refused_texts > CASES // 2
    assert grown < MOST_GROWTH


def counted(running: Deployment) -> dict[str, float]:
    """What the operator's engine refused so far, by reason."""
    text = running.metrics()
    return {
        reason: float(count)
        for reason, count in re.findall(rf'^{DROPPED}{{reason="(\w+)"}} (\S+)$', text, re.M)
    }

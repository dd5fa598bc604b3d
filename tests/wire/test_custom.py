# SPDX-License-Identifier: Apache-2.0
"""Custom messages and the operator's record between two real clients, over a real operator and a real authority."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from sealroom_customer.bots.tokens import TokenSource
from sealroom_customer.client import Client, ClientFault, CustomMessage, FrameRefused, RosterChanged
from sealroom_customer.client.events import Event
from sealroom_wire import signalling
from sealroom_wire.base64url import b64u, from_b64u
from tests.deployment import Deployment, deployment

E = TypeVar("E", bound=Event)
ROOM = "messages"


async def next_of(client: Client, kind: type[E], fits: Callable[[E], bool] = lambda _: True) -> E:
    """The next event of a kind."""
    async with asyncio.timeout(30):
        async for event in client.events():
            if isinstance(event, kind) and fits(event):
                return event
    raise AssertionError("the client ended")


@asynccontextmanager
async def pair(running: Deployment) -> AsyncIterator[tuple[Client, Client]]:
    """Alice and bob, each of whom has the other on the roster and its keys."""
    async with AsyncExitStack() as stack:
        source = TokenSource(running.page)
        both = [
            await stack.enter_async_context(Client.enter(await source.entry(name, ROOM)))
            for name in ("alice", "bob")
        ]
        for one in both:
            await next_of(one, RosterChanged, lambda event: len(event.members) == 2)
        yield both[0], both[1]


async def send(client: Client, command: int, data: bytes) -> None:
    """Sends as soon as there is a key."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await client.send_custom(command, data)
            except ClientFault as fault:
                assert fault.code == "no_key"  # noqa: PT017 - any other is a failure
                await asyncio.sleep(0.02)


async def test_messages_pass_sealed_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with deployment(tmp_path) as running:
        async with pair(running) as (alice, bob):
            passed: list[tuple[str, str]] = []
            take = bob._custom.take

            def tampered_first(user: str, text: str) -> None:
                """As an operator could, who holds the message back until it has tried this."""
                passed.append((user, text))
                sealed = from_b64u(text)
                take(user, b64u(sealed[:-1] + bytes([sealed[-1] ^ 1])))
                take("bob", text)
                take(user, text)
                take(user, text)

            monkeypatch.setattr(bob._custom, "take", tampered_first)
            await send(alice, 7, b"first")
            told = [await next_of(bob, FrameRefused), await next_of(bob, FrameRefused)]
            # The one that was changed may have waited for its key; who it is not of is told at once.
            assert {one.reason for one in told} == {"bad_tag", "wrong_sender"}
            assert await next_of(bob, CustomMessage) == CustomMessage("alice", 7, 1, b"first")
            assert (await next_of(bob, FrameRefused)).reason == "replay"
            assert [user for user, _ in passed] == ["alice"]
            assert b"first" not in from_b64u(passed[0][1])
            assert [bob.stats()[f"refused_{reason}"] for reason in ("bad_tag", "wrong_sender", "replay")] == [
                1,
                1,
                1,
            ]
            monkeypatch.setattr(bob._custom, "take", take)

            # What a client could do that does not seal, and what it may not send.
            session = alice._sessions.now
            assert session is not None
            with pytest.raises(ClientFault, match="custom_message_not_sealed"):
                await session.ask(
                    lambda number: signalling.SendCustom(number, "AAEAAAABaGVsbG8"), signalling.Done
                )
            for command, data, code in ((11, b"", "malformed"), (1, bytes(1025), "too_large")):
                with pytest.raises(ClientFault, match=f"custom_message_{code}"):
                    await alice.send_custom(command, data)
            await send(alice, 7, b"last")
            assert await next_of(bob, CustomMessage) == CustomMessage("alice", 7, 2, b"last")

            record = await bob.record()
            assert (record.counts.custom_messages, record.counts.custom_bytes) == (2, 9)
            assert {one.user_id for one in record.participants} == {"alice", "bob"}
            assert [one.address for one in record.participants] == ["127.0.0.1", None]
            refused = await asyncio.gather(*(bob.record() for _ in range(10)), return_exceptions=True)
            assert any(isinstance(one, ClientFault) and one.code == "too_many_records" for one in refused)

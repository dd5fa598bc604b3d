# SPDX-License-Identifier: Apache-2.0
"""What the Python face does when the engine's thread fails, or when a listener does."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest

from sealroom.media import _engine, control
from sealroom.media.engine import MediaEngine
from sealroom.media.port import EngineFailure


def read_command(octets: bytes) -> dict[str, Any]:
    """A command's fields, with its name as `type`."""
    ((name, fields),) = msgspec.json.decode(octets, type=dict[str, dict[str, Any]]).items()
    return {"type": name, **fields}


class Thread:
    """A native engine that answers when the test says so."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.events: list[bytes] = []
        self.signal, self.raised = os.pipe()

    def fileno(self) -> int:
        return self.signal

    def send(self, command: bytes) -> None:
        self.sent.append(read_command(command))

    def tell(self, *events: dict[str, Any]) -> None:
        """Lets these events wait to be drained."""
        self.events += [msgspec.json.encode(event) for event in events]
        os.write(self.raised, b"!")

    def drain(self) -> list[bytes]:
        os.read(self.signal, 64)
        waiting, self.events = self.events, []
        return waiting

    def close(self) -> None:
        pass


@pytest.fixture
def thread() -> Iterator[Thread]:
    thread = Thread()
    yield thread
    os.close(thread.signal)
    os.close(thread.raised)


async def test_who_waits_for_an_answer_is_told_at_once_that_the_thread_failed(thread: Thread) -> None:
    heard: list[control.Event] = []
    engine = MediaEngine(cast(_engine.Engine, thread), heard.append)
    waiting = asyncio.create_task(engine.remove_peer(1))
    await asyncio.sleep(0)
    thread.tell({"type": "shard_failed", "shard": 0})
    async with asyncio.timeout(5):  # the time-out for answers is longer
        with pytest.raises(EngineFailure) as failure:
            await waiting
    assert failure.value.code == "engine_closed"
    assert heard == [control.ShardFailed(0)]
    await engine.close()


async def test_an_answer_behind_an_event_that_a_listener_fails_on_is_not_lost(thread: Thread) -> None:
    def fail(event: control.Event) -> None:
        raise ValueError("not prepared for this")

    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    engine = MediaEngine(cast(_engine.Engine, thread), fail)
    waiting = asyncio.create_task(engine.remove_peer(1))
    await asyncio.sleep(0)
    token = thread.sent[0]["token"]
    thread.tell(
        {"type": "closed", "peer": 1, "reason": "consent_lost"},
        {"type": "result", "token": token, "error": None},
    )
    async with asyncio.timeout(5):
        await waiting
    assert [str(context["exception"]) for context in told] == ["not prepared for this"]
    await engine.close()

# SPDX-License-Identifier: Apache-2.0
"""One consumer of a JetStream stream: fetches one message after the other, and is made again where the server lost it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from sealroom.core.bus.connection import RETRY_SECONDS
from sealroom.core.bus.handling import Hearing

IDLE_SECONDS = 2.0
"""One fetch waits that long; then the consumer is looked for. Lower finds a lost one sooner and asks the server more often."""


class Consuming:
    """Feeds a handler. **Only one message is on its way at a time**, whoever else consumes under the name: that keeps the order."""

    def __init__(
        self, client: Client, jetstream: JetStreamContext, stream: str, consumer: str, hearing: Hearing[Any], *,
        make_stream: Callable[[], Awaitable[None]], redelivery: float, absence: float,
    ) -> None:  # fmt: skip
        """`redelivery`: seconds after which the message of a process that is gone comes to another. `absence`: after which a name is forgotten."""
        self._client, self._jetstream = client, jetstream
        self._stream, self._consumer, self._hearing = stream, consumer, hearing
        self._make_stream, self._redelivery, self._absence = make_stream, redelivery, absence
        self._was_there = False

    async def ensure(self) -> None:
        """Makes the consumer, and its stream, where they are not. Raises NatsError."""
        with contextlib.suppress(NotFoundError):
            await self._jetstream.consumer_info(self._stream, self._consumer)
            self._was_there = True
            return
        await self._make_stream()
        # One that the server lost gets all that is there: it may have missed some of it.
        begin = DeliverPolicy.ALL if self._was_there else DeliverPolicy.NEW
        config = ConsumerConfig(
            durable_name=self._consumer, deliver_policy=begin, ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._redelivery, max_ack_pending=1, inactive_threshold=self._absence,
        )  # fmt: skip
        await self._jetstream.add_consumer(self._stream, config)
        self._was_there = True

    async def run(self) -> None:
        """Handles messages for ever."""
        while True:
            with contextlib.suppress(NatsError, OSError):
                await self.ensure()
                await self._run_bound()
            await asyncio.sleep(RETRY_SECONDS)

    async def _run_bound(self) -> None:
        fetching = await self._jetstream.pull_subscribe_bind(self._consumer, self._stream)
        try:
            # What would be asked of a broken connection is asked again, late, of the next.
            while self._client.is_connected:
                try:
                    (message,) = await fetching.fetch(1, timeout=IDLE_SECONDS)
                except NatsTimeout:
                    await self._jetstream.consumer_info(self._stream, self._consumer)
                else:
                    await self._handle(message)
        finally:
            with contextlib.suppress(NatsError):
                await fetching.unsubscribe()

    async def _handle(self, message: Msg) -> None:
        key = message.subject.rpartition(".")[2]
        alive = asyncio.get_running_loop().create_task(self._say_alive(message))
        try:
            await self._hearing.tell_until_done(key, message.data)
        finally:
            alive.cancel()
        await message.ack()

    async def _say_alive(self, message: Msg) -> None:
        """Keeps the message from coming to another while its handler works."""
        while True:
            await asyncio.sleep(self._redelivery / 3)
            with contextlib.suppress(NatsError):
                await message.in_progress()

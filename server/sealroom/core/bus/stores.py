# SPDX-License-Identifier: Apache-2.0
"""What JetStream keeps: streams and their consumers, and the buckets of registries. Each is made when it is first used, and made again
where the server lost it."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError
from nats.js.kv import KeyValue

from sealroom.core.bus.connection import Connection
from sealroom.core.bus.consuming import Consuming
from sealroom.core.bus.handling import Hearing, Running
from sealroom.core.bus.subjects import MAX_MESSAGE_BYTES, Message, Registry, Stream

M = TypeVar("M", bound=Message)
T = TypeVar("T")

DAY_SECONDS = 86_400
MOST_STREAM_BYTES = 64 << 20
MOST_REGISTRY_BYTES = 16 << 20
"""A server sets aside as much for each when it is made, of what it may use in all (`max_file`)."""
_OTHER_CONFIGURATION = 10058
"""For a stream that is there, made by another version of this program."""
_HEADER_BYTES = 1_024


class Streams:
    """The streams that this process publishes to, and its consumers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._made: set[str] = set()
        self._consuming: dict[Running, tuple[str, Consuming]] = {}

    async def put(self, stream: Stream[M], key: str, octets: bytes) -> None:
        """Keeps a message. Raises BusUnavailable and BusFull."""
        place = self._connection.subject("stream", stream.name, key)
        # Tried again it is the same, also where only the answer was lost.
        headers = {"Nats-Msg-Id": uuid.uuid4().hex}

        async def put() -> None:
            if stream.name not in self._made:
                await self._restore(stream)
            await self._connection.jetstream.publish(place, octets, headers=headers)

        await self._connection.patiently(put, lambda: self._made.discard(stream.name))

    async def consume(self, stream: Stream[M], consumer: str, hearing: Hearing[Any]) -> Running:
        """Feeds a handler from now on. Raises BusUnavailable and BusFull."""
        connection = self._connection
        consuming = Consuming(
            connection.client, connection.jetstream, connection.place(stream.name), consumer, hearing,
            make_stream=lambda: self._make(stream), redelivery=connection.settings.redelivery,
            absence=stream.retention.days * DAY_SECONDS,
        )  # fmt: skip
        await connection.patiently(consuming.ensure)
        running = Running(hearing)
        self._consuming[running] = stream.name, consuming
        running.run(consuming.run())
        return running

    async def _make(self, stream: Stream[M]) -> None:
        settings, jetstream = self._connection.settings, self._connection.jetstream
        config = StreamConfig(
            name=self._connection.place(stream.name), subjects=[f"{settings.namespace}.stream.{stream.name}.*"],
            # Gone when every consumer has handled it, and when it is too old.
            retention=RetentionPolicy.INTEREST, max_age=stream.retention.days * DAY_SECONDS,
            max_msgs=settings.most_kept, max_bytes=MOST_STREAM_BYTES, max_msg_size=MAX_MESSAGE_BYTES + _HEADER_BYTES,
            discard=DiscardPolicy.NEW, storage=StorageType.FILE, num_replicas=settings.replicas,
            duplicate_window=120,
        )  # fmt: skip
        try:
            await jetstream.add_stream(config)
        except BadRequestError as error:
            if error.err_code != _OTHER_CONFIGURATION:
                raise
            await jetstream.update_stream(config)
        self._made.add(stream.name)

    async def _restore(self, stream: Stream[M]) -> None:
        """Makes a stream, and the consumers of this process before anything is published that they must not miss."""
        await self._make(stream)
        self._consuming = {running: of for running, of in self._consuming.items() if not running.closed}
        for name, consuming in self._consuming.values():
            if name == stream.name:
                await consuming.ensure()


class Buckets:
    """Where the entries of registries lie."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, KeyValue] = {}

    async def use(self, registry: Registry[M], work: Callable[[KeyValue], Awaitable[T]]) -> T:
        """Does something with a registry's bucket, made anew where it fails. Raises BusUnavailable and BusFull."""

        async def done() -> T:
            return await work(await self._of(registry))

        return await self._patiently(registry, done)

    async def make(self, registry: Registry[M]) -> None:
        """Makes a registry's bucket where there is none. Raises BusUnavailable and BusFull."""
        await self._patiently(registry, lambda: self._of(registry))

    async def again(self, registry: Registry[M]) -> KeyValue:
        """A registry's bucket, looked for although it is known. Raises NatsError."""
        self._known.pop(registry.name, None)
        return await self._of(registry)

    async def _patiently(self, registry: Registry[M], work: Callable[[], Awaitable[T]]) -> T:
        return await self._connection.patiently(work, lambda: self._known.pop(registry.name, None))

    async def _of(self, registry: Registry[M]) -> KeyValue:
        if (known := self._known.get(registry.name)) is not None:
            return known
        made = await self._connection.jetstream.create_key_value(
            bucket=self._connection.place(registry.name), history=1, ttl=registry.seconds, limit_marker_ttl=registry.seconds,
            max_bytes=MOST_REGISTRY_BYTES, max_value_size=MAX_MESSAGE_BYTES, storage=StorageType.FILE,
            replicas=self._connection.settings.replicas, direct=True,
        )  # fmt: skip
        self._known[registry.name] = made
        return made

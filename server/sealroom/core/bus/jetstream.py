# SPDX-License-Identifier: Apache-2.0
"""The bus over NATS with JetStream, for a site of more than one process. Needs NATS 2.11 or newer."""

import contextlib
from typing import TypeVar

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeout
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from sealroom.catalogue import Catalogue
from sealroom.core.bus.connection import Connection, NatsSettings, unavailable
from sealroom.core.bus.errors import NobodyAnswered
from sealroom.core.bus.handling import Answering, Hearing, Running, Watching, read_answer
from sealroom.core.bus.port import Handler, Server, Watcher
from sealroom.core.bus.stores import Buckets, Streams
from sealroom.core.bus.subjects import (
    EVERYTHING,
    Message,
    Question,
    Registry,
    Stream,
    Topic,
    decoded,
    demand_declared,
    demand_key,
    encoded,
)
from sealroom.core.bus.watching import follow
from sealroom.core.clock import Clock

M = TypeVar("M", bound=Message)
Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class NatsBus:
    """See the port. Made by `connect`."""

    def __init__(self, connection: Connection, catalogue: Catalogue, clock: Clock) -> None:
        self._connection, self._catalogue, self._clock = connection, catalogue, clock
        self._streams, self._buckets = Streams(connection), Buckets(connection)
        self._running: list[Running] = []

    @classmethod
    async def connect(cls, settings: NatsSettings, catalogue: Catalogue, clock: Clock) -> "NatsBus":
        """Connects; from then on it connects again by itself.

        Raises:
            BusUnavailable: no server is reached, lets us in, or is new enough.
        """
        connection = Connection(settings)
        await connection.open()
        return cls(connection, catalogue, clock)

    async def publish(self, subject: Topic[M] | Stream[M], message: M, *, key: str = EVERYTHING) -> None:
        """See the port."""
        octets = encoded(message, subject.message)
        if isinstance(subject, Stream):
            demand_declared(self._catalogue, subject)
            await self._streams.put(subject, key, octets)
            return
        place = self._connection.subject("topic", subject.name, key)
        self._connection.demand()
        try:
            await self._connection.client.publish(place, octets)
        except (NatsError, OSError) as error:
            raise unavailable(error) from error

    async def subscribe(self, topic: Topic[M], handler: Handler[M], *, key: str | None = None) -> Running:
        """See the port."""
        hearing = Hearing(topic.name, topic.message, handler, self._clock)

        async def heard(message: Msg) -> None:
            await hearing.tell_once(message.subject.rpartition(".")[2], message.data)

        place = self._connection.subject("topic", topic.name, EVERYTHING if key is None else key)
        if key is None:
            place = f"{place.rpartition('.')[0]}.*"
        return self._started(await self._connection.hear(place, heard, hearing=hearing))

    async def consume(self, stream: Stream[M], consumer: str, handler: Handler[M]) -> Running:
        """See the port."""
        demand_declared(self._catalogue, stream)
        hearing = Hearing(stream.name, stream.message, handler, self._clock)
        return self._started(await self._streams.consume(stream, demand_key(consumer), hearing))

    async def request(
        self, question: Question[Q, A], message: Q, *, seconds: float, key: str = EVERYTHING
    ) -> A:
        """See the port."""
        place = self._connection.subject("question", question.name, key)
        octets = encoded(message, question.message)
        self._connection.demand()
        try:
            answer = await self._connection.client.request(place, octets, timeout=seconds)
        except (NoRespondersError, NatsTimeout) as error:
            raise NobodyAnswered(f"{question.name} ({type(error).__name__}).") from None
        except (NatsError, OSError) as error:
            raise unavailable(error) from error
        return read_answer(answer.data or None, question)

    async def serve(
        self, question: Question[Q, A], server: Server[Q, A], *, key: str = EVERYTHING
    ) -> Running:
        """See the port."""
        answering = Answering(question, server)

        async def asked(message: Msg) -> None:
            async def respond(answer: bytes | None) -> None:
                with contextlib.suppress(NatsError):
                    # Nothing that is said is empty: that stands for a failure.
                    await message.respond(answer or b"")

            await answering.admit()
            answering.start(demand_key(key), message.data, respond)

        place = self._connection.subject("question", question.name, key)
        return self._started(await self._connection.hear(place, asked, queue="servers", end=answering.close))

    async def keep(self, registry: Registry[M], key: str, message: M) -> None:
        """See the port."""
        demand_declared(self._catalogue, registry)
        octets = encoded(message, registry.message)
        await self._buckets.use(registry, lambda bucket: bucket.put(demand_key(key), octets))

    async def forget(self, registry: Registry[M], key: str) -> None:
        """See the port."""
        demand_declared(self._catalogue, registry)
        await self._buckets.use(registry, lambda bucket: bucket.delete(demand_key(key)))

    async def get(self, registry: Registry[M], key: str) -> M | None:
        """See the port."""
        demand_declared(self._catalogue, registry)
        demand_key(key)

        async def read(bucket: KeyValue) -> bytes | None:
            try:
                # Of an entry that died there is a marker without content.
                return (await bucket.get(key)).value or None
            except KeyNotFoundError:
                return None

        octets = await self._buckets.use(registry, read)
        return None if octets is None else decoded(octets, registry.message)

    async def watch(self, registry: Registry[M], watcher: Watcher[M]) -> Running:
        """See the port."""
        demand_declared(self._catalogue, registry)
        watching = Watching(registry.name, registry.message, watcher)
        await self._buckets.make(registry)
        running = Running(watching)
        running.run(watching.run())
        running.run(follow(lambda: self._buckets.again(registry), lambda: self._connection.count, watching))
        return self._started(running)

    async def works(self) -> bool:
        """See the port."""
        if not self._connection.client.is_connected:
            return False
        try:
            await self._connection.jetstream.account_info()
        except (NatsError, OSError):
            return False
        return True

    async def close(self) -> None:
        """See the port."""
        for running in self._running:
            await running.close()
        await self._connection.close()

    def _started(self, running: Running) -> Running:
        self._running = [one for one in self._running if not one.closed] + [running]
        return running

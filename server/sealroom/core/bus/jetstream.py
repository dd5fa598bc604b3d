# SPDX-License-Identifier: Apache-2.0
"""The bus over NATS with JetStream, for a site of more than one process. Needs NATS 2.11 or newer.

Streams and registries are made when they are first used, and made again where the server lost them; consumers with them. Everything
bears the site's namespace, so that two sites never hear each other even at one server.
"""

import asyncio
import contextlib
import ssl
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from nats.errors import ConnectionClosedError, NoRespondersError, SlowConsumerError
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, BadRequestError, KeyNotFoundError
from nats.js.kv import KeyValue

from sealroom.catalogue import Catalogue
from sealroom.core.bus.consuming import Consuming
from sealroom.core.bus.errors import BusFull, BusUnavailable, NobodyAnswered
from sealroom.core.bus.handling import (
    MAX_WAITING,
    Answering,
    Hearing,
    Running,
    Watching,
    end_tasks,
    read_answer,
)
from sealroom.core.bus.port import Handler, Server, Watcher
from sealroom.core.bus.subjects import (
    EVERYTHING,
    MAX_KEPT_MESSAGES,
    MAX_MESSAGE_BYTES,
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
from sealroom.core.logging import get_logger

M = TypeVar("M", bound=Message)
Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)
T = TypeVar("T")

_log = get_logger()

DAY_SECONDS = 86_400
MOST_STREAM_BYTES = 64 << 20
MOST_REGISTRY_BYTES = 16 << 20
"""A server sets aside as much for each when it is made, of what it may use in all (`max_file`)."""
_RETRY_SECONDS = 0.2
_FULL = frozenset({10077, 10023})
"""JetStream's error codes for a stream that takes no more (JSStreamStoreFailedF), and for a server whose disk does not."""
_OTHER_CONFIGURATION = 10058
"""For a stream that is there, made by another version of this program."""
_HEADER_BYTES = 1_024
_OLDEST = (2, 11)
"""Earlier servers let entries of a registry die without telling anybody."""


@dataclass(frozen=True)
class NatsSettings:
    """Where the site's bus is, and how it is used."""

    servers: tuple[str, ...]
    """As `tls://nats-1.internal:4222`."""
    namespace: str
    """Of the site; a single word."""
    user: str = ""
    password: str = field(default="", repr=False)
    trust: ssl.SSLContext | None = None
    """Whose certificates are believed; None: the system's."""
    patience: float = 10.0
    """Seconds that keeping something is tried for. A cluster that lost its leader needs up to seven."""
    redelivery: float = 10.0
    """Seconds after which the message of a consumer that is gone comes to the next."""
    most_kept: int = MAX_KEPT_MESSAGES
    """Messages of one stream that a consumer may be behind."""
    replicas: int = 1
    """Servers that keep each stream and registry: 3 in a cluster of three."""


class _Encrypted(Client):
    """A client that says who we are to nobody in the clear. The library encrypts where the server asks for it, and only the server's
    first line, which is not encrypted yet, says whether it does.
    """

    def _connect_command(self) -> bytes:
        server = self._current_server
        if (server is None or server.uri.scheme == "tls") and not self._server_info.get("tls_required"):
            raise NatsError("the server does not encrypt")
        return super()._connect_command()


class NatsBus:
    """See the port. Made by `connect`."""

    def __init__(self, settings: NatsSettings, catalogue: Catalogue, clock: Clock) -> None:
        self._settings, self._catalogue, self._clock = settings, catalogue, clock
        self._client = _Encrypted()
        self._jetstream: JetStreamContext = self._client.jetstream(timeout=2.0)
        self._streams: set[str] = set()
        self._buckets: dict[str, KeyValue] = {}
        self._hearings: dict[NatsSubscription, Hearing[Any]] = {}
        self._consuming: dict[Running, tuple[str, Consuming]] = {}
        self._running: list[Running] = []
        self._connections = 0
        self._fault: Exception | None = None

    @classmethod
    async def connect(cls, settings: NatsSettings, catalogue: Catalogue, clock: Clock) -> "NatsBus":
        """Connects; from then on it connects again by itself.

        Raises:
            BusUnavailable: no server is reached, lets us in, or is new enough.
        """
        demand_key(settings.namespace)
        bus = cls(settings, catalogue, clock)
        try:
            # The client would try for ever.
            async with asyncio.timeout(settings.patience):
                await bus._client.connect(
                    list(settings.servers), user=settings.user or None, password=settings.password or None,
                    tls=settings.trust, connect_timeout=2, reconnect_time_wait=cast("int", 0.2), max_reconnect_attempts=-1,
                    ping_interval=5, allow_reconnect=True, name=f"sealroom {settings.namespace}",
                    error_cb=bus._heard_error, disconnected_cb=bus._lost, reconnected_cb=bus._found,
                )  # fmt: skip
        except (NatsError, OSError, TimeoutError) as error:
            await bus._disconnect()
            cause = bus._fault or error
            raise BusUnavailable(f"no server of it is reached ({type(cause).__name__}).") from cause
        version = bus._client.connected_server_version
        if (version.major, version.minor) < _OLDEST:
            await bus.close()
            raise BusUnavailable(f"its server is NATS {version.major}.{version.minor}; 2.11 is needed.")
        return bus

    async def publish(self, subject: Topic[M] | Stream[M], message: M, *, key: str = EVERYTHING) -> None:
        """See the port."""
        octets = encoded(message, subject.message)
        if isinstance(subject, Topic):
            place = self._subject("topic", subject.name, key)
            self._demand_connection()
            try:
                await self._client.publish(place, octets)
            except (NatsError, OSError) as error:
                raise _unavailable(error) from error
            return
        demand_declared(self._catalogue, subject)
        place = self._subject("stream", subject.name, key)
        # Tried again it is the same, also where only the answer was lost.
        headers = {"Nats-Msg-Id": uuid.uuid4().hex}

        async def put() -> None:
            if subject.name not in self._streams:
                await self._restore(subject)
            await self._jetstream.publish(place, octets, headers=headers)

        await self._patiently(put, lambda: self._streams.discard(subject.name))

    async def subscribe(self, topic: Topic[M], handler: Handler[M], *, key: str | None = None) -> Running:
        """See the port."""
        hearing = Hearing(topic.name, topic.message, handler, self._clock)

        async def heard(message: Msg) -> None:
            await hearing.tell_once(message.subject.rpartition(".")[2], message.data)

        place = self._subject("topic", topic.name, EVERYTHING if key is None else key)
        if key is None:
            place = f"{place.rpartition('.')[0]}.*"
        return await self._hear(place, heard, hearing=hearing)

    async def consume(self, stream: Stream[M], consumer: str, handler: Handler[M]) -> Running:
        """See the port."""
        demand_declared(self._catalogue, stream)
        demand_key(consumer)
        hearing = Hearing(stream.name, stream.message, handler, self._clock)
        consuming = Consuming(
            self._client, self._jetstream, self._place(stream.name), consumer, hearing,
            make_stream=lambda: self._make_stream(stream), redelivery=self._settings.redelivery,
            absence=stream.retention.days * DAY_SECONDS,
        )  # fmt: skip
        await self._patiently(consuming.ensure)
        running = Running(hearing)
        self._consuming[running] = stream.name, consuming
        running.run(consuming.run())
        return self._started(running)

    async def request(
        self, question: Question[Q, A], message: Q, *, seconds: float, key: str = EVERYTHING
    ) -> A:
        """See the port."""
        place, octets = self._subject("question", question.name, key), encoded(message, question.message)
        self._demand_connection()
        try:
            answer = await self._client.request(place, octets, timeout=seconds)
        except (NoRespondersError, NatsTimeout) as error:
            raise NobodyAnswered(f"{question.name} ({type(error).__name__}).") from None
        except (NatsError, OSError) as error:
            raise _unavailable(error) from error
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

        return await self._hear(
            self._subject("question", question.name, key), asked, queue="servers", end=answering.close
        )

    async def keep(self, registry: Registry[M], key: str, message: M) -> None:
        """See the port."""
        demand_declared(self._catalogue, registry)
        octets = encoded(message, registry.message)
        await self._with_bucket(registry, lambda bucket: bucket.put(demand_key(key), octets))

    async def forget(self, registry: Registry[M], key: str) -> None:
        """See the port."""
        demand_declared(self._catalogue, registry)
        await self._with_bucket(registry, lambda bucket: bucket.delete(demand_key(key)))

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

        octets = await self._with_bucket(registry, read)
        return None if octets is None else decoded(octets, registry.message)

    async def watch(self, registry: Registry[M], watcher: Watcher[M]) -> Running:
        """See the port."""
        demand_declared(self._catalogue, registry)
        watching = Watching(registry.name, registry.message, watcher)
        await self._patiently(lambda: self._bucket(registry), lambda: self._buckets.pop(registry.name, None))

        async def bucket() -> KeyValue:
            self._buckets.pop(registry.name, None)
            return await self._bucket(registry)

        running = Running(watching)
        running.run(watching.run())
        running.run(follow(bucket, lambda: self._connections, watching))
        return self._started(running)

    async def works(self) -> bool:
        """See the port."""
        if not self._client.is_connected:
            return False
        try:
            await self._jetstream.account_info()
        except (NatsError, OSError):
            return False
        return True

    async def close(self) -> None:
        """See the port."""
        for running in self._running:
            await running.close()
        with contextlib.suppress(NatsError, OSError):
            if self._client.is_connected:
                await self._settle()
        await self._disconnect()

    async def _settle(self) -> None:
        """Returns when the server has taken in all that was sent. Raises NatsError.

        The client's PING overtakes what it holds in its buffer, and sends that off: only a second one comes after it.
        """
        for _ in range(2):
            await self._client.flush(timeout=2)

    async def _disconnect(self) -> None:
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            async with asyncio.timeout(5):
                await self._client.close()
        # Closed while it looked for a server, the client may look on for ever.
        looking = self._client._reconnection_task
        await end_tasks([looking] if looking is not None else [])

    def _subject(self, kind: str, name: str, key: str) -> str:
        return f"{self._settings.namespace}.{kind}.{name}.{demand_key(key)}"

    def _place(self, name: str) -> str:
        """The name of a stream or bucket."""
        return f"{self._settings.namespace}_{name}"

    async def _hear(
        self, subject: str, heard: Callable[[Msg], Awaitable[None]], *, queue: str = "",
        hearing: Hearing[Any] | None = None, end: Callable[[], Awaitable[None]] | None = None,
    ) -> Running:  # fmt: skip
        self._demand_connection()
        try:
            told = await self._client.subscribe(subject, queue, heard, pending_msgs_limit=MAX_WAITING)
            await self._settle()
        except (NatsError, OSError) as error:
            raise _unavailable(error) from error
        if hearing is not None:
            self._hearings[told] = hearing

        async def stop() -> None:
            self._hearings.pop(told, None)
            with contextlib.suppress(NatsError):
                await told.unsubscribe()
            if end is not None:
                await end()

        return self._started(Running(hearing, stop))

    async def _make_stream(self, stream: Stream[M]) -> None:
        config = StreamConfig(
            name=self._place(stream.name), subjects=[f"{self._settings.namespace}.stream.{stream.name}.*"],
            # Gone when every consumer has handled it, and when it is too old.
            retention=RetentionPolicy.INTEREST, max_age=stream.retention.days * DAY_SECONDS,
            max_msgs=self._settings.most_kept, max_bytes=MOST_STREAM_BYTES, max_msg_size=MAX_MESSAGE_BYTES + _HEADER_BYTES,
            discard=DiscardPolicy.NEW, storage=StorageType.FILE, num_replicas=self._settings.replicas,
            duplicate_window=120,
        )  # fmt: skip
        try:
            await self._jetstream.add_stream(config)
        except BadRequestError as error:
            if error.err_code != _OTHER_CONFIGURATION:
                raise
            await self._jetstream.update_stream(config)
        self._streams.add(stream.name)

    async def _restore(self, stream: Stream[M]) -> None:
        """Makes a stream, and the consumers of this process before anything is published that they must not miss."""
        await self._make_stream(stream)
        self._consuming = {running: of for running, of in self._consuming.items() if not running.closed}
        for name, consuming in self._consuming.values():
            if name == stream.name:
                await consuming.ensure()

    async def _bucket(self, registry: Registry[M]) -> KeyValue:
        if (known := self._buckets.get(registry.name)) is not None:
            return known
        made = await self._jetstream.create_key_value(
            bucket=self._place(registry.name), history=1, ttl=registry.seconds, limit_marker_ttl=registry.seconds,
            max_bytes=MOST_REGISTRY_BYTES, max_value_size=MAX_MESSAGE_BYTES, storage=StorageType.FILE,
            replicas=self._settings.replicas, direct=True,
        )  # fmt: skip
        self._buckets[registry.name] = made
        return made

    async def _with_bucket(self, registry: Registry[M], use: Callable[[KeyValue], Awaitable[T]]) -> T:
        async def work() -> T:
            return await use(await self._bucket(registry))

        return await self._patiently(work, lambda: self._buckets.pop(registry.name, None))

    async def _patiently(
        self, work: Callable[[], Awaitable[T]], failed: Callable[[], object] = lambda: None
    ) -> T:
        """Tries until it succeeds or patience ends. `failed` forgets what may have been lost with the server."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.patience
        while True:
            try:
                if not self._client.is_connected:
                    raise ConnectionClosedError
                return await work()
            except (NatsError, OSError) as error:
                if isinstance(error, APIError) and error.err_code in _FULL:
                    raise BusFull("a consumer is too far behind.") from None
                failed()
                if self._client.is_closed or loop.time() + _RETRY_SECONDS > end:
                    raise _unavailable(error) from error
            await asyncio.sleep(_RETRY_SECONDS)

    def _demand_connection(self) -> None:
        if not self._client.is_connected:
            raise _unavailable(ConnectionClosedError())

    def _started(self, running: Running) -> Running:
        self._running = [one for one in self._running if not one.closed] + [running]
        return running

    async def _heard_error(self, error: Exception) -> None:
        self._fault = error
        if isinstance(error, SlowConsumerError) and (hearing := self._hearings.get(error.sub)) is not None:
            hearing.drop()

    async def _lost(self) -> None:
        if not self._client.is_closed:
            _log.warning("bus_lost")

    async def _found(self) -> None:
        self._connections += 1
        _log.info("bus_found_again")


def _unavailable(error: BaseException) -> BusUnavailable:
    code = f" {error.err_code}" if isinstance(error, APIError) and error.err_code else ""
    return BusUnavailable(f"{type(error).__name__}{code}.")

# SPDX-License-Identifier: Apache-2.0
"""This process's connection to the servers of NATS: made once, and made again by the client whenever it is lost."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from nats.errors import ConnectionClosedError, SlowConsumerError
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from sealroom.core.bus.errors import BusFull, BusUnavailable
from sealroom.core.bus.handling import MAX_WAITING, Hearing, Running, end_tasks
from sealroom.core.bus.subjects import MAX_KEPT_MESSAGES, demand_key
from sealroom.core.logging import get_logger

T = TypeVar("T")

_log = get_logger()

RETRY_SECONDS = 0.2
"""Between attempts while the bus is gone."""
_FULL = frozenset({10077, 10023})
"""JetStream's error codes for a stream that takes no more (JSStreamStoreFailedF), and for a server whose disk does not."""
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


class Connection:
    """Everything on it bears the site's namespace, so that two sites never hear each other even at one server."""

    def __init__(self, settings: NatsSettings) -> None:
        """Raises ValueError for a namespace that is no single word."""
        demand_key(settings.namespace)
        self.settings = settings
        self.client: Client = _Encrypted()
        self.jetstream: JetStreamContext = self.client.jetstream(timeout=2.0)
        self.count = 0
        """Times that it was made again."""
        self._hearings: dict[NatsSubscription, Hearing[Any]] = {}
        self._fault: Exception | None = None

    async def open(self) -> None:
        """Connects. Raises BusUnavailable where no server is reached, lets us in, or is new enough."""
        settings = self.settings
        try:
            # The client would try for ever.
            async with asyncio.timeout(settings.patience):
                await self.client.connect(
                    list(settings.servers), user=settings.user or None, password=settings.password or None,
                    tls=settings.trust, connect_timeout=2, reconnect_time_wait=cast("int", 0.2), max_reconnect_attempts=-1,
                    ping_interval=5, allow_reconnect=True, name=f"sealroom {settings.namespace}",
                    error_cb=self._heard_error, disconnected_cb=self._lost, reconnected_cb=self._found,
                )  # fmt: skip
        except (NatsError, OSError, TimeoutError) as error:
            await self._disconnect()
            cause = self._fault or error
            raise BusUnavailable(f"no server of it is reached ({type(cause).__name__}).") from cause
        version = self.client.connected_server_version
        if (version.major, version.minor) < _OLDEST:
            await self.close()
            raise BusUnavailable(f"its server is NATS {version.major}.{version.minor}; 2.11 is needed.")

    def subject(self, kind: str, name: str, key: str) -> str:
        """Where something is said. Raises ValueError for a key that is none."""
        return f"{self.settings.namespace}.{kind}.{name}.{demand_key(key)}"

    def place(self, name: str) -> str:
        """The name of a stream or bucket."""
        return f"{self.settings.namespace}_{name}"

    def demand(self) -> None:
        """Raises BusUnavailable while it is lost."""
        if not self.client.is_connected:
            raise unavailable(ConnectionClosedError())

    async def patiently(
        self, work: Callable[[], Awaitable[T]], failed: Callable[[], object] = lambda: None
    ) -> T:
        """Tries until it succeeds or patience ends. `failed` forgets what may have been lost with the server.

        Raises:
            BusUnavailable: it did not succeed.
            BusFull: JetStream takes no more.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self.settings.patience
        while True:
            try:
                if not self.client.is_connected:
                    raise ConnectionClosedError
                return await work()
            except (NatsError, OSError) as error:
                if isinstance(error, APIError) and error.err_code in _FULL:
                    raise BusFull("a consumer is too far behind.") from None
                failed()
                if self.client.is_closed or loop.time() + RETRY_SECONDS > end:
                    raise unavailable(error) from error
            await asyncio.sleep(RETRY_SECONDS)

    async def hear(
        self, subject: str, heard: Callable[[Msg], Awaitable[None]], *, queue: str = "",
        hearing: Hearing[Any] | None = None, end: Callable[[], Awaitable[None]] | None = None,
    ) -> Running:  # fmt: skip
        """Listens, from when this returns on; `hearing` counts what there was no room for. Raises BusUnavailable."""
        self.demand()
        try:
            told = await self.client.subscribe(subject, queue, heard, pending_msgs_limit=MAX_WAITING)
            await self._settle()
        except (NatsError, OSError) as error:
            raise unavailable(error) from error
        if hearing is not None:
            self._hearings[told] = hearing

        async def stop() -> None:
            self._hearings.pop(told, None)
            with contextlib.suppress(NatsError):
                await told.unsubscribe()
            if end is not None:
                await end()

        return Running(hearing, stop)

    async def close(self) -> None:
        """Ends when the server has taken in what was sent, or is gone."""
        with contextlib.suppress(NatsError, OSError):
            if self.client.is_connected:
                await self._settle()
        await self._disconnect()

    async def _settle(self) -> None:
        """Returns when the server has taken in all that was sent. Raises NatsError.

        The client's PING overtakes what it holds in its buffer, and sends that off: only a second one comes after it.
        """
        for _ in range(2):
            await self.client.flush(timeout=2)

    async def _disconnect(self) -> None:
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            async with asyncio.timeout(5):
                await self.client.close()
        # Closed while it looked for a server, the client may look on for ever.
        looking = self.client._reconnection_task
        await end_tasks([looking] if looking is not None else [])

    async def _heard_error(self, error: Exception) -> None:
        self._fault = error
        if isinstance(error, SlowConsumerError) and (hearing := self._hearings.get(error.sub)) is not None:
            hearing.drop()

    async def _lost(self) -> None:
        if not self.client.is_closed:
            _log.warning("bus_lost")

    async def _found(self) -> None:
        self.count += 1
        _log.info("bus_found_again")


def unavailable(error: BaseException) -> BusUnavailable:
    """What is said of what NATS raised: its kind and code, without its text."""
    code = f" {error.err_code}" if isinstance(error, APIError) and error.err_code else ""
    return BusUnavailable(f"{type(error).__name__}{code}.")

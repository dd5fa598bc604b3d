# SPDX-License-Identifier: Apache-2.0
"""Whoever listens to everything on the bus of a site, from before its servers start: what is said, asked, answered and kept."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from tools.services import Nats

T = TypeVar("T")
PATIENCE = 30


class Overheard:
    """A subscription to `>`, in a thread of its own. Made by `overhearing`."""

    def __init__(self, server: Nats, loop: asyncio.AbstractEventLoop) -> None:
        self._server, self._loop = server, loop
        self._client = Client()
        self._said: list[bytes] = []

    def said(self) -> list[bytes]:
        """Subject, headers and content of every message until now: topics, questions and answers, what is put into streams and buckets."""
        self.run(self._client.flush())
        return list(self._said)

    def kept(self) -> dict[str, list[bytes]]:
        """The same of what lies in each stream of JetStream; a key-value bucket is one whose name begins with KV_."""
        return self.run(self._kept())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Has the thread do it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def listen(self) -> None:
        """Connects, and listens from now on."""
        trust = ssl.create_default_context(cafile=str(self._server.authority))
        await self._client.connect(
            self._server.url, user=self._server.user, password=self._server.password, tls=trust
        )
        await self._client.subscribe(">", cb=self._hear)
        await self._client.flush()

    async def close(self) -> None:
        """Listens no longer."""
        await self._client.close()

    async def _hear(self, message: Msg) -> None:
        self._said.append(_octets(message.subject, message.headers, message.data))

    async def _kept(self) -> dict[str, list[bytes]]:
        jetstream = self._client.jetstream()
        found: dict[str, list[bytes]] = {}
        for stream in await jetstream.streams_info():
            name = str(stream.config.name)
            found[name] = []
            for number in range(stream.state.first_seq, stream.state.last_seq + 1):
                # Replaced in the bucket, or taken by its consumers.
                with contextlib.suppress(NotFoundError):
                    one = await jetstream.get_msg(name, number)
                    found[name].append(_octets(str(one.subject), one.headers, one.data or b""))
        return found


def _octets(subject: str, headers: dict[str, str] | None, content: bytes) -> bytes:
    return b"\n".join((subject.encode(), str(headers).encode(), content))


@contextlib.contextmanager
def overhearing(server: Nats) -> Iterator[Overheard]:
    """Listens until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="overheard")
    thread.start()
    found = Overheard(server, loop)
    try:
        found.run(found.listen())
        yield found
        found.run(found.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

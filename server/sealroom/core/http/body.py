# SPDX-License-Identifier: Apache-2.0
"""The body of a request, bounded in size and time; and an answer that is read although the body is not.

Who closes a connection while a client still sends has what it answered lost in a reset. So of a body that is not taken a little is
read all the same, and where more comes the answer ends the connection, which is closed a moment later (RFC 9112 section 9.6).
"""

import asyncio
from collections.abc import Iterable

from sealroom.core.http.proxy import Receive, Send

DROP_BYTES = 64 * 1024
"""Of a body that is not taken: read and dropped before the answer, and again behind it. More lets slower-witted clients read why they
were refused, and anybody at all have us read for nothing."""
LINGER_SECONDS = 2.0
"""How long a client may take to read the answer and close, when its body is not read to the end."""


class BodyError(Exception):
    """A body that is not taken."""


class BodyTooLargeError(BodyError):
    """It is larger than allowed."""


class BodyIncompleteError(BodyError):
    """It did not come whole, or not in time."""


class Body:
    """What comes behind the header of one request."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        """`seconds`: how long it may take to come, whether it is taken or dropped."""
        self._receive, self._seconds = receive, seconds
        self._gone = False
        self.whole = False
        """Whether it was read to its end."""

    async def read(self, most: int) -> bytes:
        """All of it, of at most `most` bytes. Of one that is larger some more is read, and dropped.

        Raises:
            BodyTooLargeError, BodyIncompleteError.
        """
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._seconds):
                while not self.whole and size <= most:
                    part = await self._part()
                    size += len(part)
                    parts.append(part)
        except TimeoutError as error:
            raise BodyIncompleteError from error
        if size > most:
            await self.drop()
            raise BodyTooLargeError
        return b"".join(parts)

    async def drop(self, seconds: float | None = None) -> None:
        """Reads what comes, at most `DROP_BYTES` of it, and keeps nothing."""
        size = 0
        try:
            async with asyncio.timeout(self._seconds if seconds is None else seconds):
                while not self.whole and size < DROP_BYTES:
                    size += len(await self._part())
        except (TimeoutError, BodyIncompleteError):
            return

    async def _part(self) -> bytes:
        message = None if self._gone else await self._receive()
        if message is None or message["type"] == "http.disconnect":
            self._gone = True
            raise BodyIncompleteError
        self.whole = not message.get("more_body", False)
        return bytes(message.get("body", b""))


async def respond(
    send: Send, body: Body, status: int, headers: Iterable[tuple[bytes, bytes]], content: bytes
) -> None:
    """Answers. Where the body was not read to its end the connection ends, once the client had time to read why."""
    length = (b"content-length", str(len(content)).encode())
    ends = [] if body.whole else [(b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length, *ends]})
    await send({"type": "http.response.body", "body": content, "more_body": not body.whole})
    if not body.whole:
        # All that was promised is sent; only closing waits.
        await body.drop(LINGER_SECONDS)
        await send({"type": "http.response.body", "body": b""})

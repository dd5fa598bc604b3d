# SPDX-License-Identifier: Apache-2.0
"""The body of a request, bounded in size and time."""

import asyncio

from sealroom.core.http.proxy import Receive


class BodyError(Exception):
    """A body that is not taken."""


class BodyTooLargeError(BodyError):
    """It is larger than allowed."""


class BodyIncompleteError(BodyError):
    """It did not come whole, or not in time."""


async def read_body(receive: Receive, most: int, seconds: float) -> bytes:
    """The whole body, of at most `most` bytes. What is too large is read to its end, but not kept: so the answer is read, and not lost
    in a reset.

    Raises:
        BodyTooLargeError, BodyIncompleteError.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BodyIncompleteError
                size += len(message.get("body", b""))
                if size <= most:
                    parts.append(message.get("body", b""))
                more = message.get("more_body", False)
    except TimeoutError as error:
        raise BodyIncompleteError from error
    if size > most:
        raise BodyTooLargeError
    return b"".join(parts)

# SPDX-License-Identifier: Apache-2.0
"""Names of endpoints and their addresses, asked of the system's resolver. **Nobody else waits for a name that hangs.**

The resolver keeps a thread until the name's own servers answered, or did not for half a minute, and cannot be stopped. So it has
threads of its own, away from those that the process writes files with, and a name has one of them at most.
"""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

THREADS = 32
"""Names that are looked up at once. More let more customers' servers hang before another name waits."""

_Asked: TypeAlias = "asyncio.Future[list[str]]"


class Names:
    """Looks names up."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "names")
        self._asked: dict[tuple[str, int], _Asked] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """All addresses of a name. Raises OSError, or UnicodeError for what is no name. Who gives up waiting gives up for himself alone."""
        place = (host, port)
        asked = self._asked.get(place)
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, _look, host, port)
            self._asked[place] = asked
            asked.add_done_callback(lambda done: self._answered(place, done))
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Looks up no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _answered(self, place: tuple[str, int], done: _Asked) -> None:
        del self._asked[place]
        if not done.cancelled():
            # Nobody may wait for it any more, and Python complains of an error that nobody saw.
            done.exception()


def _look(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))

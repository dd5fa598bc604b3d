# SPDX-License-Identifier: Apache-2.0
"""How handlers are called, the same in every implementation: one after the other, again where they fail, never fatal."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from sealroom.core.bus.errors import RequestFailed
from sealroom.core.bus.port import Delivered, Handler, Present, Server, Watcher
from sealroom.core.bus.subjects import Message, Question, decoded, encoded
from sealroom.core.clock import Clock, pause
from sealroom.core.errands import place_of
from sealroom.core.logging import get_logger

M = TypeVar("M", bound=Message)
Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)

Respond: TypeAlias = Callable[[bytes | None], Awaitable[None]]

ATTEMPTS = 8
"""Calls of a handler that fails before its message is given up; some 25 s in all. More holds up what comes after it for longer."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
"""Seconds between attempts; each is twice the one before."""
MAX_WAITING = 1_024
"""Messages of a topic that wait for one slow subscriber. Higher forgives longer pauses and costs memory."""
CANCEL_AGAIN_SECONDS = 0.1
MAX_ANSWERING = 64
"""Questions that one server works on at once; more wait."""

_log = get_logger()


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels them until they have ended: a library that waits with a timeout may take a cancellation for it and go on."""
    while tasks := [task for task in tasks if not task.done()]:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CANCEL_AGAIN_SECONDS)


class Hearing(Generic[M]):
    """Calls one handler, and counts."""

    def __init__(self, name: str, kind: type[M], handler: Handler[M], clock: Clock) -> None:
        self._name, self._kind, self._handler, self._clock = name, kind, handler, clock
        self.dropped = 0
        self.given_up = 0

    def drop(self) -> None:
        """Counts a message that there was no room for. Only the first is logged: the rest would be a flood of its own."""
        self.dropped += 1
        if self.dropped == 1:
            _log.warning("bus_subscriber_slow", kind=self._name)

    async def tell_once(self, key: str, octets: bytes) -> None:
        """For a topic: whatever happens, the next is heard."""
        if (message := self._read(octets)) is not None:
            try:
                await self._handler(Delivered(key, message))
            except Exception as error:
                self._give_up(error)

    async def tell_until_done(self, key: str, octets: bytes) -> None:
        """For a stream: again until it is done or given up."""
        if (message := self._read(octets)) is not None:
            for attempt in range(1, ATTEMPTS + 1):
                if await self._done(Delivered(key, message, attempt)):
                    break

    async def _done(self, delivered: Delivered[M]) -> bool:
        """Calls the handler once; after a failure waits as long as it should, but for the last."""
        try:
            await self._handler(delivered)
        except Exception as error:
            if delivered.attempt == ATTEMPTS:
                self._give_up(error)
            else:
                await pause(self._clock, min(FIRST_PAUSE * 2 ** (delivered.attempt - 1), LONGEST_PAUSE))
            return False
        return True

    def _read(self, octets: bytes) -> M | None:
        try:
            return decoded(octets, self._kind)
        except msgspec.MsgspecError as error:
            self._give_up(error)
            return None

    def _give_up(self, error: Exception) -> None:
        self.given_up += 1
        _log.error("bus_message_given_up", kind=self._name, error=type(error).__name__, place=place_of(error))


class Watching(Generic[M]):
    """What a watcher was told of a registry, and what it is to be told yet: the latest of each key, in the order of the changes."""

    def __init__(self, name: str, kind: type[M], watcher: Watcher[M]) -> None:
        self._name, self._kind, self._watcher = name, kind, watcher
        self._known: set[str] = set()
        self._waiting: dict[str, bytes | None] = {}
        self._changed = asyncio.Event()
        self.dropped = 0
        self.given_up = 0

    def change(self, key: str, octets: bytes | None) -> None:
        """Takes note of an entry, or of its end."""
        self._waiting.pop(key, None)
        self._waiting[key] = octets
        self._changed.set()

    def replace(self, entries: Mapping[str, bytes]) -> None:
        """Takes note of everything that is there, after changes may have been missed."""
        for key in (self._known | self._waiting.keys()) - entries.keys():
            self.change(key, None)
        for key, octets in entries.items():
            self.change(key, octets)

    async def run(self) -> None:
        """Tells the watcher for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._waiting:
                key = next(iter(self._waiting))
                await self._tell(key, self._waiting.pop(key))

    async def _tell(self, key: str, octets: bytes | None) -> None:
        if octets is None and key not in self._known:
            return
        try:
            message = None if octets is None else decoded(octets, self._kind)
            (self._known.discard if message is None else self._known.add)(key)
            await self._watcher(Present(key, message))
        except Exception as error:
            self.given_up += 1
            _log.error(
                "bus_watcher_failed", kind=self._name, error=type(error).__name__, place=place_of(error)
            )


class Answering(Generic[Q, A]):
    """Lets one server answer, several questions at a time."""

    def __init__(self, question: Question[Q, A], server: Server[Q, A]) -> None:
        self._question, self._server = question, server
        self._room = asyncio.Semaphore(MAX_ANSWERING)
        self._working: set[asyncio.Task[bytes | None]] = set()

    async def admit(self) -> None:
        """Returns when there is room for one more."""
        async with self._room:
            pass

    def start(self, key: str, octets: bytes, respond: Respond | None = None) -> asyncio.Task[bytes | None]:
        """Begins to answer. What comes is the answer, or None where the server failed at it; `respond` is called with it."""
        work = asyncio.get_running_loop().create_task(self._work(key, octets, respond))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        return work

    async def _work(self, key: str, octets: bytes, respond: Respond | None) -> bytes | None:
        async with self._room:
            answer = await self._answer(key, octets)
            if respond is not None:
                await respond(answer)
            return answer

    async def _answer(self, key: str, octets: bytes) -> bytes | None:
        try:
            asked = Delivered(key, decoded(octets, self._question.message))
            return encoded(await self._server(asked), self._question.answer)
        except Exception as error:
            kind, place = type(error).__name__, place_of(error)
            _log.error("bus_server_failed", kind=self._question.name, error=kind, place=place)
            return None

    async def close(self) -> None:
        """Stops everything it works on."""
        for work in tuple(self._working):
            work.cancel()
        if self._working:
            await asyncio.wait(self._working)


def read_answer(octets: bytes | None, question: Question[Q, A]) -> A:
    """The answer. Raises `RequestFailed` for none, or for one that cannot be read."""
    if octets is None:
        raise RequestFailed(f"who serves {question.name} failed at it.")
    try:
        return decoded(octets, question.answer)
    except msgspec.MsgspecError:
        raise RequestFailed(f"the answer to {question.name} cannot be read.") from None


class Running:
    """A subscription: the counters of its handler, tasks that feed it, and what else ends with it."""

    def __init__(
        self,
        counters: Hearing[Any] | Watching[Any] | None = None,
        end: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._counters, self._end = counters, end
        self._tasks: list[asyncio.Task[None]] = []
        self.closed = False

    @property
    def dropped(self) -> int:
        """See the port."""
        return self._counters.dropped if self._counters else 0

    @property
    def given_up(self) -> int:
        """See the port."""
        return self._counters.given_up if self._counters else 0

    def run(self, work: Coroutine[object, object, None]) -> None:
        """Runs it until the subscription is closed."""
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_tell_of_end)
        self._tasks.append(task)

    async def close(self) -> None:
        """Ends its tasks, and then what else is to end. Again is harmless."""
        self.closed = True
        tasks, self._tasks = self._tasks, []
        await end_tasks(tasks)
        end, self._end = self._end, None
        if end is not None:
            await end()


def _tell_of_end(task: asyncio.Task[None]) -> None:
    """What ends it but its owner is a fault of the program: nobody hears any more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("bus_subscription_broken", error=type(error).__name__, place=place_of(error))

# SPDX-License-Identifier: Apache-2.0
"""The port `bus`. What it promises, and what not:

- a *topic* reaches whoever listens now. A listener that is slower than what it is told loses the newest, counted; nobody waits for it.
- a *stream* reaches each consumer (a name that any number of processes may share) **at least once, in the order it was published**,
  one message at a time; handlers must stand hearing one twice. For events, not for samples: some thousand a second at best.
- a *question* is answered by one of those who serve it, or not at all.
- a *registry* forgets an entry that is not kept again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

from sealroom.core.bus.subjects import EVERYTHING, Message, Question, Registry, Stream, Topic

M = TypeVar("M", bound=Message)
Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


@dataclass(frozen=True, slots=True)
class Delivered(Generic[M]):
    """A message with the key it was said under. `attempt` counts from 1 within this process."""

    key: str
    message: M
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Present(Generic[M]):
    """An entry of a registry; None when it is gone."""

    key: str
    message: M | None


Handler: TypeAlias = Callable[[Delivered[M]], Awaitable[None]]
Watcher: TypeAlias = Callable[[Present[M]], Awaitable[None]]
Server: TypeAlias = Callable[[Delivered[Q]], Awaitable[A]]


class Subscription(Protocol):
    """Somebody who is told. What a handler raises is logged by its kind and place, never by its text."""

    @property
    def dropped(self) -> int:
        """Messages of a topic that were lost because the handler was slow."""

    @property
    def given_up(self) -> int:
        """Messages that could not be read, or at which the handler failed to the last attempt."""

    async def close(self) -> None:
        """Tells it nothing more. A handler that runs is cancelled; of a stream, its message comes to the next."""


class Bus(Protocol):
    """Every method raises `BusUnavailable` when the bus is gone, `Undeclared` for streams and registries that the catalogue does not have."""

    async def publish(self, subject: Topic[M] | Stream[M], message: M, *, key: str = EVERYTHING) -> None:
        """Says it. Of a stream, it is kept when this returns; when it raises `BusUnavailable`, it may be; `BusFull`: it is not."""

    async def subscribe(
        self, topic: Topic[M], handler: Handler[M], *, key: str | None = None
    ) -> Subscription:
        """Hears a topic from now on, of one key or of all. Messages come one after the other."""

    async def consume(self, stream: Stream[M], consumer: str, handler: Handler[M]) -> Subscription:
        """Handles a stream under a consumer's name, which remembers how far it came. A new name begins with what is published from now on.

        A handler that raises is called again, later each time; after `ATTEMPTS` the message is given up and logged.
        """

    async def request(
        self, question: Question[Q, A], message: Q, *, seconds: float, key: str = EVERYTHING
    ) -> A:
        """Asks, and waits at most `seconds`. Raises `NobodyAnswered`, `RequestFailed`."""

    async def serve(
        self, question: Question[Q, A], server: Server[Q, A], *, key: str = EVERYTHING
    ) -> Subscription:
        """Answers questions with this key from now on, several at a time."""

    async def keep(self, registry: Registry[M], key: str, message: M) -> None:
        """Enters it, or enters it again, for another `registry.seconds`."""

    async def forget(self, registry: Registry[M], key: str) -> None:
        """Takes it out. Harmless where it is not."""

    async def get(self, registry: Registry[M], key: str) -> M | None:
        """What is entered; None for nothing."""

    async def watch(self, registry: Registry[M], watcher: Watcher[M]) -> Subscription:
        """Tells all that is entered, then every change. Of changes that come faster than the watcher takes them it hears the latest."""

    async def works(self) -> bool:
        """Whether the bus answers and takes messages."""

    async def close(self) -> None:
        """Ends every subscription and lets go of connections."""

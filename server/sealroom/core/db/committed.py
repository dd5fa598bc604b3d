# SPDX-License-Identifier: Apache-2.0
"""Who is told when something of a kind (a topic of `changes`) was changed, here or by another process.

**A commit is told after it, never before**, and telling is a help, not a promise: who keeps something in memory looks by himself too.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.errands import place_of
from sealroom.core.logging import get_logger

Told: TypeAlias = Callable[[frozenset[str]], None]

_NOTED = "sealroom_topics"

_log = get_logger()


def noted(connection: AsyncConnection) -> set[str]:
    """What the transaction that begins will have changed, as `note` says; none of an earlier one over the same connection."""
    fresh: set[str] = set()
    connection.info[_NOTED] = fresh
    return fresh


def note(connection: AsyncConnection, topic: str) -> None:
    """Something of a topic changes in this transaction."""
    connection.info.setdefault(_NOTED, set()).add(topic)


class Changes:
    """Of one database."""

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._listeners: dict[str, list[Callable[[], None]]] = defaultdict(list)

    def on_commit(self, told: Told) -> None:
        """Calls `told`, which must not wait, with the topics of every transaction that this process commits."""
        self._told.append(told)

    def listen(self, topic: str, listener: Callable[[], None]) -> None:
        """Calls `listener`, which must not wait, when a change of the topic is heard of."""
        self._listeners[topic].append(listener)

    def committed(self, topics: Collection[str]) -> None:
        """This process changed something. Nothing that is called can fail the change: it is done."""
        if topics:
            for told in self._told:
                try:
                    told(frozenset(topics))
                except Exception as error:
                    _log.error("change_not_told", error=type(error).__name__, place=place_of(error))

    def heard(self, topic: str) -> None:
        """Something of a topic was changed, by whichever process; harmless where nothing was."""
        for listener in self._listeners.get(topic, ()):
            listener()

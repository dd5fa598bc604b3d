# SPDX-License-Identifier: Apache-2.0
"""A keeper that a test looks into."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from sealroom.catalogue import Document
from sealroom.core.records import RecordsUnavailable

D = TypeVar("D", bound=Document)


class Kept:
    """Documents by their ids, as a store has them."""

    def __init__(self) -> None:
        self.by_id: dict[tuple[type[Document], str], Document] = {}
        self.fails = False
        self.full = False
        self.hold: asyncio.Event | None = None
        """What is durable waits for it, as for a disk that hangs."""

    def put(self, documents: Sequence[Document]) -> None:
        for document in documents:
            self.by_id[type(document), document.id] = document

    async def put_durable(self, documents: Sequence[Document]) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.fails:
            raise OSError("no space")
        if self.full:
            raise RecordsUnavailable("journal_full", "It has no room.")
        self.put(documents)

    def all(self, kind: type[D]) -> list[D]:
        """Every document of a kind, in the order of time."""
        return sorted(
            (one for one in self.by_id.values() if isinstance(one, kind)), key=lambda one: (one.time, one.id)
        )

# SPDX-License-Identifier: Apache-2.0
"""All documents of a question, page by page."""

from collections.abc import AsyncIterator
from typing import TypeVar

from sealroom.catalogue import Document
from sealroom.core.records import Query, Records
from sealroom.core.records.query import MAX_PAGE

D = TypeVar("D", bound=Document)

AHEAD_MS = 60_000
"""Documents may bear a time a little ahead of this process's clock: servers' clocks differ."""


async def pages(records: Records, query: Query[D]) -> AsyncIterator[tuple[D, ...]]:
    """Pages in the order of time. Whoever has enough stops asking."""
    cursor: str | None = None
    while True:
        page = await records.search(query, limit=MAX_PAGE, cursor=cursor)
        if page.documents:
            yield page.documents
        cursor = page.cursor
        if cursor is None:
            return

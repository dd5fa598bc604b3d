# SPDX-License-Identifier: Apache-2.0
"""The port `records`: logs, quality samples, copies of the audit log. One site's, and only what the catalogue declares."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from sealroom.catalogue import Document
from sealroom.core.records.query import Aggregation, Bucket, Page, Query

D = TypeVar("D", bound=Document)


class RecordsUnavailable(Exception):  # noqa: N818 - what it is
    """The store does not answer, or refuses for a reason of its own. `code` is stable; try again later."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code


class DocumentsRefused(Exception):  # noqa: N818 - what it is
    """The store will never take some of the documents; all others of the same call are written. Nothing of their content is in the text."""

    def __init__(self, refused: Mapping[int, str]) -> None:
        super().__init__(f"{len(refused)} documents refused: {', '.join(sorted(set(refused.values())))}")
        self.refused = dict(refused)
        """By their places in what was given, each with a stable code."""


class CursorInvalid(Exception):  # noqa: N818 - what it is
    """A cursor that no query of this kind gave out."""


class Records(Protocol):
    """A store of documents. Every method raises `RecordsUnavailable`, and `Undeclared` for a kind that the catalogue does not have."""

    async def prepare(self) -> None:
        """Makes what the store needs for every declared kind: tables, index templates. Again is harmless."""

    async def write(self, documents: Sequence[Document], *, wait: bool = False) -> None:
        """Writes; a document whose id is there already is replaced by itself. Found by queries within 2 s, with `wait` at once.

        All that is given is in the store when this returns; when it raises, some may be, and writing them again is harmless.
        **An id belongs to one time**: stores that keep days apart would not find the same document under another.

        Raises:
            DocumentsRefused: some of them cannot be kept, however often they are given; all others are.
        """

    async def search(
        self, query: Query[D], *, limit: int, cursor: str | None = None, newest_first: bool = False
    ) -> Page[D]:
        """A page of at most `limit` (1 to `MAX_PAGE`) documents. Raises `CursorInvalid`.

        Pages are stable: a document that is there when the first page is taken is on exactly one page, whatever is written meanwhile.
        """

    async def count(self, query: Query[D]) -> int:
        """How many there are."""

    async def aggregate(self, query: Query[D], aggregation: Aggregation) -> tuple[Bucket, ...]:
        """Buckets in the order of their keys' splits. Raises ValueError beyond `MAX_BUCKETS`."""

    async def delete(self, query: Query[D]) -> int:
        """Deletes for good, and says how many; found no more when this returns."""

    async def expire(self, kind: type[Document], before: int) -> int:
        """Deletes whole days of one kind that ended before a moment (Unix milliseconds), and says how many days."""

    async def works(self) -> bool:
        """Whether the store answers and takes writes."""

    async def close(self) -> None:
        """Lets go of connections."""

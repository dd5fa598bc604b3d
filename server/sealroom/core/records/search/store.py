# SPDX-License-Identifier: Apache-2.0
"""The store over either client."""

import random
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from sealroom.catalogue import Catalogue, Dataset, Document
from sealroom.core.clock import Clock, pause
from sealroom.core.errors import StartError
from sealroom.core.records.checking import check_aggregation, check_page, check_query
from sealroom.core.records.cursor import Place, digest_of, read_cursor, write_cursor
from sealroom.core.records.fields import composed, default_of
from sealroom.core.records.port import CursorInvalid, DocumentsRefused, RecordsUnavailable
from sealroom.core.records.query import MAX_BUCKETS, Aggregation, Bucket, Page, Query
from sealroom.core.records.search.bulk import Bulk, Line
from sealroom.core.records.search.indices import Indices
from sealroom.core.records.search.questions import aggregations, buckets, filtered
from sealroom.core.records.search.wire import SECONDS, Answered, Json, Unreachable, Wire

D = TypeVar("D", bound=Document)

_BUSY = frozenset({429, 502, 503, 504})
"""The server has too much to do, or is about to be there again."""
_BLOCKED = "cluster_block_exception"
"""The server takes no writes now, as with a full disk."""
_NOT_NOW = frozenset({
    _BLOCKED, "validation_exception", "index_closed_exception", "index_not_found_exception", "security_exception",
})  # fmt: skip
"""Why the server does not take a document that is as it should be. `validation_exception`: it has as many shards as it may have, and a
new day wants one more."""
_ATTEMPTS = 4
_FIRST_DELAY = 0.1
"""Seconds until the second attempt; doubled with each, and half of it by chance."""
_DELETED_AT_ONCE = 20_000
_DELETE_SECONDS, _MERGE_SECONDS = 120.0, 600.0
_VIEW = re.compile(r"[0-9a-f]{8}")
"""Which copies of the indices are asked. Anything else that a cursor might say there (`_only_nodes:..`) is an order to the server."""
_MISSING = {"ignore_unavailable": "true", "allow_no_indices": "true"}
"""A day without documents has no index."""
_WHOLE = {"allow_partial_search_results": "false"}
"""A server that lost a part of an index otherwise answers with the rest, as if that were all."""


class SearchRecords:
    """Implements the port `Records`.

    Pages need no snapshot on the server: time and id never change, so that the place behind the last document is enough. The same copies
    of the indices are asked for all pages of a question, for copies refresh at different moments.
    """

    def __init__(
        self, wire: Wire, catalogue: Catalogue, site: str, clock: Clock, *, replicas: int = 1, prefix: str = "sealroom",
        chance: random.Random | None = None,
    ) -> None:  # fmt: skip
        """Raises ConfigurationError for a site whose name no index can have."""
        self._wire, self._catalogue, self._clock = wire, catalogue, clock
        self._replicas, self._chance = replicas, chance or random.Random()
        self._indices = {
            kind: Indices(kind, catalogue.of(kind), site, prefix) for kind in catalogue.documents
        }

    async def prepare(self) -> None:
        """Puts a template for each kind, and teaches the indices that are there the new fields.

        Raises:
            StartError: the server does not answer, or holds a field as another kind.
        """
        try:
            for indices in self._indices.values():
                await self._prepare(indices)
        except RecordsUnavailable as error:
            raise StartError(
                "records_unreachable",
                f"The search server cannot be used ({error.code}).",
                "Check [records], and that the server runs and lets this user in.",
            ) from error

    async def write(self, documents: Sequence[Document], *, wait: bool = False) -> None:
        """Writes in bulks; what the server is too busy for is tried again."""
        bulk = Bulk()
        for place, document in enumerate(documents):
            self._catalogue.of(type(document))
            bulk.add(place, document, self._indices[type(document)])
        for attempt in range(_ATTEMPTS):
            busy = False
            for lines in bulk.requests():
                answer = await self._bulk(lines, wait=wait)
                busy |= bulk.settle(lines, answer, busy=_BUSY, not_now=_NOT_NOW)
            if not busy:
                break
            await self._pause(attempt)
        if bulk.lines:
            raise RecordsUnavailable("store_busy", "The search server has too much to do.")
        if bulk.refused:
            raise DocumentsRefused(bulk.refused)

    async def search(
        self, query: Query[D], *, limit: int, cursor: str | None = None, newest_first: bool = False
    ) -> Page[D]:
        """A page."""
        indices, plain = self._asked(query)
        check_page(limit)
        digest = digest_of(indices.dataset, plain, newest_first=newest_first)
        after = read_cursor(cursor, digest) if cursor is not None else None
        if after is not None and not _VIEW.fullmatch(after.view):
            raise CursorInvalid("This is no cursor. Begin with the first page.")
        view = after.view if after is not None else secrets.token_hex(4)
        direction = "desc" if newest_first else "asc"
        body: Json = {
            "query": filtered(plain), "size": limit + 1, "track_total_hits": False,
            "sort": [{"time": direction}, {"id": direction}],
        }  # fmt: skip
        if after is not None:
            body["search_after"] = [after.time, after.id]
        answer = await self._ask("POST", f"{indices.pattern}/_search", body, {**_WHOLE, "preference": view})
        found = [_document(indices, hit["_source"]) for hit in answer["hits"]["hits"]]
        documents = cast("tuple[D, ...]", tuple(found[:limit]))
        more = len(found) > limit
        return Page(
            documents,
            write_cursor(Place(digest, documents[-1].time, documents[-1].id, view)) if more else None,
        )

    async def count(self, query: Query[D]) -> int:
        """How many there are."""
        indices, plain = self._asked(query)
        answer = await self._ask("POST", f"{indices.pattern}/_count", {"query": filtered(plain)})
        if answer["_shards"]["failed"]:
            raise RecordsUnavailable(
                "store_incomplete", "The search server lost a part of its records, or waits for it."
            )
        return int(answer["count"])

    async def aggregate(self, query: Query[D], aggregation: Aggregation) -> tuple[Bucket, ...]:
        """Buckets."""
        indices, plain = self._asked(query)
        check_aggregation(indices.dataset, aggregation)
        body = {
            "query": filtered(plain), "size": 0, "track_total_hits": not aggregation.by,
            "aggs": aggregations(aggregation),
        }  # fmt: skip
        answer = await self._ask("POST", f"{indices.pattern}/_search", body, _WHOLE)
        count = 0 if aggregation.by else int(answer["hits"]["total"]["value"])
        found = tuple(buckets(indices.dataset, aggregation, answer.get("aggregations", {}), count))
        if len(found) > MAX_BUCKETS:
            raise _too_many()
        return found

    async def delete(self, query: Query[D]) -> int:
        """Deletes. It leaves the server's disk with the next `expire` of the kind, within a day: the server gives it up after a minute only."""
        indices, plain = self._asked(query)
        # Documents that were only just written are not found by a deletion.
        await self._ask("POST", f"{indices.pattern}/_refresh")
        how = {"conflicts": "proceed", "refresh": "true", "max_docs": str(_DELETED_AT_ONCE)}
        gone = vain = 0
        path = f"{indices.pattern}/_delete_by_query"
        while vain < _ATTEMPTS:
            answer = await self._ask("POST", path, {"query": filtered(plain)}, how, seconds=_DELETE_SECONDS)
            gone += int(answer["deleted"])
            if not answer["deleted"] and not answer["version_conflicts"]:
                return gone
            vain = 0 if answer["deleted"] else vain + 1
            if answer["version_conflicts"]:
                # Somebody writes what is to go: he is let finish.
                await self._pause(vain)
        raise RecordsUnavailable("store_busy", "What is to be deleted is written again and again.")

    async def expire(self, kind: type[Document], before: int) -> int:
        """Deletes indices of days that ended; what was deleted from others leaves the disk."""
        self._catalogue.of(kind)
        indices = self._indices[kind]
        answer = await self._ask(
            "GET", f"{indices.pattern}/_settings", None, {"filter_path": "*.settings.index.uuid"}
        )
        old = [name for name in answer if indices.ended_before(name, before)]
        for name in old:
            await self._call("DELETE", name, query={"ignore_unavailable": "true"})
        await self._expunge(indices)
        return len(old)

    async def works(self) -> bool:
        """Whether the server answers, and none of its indices is lost."""
        try:
            health = await self._call("GET", "_cluster/health", seconds=5.0)
        except RecordsUnavailable:
            return False
        return health.get("status") != "red"

    async def close(self) -> None:
        """Lets go of connections."""
        await self._wire.close()

    def _asked(self, query: Query[D]) -> tuple[Indices, Query[Document]]:
        dataset, plain = self._catalogue.of(query.kind), cast("Query[Document]", query)
        check_query(dataset, plain)
        return self._indices[query.kind], plain

    async def _expunge(self, indices: Indices) -> None:
        """Has the server write those segments anew that still hold what was deleted; where there are none it has nothing to do."""
        expunge = {"only_expunge_deletes": "true"}
        await self._ask("POST", f"{indices.pattern}/_forcemerge", None, expunge, seconds=_MERGE_SECONDS)

    async def _prepare(self, indices: Indices) -> None:
        await self._call("PUT", f"_index_template/{indices.base}", body=indices.template(self._replicas))
        present = await self._ask("GET", f"{indices.pattern}/_mapping")
        known = {
            name for index in present.values() for name in index.get("mappings", {}).get("properties", {})
        }
        if not known:
            return
        for name, column in indices.dataset.columns.items():
            if name not in known and not column.optional and not default_of(indices.kind, name)[0]:
                raise _without_default(indices.dataset, name)
        try:
            await self._wire.call("PUT", f"/{indices.pattern}/_mapping", body=indices.mappings())
        except Answered as error:
            if error.status == 400:
                raise _changed(indices.dataset) from None
            raise _unavailable(error) from None
        except Unreachable as error:
            raise _gone(error) from None

    async def _bulk(self, lines: Sequence[Line], *, wait: bool) -> Json | None:
        """The answer to a bulk; None where all of it has to be tried again."""
        query = {
            "filter_path": "errors,items.*.status,items.*.error.type",
            "refresh": "true" if wait else "false",
        }
        try:
            return await self._wire.call(
                "POST", "/_bulk", query=query, body=b"".join(line.octets for line in lines)
            )
        except Unreachable as error:
            raise _gone(error) from None
        except Answered as error:
            if error.status in _BUSY or error.kind == _BLOCKED:
                return None
            raise _unavailable(error) from None

    async def _ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        query: Mapping[str, str] | None = None,
        *,
        seconds: float = SECONDS,
    ) -> Json:
        """A request about all days, whether there are any or not."""
        return await self._call(method, path, query={**_MISSING, **(query or {})}, body=body, seconds=seconds)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        seconds: float = SECONDS,
    ) -> Json:
        """A request that may be made twice; tried again while the server is busy."""
        for attempt in range(_ATTEMPTS):
            try:
                return await self._wire.call(method, f"/{path}", query=query, body=body, seconds=seconds)
            except Answered as error:
                if error.kind == "too_many_buckets_exception":
                    raise _too_many() from None
                if error.status not in _BUSY or attempt == _ATTEMPTS - 1:
                    raise _unavailable(error) from None
            except Unreachable as error:
                raise _gone(error) from None
            await self._pause(attempt)
        raise AssertionError("the last attempt returns or raises")

    async def _pause(self, attempt: int) -> None:
        await pause(self._clock, _FIRST_DELAY * 2**attempt * (0.5 + self._chance.random() / 2))


def _document(indices: Indices, source: Json) -> Document:
    """A document; what was a field once is passed over."""
    known = indices.dataset.columns.keys()
    return composed(indices.kind, {name: value for name, value in source.items() if name in known})


def _gone(error: Unreachable) -> RecordsUnavailable:
    return RecordsUnavailable("store_gone", f"The search server does not answer ({error}).")


def _unavailable(error: Answered) -> RecordsUnavailable:
    if error.status in (401, 403) and error.kind != _BLOCKED:
        return RecordsUnavailable("store_forbids", "The search server does not let this user do that.")
    return RecordsUnavailable("store_failed", f"The search server answered {error.status} {error.kind}.")


def _too_many() -> ValueError:
    return ValueError(f"more than {MAX_BUCKETS} buckets: ask for a shorter time, or for fewer terms")


def _changed(dataset: Dataset) -> StartError:
    return StartError(
        "records_field_changed",
        f"A field of {dataset.name} is kept as another type than it has now.",
        "Give the new field a name of its own; the old one goes with its days.",
    )


def _without_default(dataset: Dataset, name: str) -> StartError:
    return StartError(
        "records_field_without_default",
        f"The field {name} of {dataset.name} is new, and the documents that are there have no value for it.",
        "Give it a default.",
    )

# SPDX-License-Identifier: Apache-2.0
"""What a search server may answer, without one: busy for some, for all, not there; and how its indices are named."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import pytest

from sealroom.catalogue import DataClass
from sealroom.core.errors import ConfigurationError, StartError
from sealroom.core.records import Aggregation, DocumentsRefused, RecordsUnavailable
from sealroom.core.records.cursor import Place, digest_of, write_cursor
from sealroom.core.records.port import CursorInvalid
from sealroom.core.records.search import Access, SearchRecords
from sealroom.core.records.search.bulk import MOST, MOST_BYTES
from sealroom.core.records.search.elasticsearch import ElasticsearchWire
from sealroom.core.records.search.indices import Indices
from sealroom.core.records.search.opensearch import OpenSearchWire
from sealroom.core.records.search.wire import SECONDS, Answered, Json, Unreachable, kind_of
from server.tests.core.records.contract import samples_where
from server.tests.core.records.samples import DAY, MORNING, Sample, catalogue, note, sample
from server.tests.core.records.shaky import until
from server.tests.fakes import VirtualClock

Status = Callable[[str, int], int]
"""The server's answer to a document of an id, asked for the so-manieth time."""


class ScriptedWire:
    """A server that keeps what it accepted, and answers bulks as a test says."""

    def __init__(self, status: Status = lambda _id, _time: 201) -> None:
        self.status = status
        self.kept: dict[str, Json] = {}
        self.asked: dict[str, int] = {}
        self.bulks: list[int] = []
        self.fail: list[Exception] = []
        self.error = "some_exception"
        """What it calls what it does not take."""
        self.lost = 0
        """Shards that are not there."""
        self.deleted: list[Json] = []
        """Answers to deletions, one after the other; then nothing more is deleted, and so many documents are in conflict."""
        self.conflicts = self.deletions = 0
        self.closed = False

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | bytes | None = None,
        seconds: float = SECONDS,
    ) -> Json:
        if self.fail:
            raise self.fail.pop(0)
        if path != "/_bulk":
            return self._answer(path, query or {})
        assert isinstance(body, bytes)
        lines = body.splitlines()
        self.bulks.append(len(body))
        items = [self._take(action, source) for action, source in zip(lines[::2], lines[1::2], strict=True)]
        return {"errors": any("error" in item["index"] for item in items), "items": items}

    def _answer(self, path: str, query: Mapping[str, str]) -> Json:
        """Questions, as servers answer them of which a part is lost: without it, unless they are asked not to."""
        if self.lost and query.get("allow_partial_search_results") == "false":
            raise Answered(503, "no_shard_available_action_exception")
        shards = {"total": 2, "successful": 2 - self.lost, "skipped": 0, "failed": self.lost}
        if path.endswith("_delete_by_query"):
            self.deletions += 1
            return (
                self.deleted.pop(0) if self.deleted else {"deleted": 0, "version_conflicts": self.conflicts}
            )
        if path.endswith("_count"):
            return {"count": len(self.kept), "_shards": shards}
        return {"hits": {"total": {"value": 0}, "hits": []}, "_shards": shards}

    def _take(self, action: bytes, source: bytes) -> dict[str, Any]:
        name = msgspec.json.decode(action)["index"]["_id"]
        self.asked[name] = self.asked.get(name, 0) + 1
        status = self.status(name, self.asked[name])
        if status >= 400:
            return {"index": {"status": status, "error": {"type": self.error}}}
        self.kept[name] = msgspec.json.decode(source)
        return {"index": {"status": status}}

    async def close(self) -> None:
        self.closed = True


def opened(wire: ScriptedWire, clock: VirtualClock) -> SearchRecords:
    return SearchRecords(wire, catalogue(), "sg", clock)


async def turned(work: Any, clock: VirtualClock) -> None:
    """Does it while time passes."""
    task = asyncio.ensure_future(work)
    await until(task.done, clock)
    await task


async def test_what_the_server_is_too_busy_for_is_tried_again_and_nothing_else(clock: VirtualClock) -> None:
    wire = ScriptedWire(lambda name, time: 429 if name == "s000003" and time < 3 else 201)
    await turned(opened(wire, clock).write([sample(n) for n in range(6)]), clock)
    assert len(wire.kept) == 6
    assert wire.asked == {f"s{n:06}": 3 if n == 3 else 1 for n in range(6)}


async def test_a_server_that_stays_busy_is_said_to_be(clock: VirtualClock) -> None:
    wire = ScriptedWire(lambda name, _: 503 if name == "s000003" else 201)
    with pytest.raises(RecordsUnavailable) as caught:
        await turned(opened(wire, clock).write([sample(n) for n in range(6)]), clock)
    assert caught.value.code == "store_busy"
    assert len(wire.kept) == 5


async def test_a_deletion_waits_for_who_writes_what_it_deletes(clock: VirtualClock) -> None:
    wire = ScriptedWire()
    wire.deleted = [{"deleted": 2, "version_conflicts": 1}, *[{"deleted": 0, "version_conflicts": 1}] * 2]
    wire.deleted.append({"deleted": 1, "version_conflicts": 0})
    task = asyncio.ensure_future(opened(wire, clock).delete(samples_where()))
    await until(lambda: wire.deletions == 1)
    await until(lambda: clock.pending == 1)
    assert wire.deletions == 1, "it is asked again only when time has passed"
    await until(task.done, clock)
    assert await task == 3


async def test_a_deletion_that_never_comes_to_an_end_is_given_up(clock: VirtualClock) -> None:
    wire = ScriptedWire()
    wire.conflicts = 5
    with pytest.raises(RecordsUnavailable) as caught:
        await turned(opened(wire, clock).delete(samples_where()), clock)
    assert caught.value.code == "store_busy"
    assert wire.deletions == 4


async def test_refused_and_busy_together_are_told_apart(clock: VirtualClock) -> None:
    wire = ScriptedWire(
        lambda name, time: {"s000001": 400, "s000004": 429 if time == 1 else 201}.get(name, 201)
    )
    with pytest.raises(DocumentsRefused) as caught:
        await turned(opened(wire, clock).write([sample(n) for n in range(6)]), clock)
    assert caught.value.refused == {1: "value_unfit"}
    assert set(wire.kept) == {f"s{n:06}" for n in (0, 2, 3, 4, 5)}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "validation_exception"), (400, "index_closed_exception"), (403, "security_exception"),
        (403, "cluster_block_exception"), (404, "index_not_found_exception"),
    ],
)  # fmt: skip
async def test_a_document_is_not_blamed_for_what_is_the_servers(
    status: int, error: str, clock: VirtualClock
) -> None:
    """It waits in the journal until the server was mended, and is no dead letter."""
    wire = ScriptedWire(lambda _, time: status if time < 6 else 201)
    wire.error = error
    records = opened(wire, clock)
    with pytest.raises(RecordsUnavailable):
        await turned(records.write([sample(1)]), clock)
    await turned(records.write([sample(1)]), clock)
    assert len(wire.kept) == 1


async def test_a_whole_bulk_that_is_turned_away_is_tried_again(clock: VirtualClock) -> None:
    wire = ScriptedWire()
    wire.fail = [Answered(429, "circuit_breaking_exception"), Answered(403, "cluster_block_exception")]
    await turned(opened(wire, clock).write([sample(1)]), clock)
    assert len(wire.kept) == 1


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Unreachable("ConnectionError"), "store_gone"),
        (Answered(401, "security_exception"), "store_forbids"),
        (Answered(500, "null_pointer_exception"), "store_failed"),
    ],
)
async def test_a_failure_has_a_code_and_no_document_in_it(
    failure: Exception, code: str, clock: VirtualClock
) -> None:
    wire = ScriptedWire()
    records = opened(wire, clock)
    for work in (records.write([note(1, "canary")]), records.count(samples_where())):
        wire.fail = [failure]
        with pytest.raises(RecordsUnavailable) as caught:
            await work
        assert caught.value.code == code
        assert "canary" not in str(caught.value)
    wire.fail = [failure]
    assert not await records.works()
    wire.fail = [failure]
    with pytest.raises(StartError, match=code):
        await records.prepare()


async def test_what_is_left_of_an_index_is_never_taken_for_all_of_it(clock: VirtualClock) -> None:
    """An erasure would find nothing more to delete, a dashboard too few calls."""
    wire = ScriptedWire()
    records = opened(wire, clock)
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: records.search(samples_where(), limit=10),
        lambda: records.count(samples_where()),
        lambda: records.aggregate(samples_where(), Aggregation()),
    ]
    for ask in asked:
        wire.lost = 0
        await ask()
        wire.lost = 1
        with pytest.raises(RecordsUnavailable):
            await turned(ask(), clock)


@pytest.mark.parametrize("view", ["", "_only_nodes:one", "_shards:0", "0123456", "0123456789"])
async def test_a_cursor_gives_the_server_no_orders(view: str, clock: VirtualClock) -> None:
    query = samples_where()
    digest = digest_of(catalogue().of(Sample), query, newest_first=False)
    records = opened(ScriptedWire(), clock)
    with pytest.raises(CursorInvalid):
        await records.search(query, limit=1, cursor=write_cursor(Place(digest, 1, "a", view)))
    assert (
        await records.search(query, limit=1, cursor=write_cursor(Place(digest, 1, "a", "01234567")))
    ).documents == ()


async def test_large_bulks_are_cut(clock: VirtualClock) -> None:
    wire = ScriptedWire()
    await opened(wire, clock).write([sample(n) for n in range(MOST + 1)])
    assert len(wire.bulks) == 2
    wire.bulks.clear()
    await opened(wire, clock).write([note(n, "x" * (MOST_BYTES // 3)) for n in range(4)])
    assert len(wire.bulks) == 2
    assert max(wire.bulks) <= MOST_BYTES


async def test_every_field_goes_out_as_it_is(clock: VirtualClock) -> None:
    wire = ScriptedWire()
    one = sample(1, loss=0.5, codecs=("a",), bit_rate=2**53 + 1)
    await opened(wire, clock).write([one])
    assert msgspec.convert(wire.kept[one.id], Sample) == one
    await opened(wire, clock).close()
    assert wire.closed


def test_indices_are_named_by_site_class_kind_and_day() -> None:
    dataset = catalogue().of(Sample)
    made = Indices(Sample, dataset, "sg")
    assert made.of(MORNING) == "sealroom-sg-dashboard-samples-2024.10.04"
    assert made.of(MORNING - 1) == "sealroom-sg-dashboard-samples-2024.10.03"
    assert dataset.data_class is DataClass.DASHBOARD
    assert made.ended_before(made.of(MORNING), MORNING + DAY)
    assert not made.ended_before(made.of(MORNING), MORNING + DAY - 1)
    assert not made.ended_before("sealroom-sg-dashboard-samples-kept", MORNING + DAY)
    with pytest.raises(ValueError, match="time"):
        made.of(2**62)


def test_no_sites_indices_pass_for_anothers() -> None:
    dataset = catalogue().of(Sample)
    short, long = (Indices(Sample, dataset, site) for site in ("sg", "sg-dashboard-samples"))
    assert not long.of(MORNING).startswith(short.pattern.rstrip("*"))
    for wrong in ("", "Sg", "sg*", "sg,cn", "sg/x", "-sg", "é"):
        with pytest.raises(ConfigurationError):
            Indices(Sample, dataset, wrong)


def test_the_servers_word_is_of_the_innermost_cause_and_never_its_sentence() -> None:
    outer = {
        "type": "search_phase",
        "reason": "canary",
        "root_cause": [{"type": "parsing", "reason": "canary"}],
    }
    assert kind_of({"error": outer}) == "parsing"
    assert (
        kind_of({"error": {**outer, "caused_by": {"type": "too_many_buckets_exception"}}})
        == "too_many_buckets_exception"
    )
    others: tuple[object, ...] = (None, "text", {}, {"error": "text"}, {"error": {}})
    for other in others:
        assert kind_of(other) == "unknown"


@pytest.mark.parametrize("kind", [OpenSearchWire, ElasticsearchWire])
async def test_clients_tell_of_a_server_that_is_gone_and_log_nothing(
    kind: type[OpenSearchWire] | type[ElasticsearchWire], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wire = kind(Access("http://127.0.0.1:9", "user", "canary-password"))
    with pytest.raises(Unreachable):
        await wire.call("POST", "/_bulk", body=b'{"canary": 1}\n')
    await wire.close()
    assert "canary" not in caplog.text
    assert "_bulk" not in caplog.text

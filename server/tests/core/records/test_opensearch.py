# SPDX-License-Identifier: Apache-2.0
"""A real OpenSearch: the contract, what becomes of a kind over the years, what a deletion leaves, and a server that is killed."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData

from sealroom.catalogue import Catalogue
from sealroom.core.clock import SystemClock
from sealroom.core.errors import ConfigurationError, StartError
from sealroom.core.records import Equals, Query, Records, RecordsUnavailable
from sealroom.core.records.journal import Bounds
from sealroom.core.records.search import Access, SearchRecords
from sealroom.core.records.search.opensearch import OpenSearchWire
from sealroom.core.records.writing import RecordWriter
from server.tests.core.records.contract import Contract, ids, notes_where, samples_where
from server.tests.core.records.front import PASSWORD, USER, front
from server.tests.core.records.samples import Note, catalogue, note, sample
from server.tests.core.records.shaky import MemoryKeys, everything_in, until
from server.tests.core.records.versions import versions
from tools.services.fixtures import OwnIndices

pytestmark = pytest.mark.services


def opened(
    indices: OwnIndices, declared: Catalogue | None = None, site: str = "sg", access: Access | None = None
) -> SearchRecords:
    wire = OpenSearchWire(access or Access(indices.server.url))
    return SearchRecords(
        wire, declared or catalogue(), site, SystemClock(), replicas=0, prefix=indices.prefix, chance=random.Random(1)
    )  # fmt: skip


@pytest.fixture
async def records(own_indices: OwnIndices) -> AsyncIterator[SearchRecords]:
    records = opened(own_indices)
    await records.prepare()
    yield records
    await records.close()


class TestOpenSearch(Contract):
    """The contract."""


async def test_a_kind_changes_and_its_old_documents_stay_readable(own_indices: OwnIndices) -> None:
    first, second, third, fourth = versions()
    stores: list[Records] = []

    async def release(kind: type) -> Records:
        stores.append(opened(own_indices, Catalogue(MetaData(), (kind,))))
        await stores[-1].prepare()
        return stores[-1]

    await (await release(first)).write([first(id="1", time=1, room="a")], wait=True)
    records = await release(second)
    await records.write([second(id="2", time=2, room="b", line="some words")], wait=True)
    page = await records.search(Query(second, 0, 9), limit=9)
    assert page.documents == (
        second(id="1", time=1, room="a"),
        second(id="2", time=2, room="b", line="some words"),
    )
    records = await release(third)
    await records.write([third(id="3", time=3, room="c", grade=3)], wait=True)
    page = await records.search(Query(third, 0, 9), limit=9)
    assert [one.grade for one in page.documents] == [None, None, 3]
    with pytest.raises(StartError) as caught:
        await release(fourth)
    assert caught.value.code == "records_field_changed"
    for store in stores:
        await store.close()


async def test_a_day_has_an_index_of_its_own_in_the_name_of_site_class_and_kind(
    records: SearchRecords, own_indices: OwnIndices
) -> None:
    await records.write([sample(1), sample(2, time=0), note(1)], wait=True)
    found = own_indices.server.call("GET", f"{own_indices.prefix}*/_mapping")
    assert isinstance(found, dict)
    assert set(found) == {
        f"{own_indices.prefix}-sg-dashboard-samples-2024.10.04",
        f"{own_indices.prefix}-sg-dashboard-samples-1970.01.01",
        f"{own_indices.prefix}-sg-sdk_log-notes-2024.10.04",
    }
    mappings = found[f"{own_indices.prefix}-sg-sdk_log-notes-2024.10.04"]["mappings"]
    assert mappings["dynamic"] == "strict"
    assert set(mappings["properties"]) == set(Note.__struct_fields__)


async def test_sites_do_not_see_each_others_documents(own_indices: OwnIndices) -> None:
    """Nor where one site's name begins like the other's."""
    here, there = opened(own_indices, site="sg"), opened(own_indices, site="sg-dashboard-samples")
    for records in (here, there):
        await records.prepare()
    await here.write([sample(1)], wait=True)
    await there.write([sample(2)], wait=True)
    assert await ids(here, samples_where()) == ["s000001"]
    assert await there.delete(samples_where()) == 1
    assert await here.count(samples_where()) == 1
    for records in (here, there):
        await records.close()
    with pytest.raises(ConfigurationError, match="Sin gapore"):
        opened(own_indices, site="Sin gapore")


async def test_what_was_deleted_leaves_the_servers_disk_with_the_daily_expiry(
    records: SearchRecords, own_indices: OwnIndices
) -> None:
    """Few documents among many of one segment: without being told so the server would keep them there."""
    canary = "zylophonecanary"
    given = [note(n, f"{canary} words", user_id=f"{canary}-user") for n in range(3)]
    await records.write([*given, *(note(n, f"others {n}") for n in range(3, 400))], wait=True)
    folder = own_indices.server.process.folder
    own_indices.server.call("POST", f"{own_indices.prefix}*/_flush?force=true")
    assert canary.encode() in await asyncio.to_thread(everything_in, folder)
    assert await records.delete(notes_where(Equals("user_id", f"{canary}-user"))) == 3
    async with asyncio.timeout(150):
        while canary.encode() in await asyncio.to_thread(everything_in, folder):
            # The server gives up its claim on deleted documents when it likes, within a minute or so.
            await asyncio.sleep(1)
            own_indices.server.call("POST", f"{own_indices.prefix}*/_flush?force=true")
            assert await records.expire(Note, 0) == 0
    assert await records.count(notes_where()) == 397


async def test_over_tls_with_a_password(own_indices: OwnIndices, tmp_path: Path) -> None:
    async with front(own_indices.server.url, tmp_path) as before:
        trusted = opened(own_indices, access=Access(before.url, USER, PASSWORD, str(before.ca)))
        await trusted.prepare()
        await trusted.write([sample(1)], wait=True)
        assert await trusted.count(samples_where()) == 1
        guessing = opened(own_indices, access=Access(before.url, USER, "guess", str(before.ca)))
        with pytest.raises(RecordsUnavailable) as caught:
            await guessing.count(samples_where())
        assert caught.value.code == "store_forbids"
        trusting = opened(own_indices, access=Access(before.url, USER, PASSWORD))
        with pytest.raises(RecordsUnavailable) as caught:
            await trusting.count(samples_where())
        assert caught.value.code == "store_gone"
        assert PASSWORD not in repr(Access(before.url, USER, PASSWORD))
        for records in (trusted, guessing, trusting):
            await records.close()


async def test_a_full_disk_is_no_fault_of_the_documents(
    records: SearchRecords, own_indices: OwnIndices
) -> None:
    """The block that the server puts on its indices when its disk is full; afterwards the same documents are taken."""
    await records.write([sample(1)], wait=True)
    block = f"{own_indices.prefix}*/_settings"
    own_indices.server.call("PUT", block, {"index.blocks.read_only_allow_delete": True})
    with pytest.raises(RecordsUnavailable) as caught:
        await records.write([sample(2)])
    assert caught.value.code == "store_busy"
    own_indices.server.call("PUT", block, {"index.blocks.read_only_allow_delete": None})
    await records.write([sample(2)], wait=True)
    assert await records.count(samples_where()) == 2


async def test_a_server_that_is_killed_loses_nothing_and_holds_up_nobody(
    records: SearchRecords, own_indices: OwnIndices, tmp_path: Path
) -> None:
    """Documents flow while the server is killed and started again: all that were acknowledged are there, none twice."""
    server, total = own_indices.server.process, 0
    async with RecordWriter(
        tmp_path / "journal", "sg", catalogue(), records, MemoryKeys(), SystemClock(), Bounds()
    ) as writer:

        async def put(count: int) -> int:
            async with asyncio.timeout(10):
                for at in range(total, total + count, 50):
                    await writer.put_durable([note(n, f"line {n}") for n in range(at, at + 50)])
                    writer.put([sample(at)])
            return total + count

        total = await put(2000)
        await asyncio.to_thread(server.kill)
        assert not await records.works()
        total = await put(2000)
        await until(lambda: writer.tally.retries > 0)
        # From this thread: the server ends with the thread that started it.
        server.start()
        total = await put(500)
        async with asyncio.timeout(60):
            await writer.flush()
        assert writer.tally.lost == {}
    await records.write([sample(total)], wait=True)
    own_indices.server.call("POST", f"{own_indices.prefix}*/_refresh")
    assert await ids(records, notes_where()) == [note(n).id for n in range(total)]
    assert await records.count(samples_where()) == total // 50 + 1

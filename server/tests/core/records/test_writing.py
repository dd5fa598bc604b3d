# SPDX-License-Identifier: Apache-2.0
"""From a feature to the store, whatever the store does: callers never wait for it, acknowledged records are all there afterwards, once."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from sqlalchemy import MetaData
from structlog.testing import capture_logs

from sealroom.catalogue import Catalogue, Undeclared
from sealroom.core.records import Equals, RecordsUnavailable, shipper
from sealroom.core.records.journal import Bounds
from sealroom.core.records.journal.entries import Entries
from sealroom.core.records.journal.segment import read_header
from sealroom.core.records.shipper import BULK
from sealroom.core.records.tally import RecordsMetrics
from sealroom.core.records.writing import BUFFER, RecordWriter
from server.tests.core.records.contract import ids, notes_where, samples_where
from server.tests.core.records.samples import Note, Sample, catalogue, note, sample
from server.tests.core.records.shaky import MemoryKeys, ShakyRecords, everything_in, until
from server.tests.fakes import VirtualClock

WEEK = 7 * 86_400


class Site:
    """A store, a journal, and what writes to them; `running` may be entered again, as after a restart."""

    def __init__(self, folder: Path, clock: VirtualClock) -> None:
        self.clock, self.journal = clock, folder / "journal"
        self.keys, self.store_file = MemoryKeys(), folder / "records.db"
        self.records = ShakyRecords(self.store_file, catalogue(), "sg")
        self.declared = catalogue()

    @asynccontextmanager
    async def running(self, bounds: Bounds | None = None) -> AsyncIterator[RecordWriter]:
        writer = RecordWriter(
            self.journal, "sg", self.declared, self.records, self.keys, self.clock, bounds or Bounds(),
            chance=random.Random(1),
        )  # fmt: skip
        async with writer:
            yield writer

    async def flushed(self, writer: RecordWriter) -> None:
        flushing = asyncio.create_task(writer.flush())
        await until(flushing.done, self.clock)
        await flushing

    async def killed(self, writer: RecordWriter) -> None:
        """Ends it as a kill does: nothing is closed, nothing is flushed."""
        for task in writer._tasks:
            task.cancel()
        await asyncio.gather(*writer._tasks, return_exceptions=True)

    def damage(self, at: int) -> None:
        """Flips a bit of the first segment, `at` bytes behind its header."""
        path = min(self.journal.glob("*.journal"))
        octets = bytearray(path.read_bytes())
        octets[read_header(bytes(octets))[1] + at] ^= 1
        path.write_bytes(octets)


@pytest.fixture
async def site(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Site]:
    site = Site(tmp_path, clock)
    await site.records.prepare()
    yield site
    await site.records.close()


def notes(first: int, count: int) -> list[Note]:
    return [note(n, f"line {n}") for n in range(first, first + count)]


async def found(site: Site) -> list[str]:
    return await ids(site.records, notes_where())


async def test_what_is_durable_reaches_the_store_and_leaves_the_disk(site: Site) -> None:
    async with site.running() as writer:
        await writer.put_durable(notes(0, 2500))
        await site.flushed(writer)
        assert await found(site) == [one.id for one in notes(0, 2500)]
        assert list(site.journal.glob("*.journal")) == []
        assert writer.tally.shipped == writer.tally.journalled == 2500


async def test_it_reaches_the_store_by_itself_and_old_files_go_without_more_to_write(site: Site) -> None:
    async with site.running() as writer:
        await writer.put_durable(notes(0, 3))
        await until(lambda: site.records.written == 3)
        assert len(list(site.journal.glob("*.journal"))) == 1
        await until(lambda: not list(site.journal.glob("*.journal")), site.clock)


async def test_what_keeps_coming_gathers_unless_somebody_waits_for_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper, "APART_SECONDS", 3600.0)
    async with site.running() as writer:
        for number in range(5):
            await writer.put_durable(notes(number, 1))
            await asyncio.sleep(0.02)
        # The round of the start may have had the first; the next begins an hour behind it.
        assert site.records.written <= 1
        await site.flushed(writer)
        assert await found(site) == [one.id for one in notes(0, 5)]


async def test_a_file_that_cannot_be_read_keeps_no_other_from_the_store(site: Site, tmp_path: Path) -> None:
    site.records.gone = True
    async with site.running() as writer:
        await writer.put_durable(notes(0, 3))
        await writer._journal.rotate()
        (unreadable,) = site.journal.glob("*.journal")
        unreadable.rename(tmp_path / "kept")
        unreadable.mkdir()
        await writer.put_durable(notes(3, 3))
        site.records.gone = False
        await until(lambda: site.records.written == 3, site.clock)
        assert await found(site) == [one.id for one in notes(3, 3)]
        unreadable.rmdir()
        (tmp_path / "kept").rename(unreadable)
        await site.flushed(writer)
        assert await found(site) == [one.id for one in notes(0, 6)]


async def test_who_waits_for_a_file_whose_key_is_gone_waits_quietly(site: Site) -> None:
    site.records.gone = True
    async with site.running() as writer:
        await writer.put_durable(notes(0, 3))
    site.records.gone, site.keys.gone = False, True
    async with site.running() as writer:
        with capture_logs() as log:
            flushing = asyncio.create_task(writer.flush())
            for _ in range(300):
                await asyncio.sleep(0.001)
        assert len(log) < 5
        site.keys.gone = False
        await until(flushing.done, site.clock)
        assert await found(site) == [one.id for one in notes(0, 3)]


async def test_while_the_store_is_gone_callers_go_on_and_afterwards_all_is_there_once(site: Site) -> None:
    site.records.gone = True
    async with site.running(Bounds(segment_bytes=20_000)) as writer:
        for first in range(0, 1000, 100):
            async with asyncio.timeout(5):
                await writer.put_durable(notes(first, 100))
            site.clock.advance(1)
        await until(lambda: writer.tally.retries > 2, site.clock)
        assert await found(site) == []
        site.records.gone = False
        await site.flushed(writer)
    assert await found(site) == [one.id for one in notes(0, 1000)]


async def test_a_store_that_does_not_answer_keeps_nobody_waiting(site: Site) -> None:
    site.records.stopped = True
    async with site.running() as writer:
        for first in range(0, 300, 100):
            async with asyncio.timeout(5):
                await writer.put_durable(notes(first, 100))
            writer.put([sample(first)])
            site.clock.advance(1)
        site.records.stopped = False
        await site.flushed(writer)
    assert len(await found(site)) == 300
    assert await site.records.count(samples_where()) == 3


async def test_an_answer_that_was_lost_makes_nothing_twice(site: Site) -> None:
    site.records.lose_answer = True
    async with site.running() as writer:
        await writer.put_durable(notes(0, 50))
        await site.flushed(writer)
        assert writer.tally.retries == 1
    assert await found(site) == [one.id for one in notes(0, 50)]


async def test_a_killed_process_is_followed_by_one_that_ships_the_rest(site: Site) -> None:
    """Once with nothing shipped, once with a part of it; what was shipped already is told again at most from the last position on."""
    site.records.gone = True
    async with site.running() as writer:
        await writer.put_durable(notes(0, 2 * BULK))
        await site.killed(writer)
        await writer._journal._in_thread(lambda: None)
    site.records.gone = False
    async with site.running() as writer:
        await until(lambda: site.records.written >= BULK)
        site.clock.advance(2)
        await writer.put_durable(notes(5000, 10))
        await site.flushed(writer)
    assert await found(site) == [one.id for one in [*notes(0, 2 * BULK), *notes(5000, 10)]]
    assert site.records.written == 2 * BULK + 10


async def test_a_position_of_a_file_that_is_gone_is_not_taken_for_another(site: Site) -> None:
    """Numbers of files begin anew when all are gone; a position must not pass over frames of the next file of that number."""
    async with site.running() as writer:
        await writer.put_durable(notes(0, 10))
        await until(lambda: site.records.written == 10)
        site.clock.advance(5)
        await writer.put_durable(notes(10, 10))
        await until(lambda: (site.journal / "position").exists())
        await site.flushed(writer)
    async with site.running() as writer:
        await writer.put_durable(notes(20, 10))
        await site.flushed(writer)
    assert len(await found(site)) == 30


async def test_what_the_store_will_not_have_is_put_aside_and_can_be_retried(site: Site) -> None:
    site.records.poison = lambda one: one.id.endswith("7")
    async with site.running() as writer:
        await writer.put_durable(notes(0, 30))
        await site.flushed(writer)
        assert len(await found(site)) == 27
        assert writer.tally.dead == {"mapping": 3}
        assert writer.standing().dead_files == 1
        assert b"line 7" not in everything_in(site.journal)
        entries = Entries(site.declared)
        site.records.poison = lambda one: one.id.endswith("17")
        assert await writer.dead.retry(entries, site.records) == (2, 1)
        assert await writer.dead.retry(entries, site.records) == (0, 1)
        site.records.poison = lambda _: False
        assert await writer.dead.retry(entries, site.records) == (1, 0)
        assert writer.dead.files() == []
    assert await found(site) == [one.id for one in notes(0, 30)]


async def test_what_a_newer_program_does_not_know_is_put_aside(site: Site) -> None:
    site.records.gone = True
    async with site.running() as writer:
        await writer.put_durable(notes(0, 3))
    site.records.gone = False
    site.declared = Catalogue(MetaData(), (Sample,))
    async with site.running() as writer:
        await site.flushed(writer)
        assert writer.tally.dead == {"undecodable": 3}
        assert await writer.dead.retry(Entries(site.declared), site.records) == (0, 3)
        assert await writer.dead.retry(Entries(catalogue()), site.records) == (3, 0)
    assert len(await found(site)) == 3


async def test_a_damaged_frame_is_reported_and_all_others_are_shipped(site: Site) -> None:
    site.records.gone = True
    async with site.running() as writer:
        for number in range(5):
            await writer.put_durable(notes(number, 1))
    site.damage(30)
    site.records.gone = False
    async with site.running() as writer:
        await site.flushed(writer)
        assert writer.tally.lost == {"damaged": 1}
    assert await found(site) == [one.id for one in notes(1, 4)]


@pytest.mark.parametrize("left", [0, 3, 6, 40])
async def test_a_file_that_a_killed_process_had_only_begun_is_no_loss(site: Site, left: int) -> None:
    site.records.gone = True
    async with site.running() as writer:
        await writer.put_durable(notes(0, 1))
    (path,) = site.journal.glob("*.journal")
    begun = path.with_name(f"{2:016}.journal")
    begun.write_bytes(path.read_bytes()[:left])
    site.records.gone = False
    async with site.running() as writer:
        await site.flushed(writer)
        assert (writer.tally.lost.total(), writer.tally.torn) == (0, left)
    assert await found(site) == [one.id for one in notes(0, 1)]
    assert list(site.journal.glob("*.journal")) == []


async def test_a_file_whose_header_says_a_wrong_length_is_a_loss(site: Site) -> None:
    site.records.gone = True
    async with site.running() as writer:
        await writer.put_durable(notes(0, 1))
    (path,) = site.journal.glob("*.journal")
    octets = bytearray(path.read_bytes())
    octets[6] ^= 0x40
    path.write_bytes(octets)
    site.records.gone = False
    async with site.running() as writer:
        await site.flushed(writer)
        assert writer.tally.lost == {"file_damaged": 1}


async def test_a_file_without_a_readable_header_is_reported_and_keeps_nothing_up(site: Site) -> None:
    site.records.gone = True
    async with site.running() as writer:
        await writer.put_durable(notes(0, 1))
        await writer._journal.rotate()
        await writer.put_durable(notes(1, 1))
    site.damage(-5)
    site.records.gone = False
    async with site.running() as writer:
        await site.flushed(writer)
        assert writer.tally.lost == {"file_damaged": 1}
    assert await found(site) == [one.id for one in notes(1, 1)]


async def test_a_torn_tail_is_no_loss(site: Site) -> None:
    site.records.gone = True
    async with site.running() as writer:
        await writer.put_durable(notes(0, 2))
    path = min(site.journal.glob("*.journal"))
    path.write_bytes(path.read_bytes()[:-3])
    site.records.gone = False
    async with site.running() as writer:
        await site.flushed(writer)
        assert writer.tally.lost == {}
        assert writer.tally.torn > 0
    assert len(await found(site)) == 2


async def test_files_whose_key_is_away_wait_for_it_and_keep_nothing_up(site: Site) -> None:
    site.records.gone = True
    async with site.running() as writer:
        await writer.put_durable(notes(0, 2))
    site.records.gone = False
    keys, site.keys = site.keys, MemoryKeys()
    async with site.running() as writer:
        await writer.put_durable(notes(2, 2))
        await until(lambda: site.records.written == 2)
    site.keys = keys
    async with site.running() as writer:
        await until(lambda: site.records.written == 4)
    assert len(await found(site)) == 4


async def test_what_is_never_taken_ends_with_its_week_and_is_counted(site: Site) -> None:
    site.records.gone = True
    site.records.poison = lambda one: one.id.endswith("1")
    async with site.running() as writer:
        await writer.put_durable(notes(0, 2))
        await writer._journal.rotate()
        site.clock.advance(WEEK + 60)
        await writer.put_durable(notes(2, 2))
        await until(lambda: writer.tally.lost == {"file_too_old": 1}, site.clock)
        site.records.gone = False
        await site.flushed(writer)
        await writer.put_durable(notes(11, 1))
        await site.flushed(writer)
        assert writer.standing().dead_files == 1
        site.clock.advance(WEEK + 60)
        await until(lambda: writer.standing().dead_files == 0, site.clock)
    assert await found(site) == [one.id for one in notes(2, 2)]


async def test_an_erasure_reaches_what_was_not_shipped_and_what_was_put_aside(site: Site) -> None:
    """A subject's documents lie in the journal and among dead letters. Afterwards no file holds them, and nothing brings them back."""
    site.records.gone = True
    site.records.poison = lambda one: one.id.endswith("9")
    async with site.running() as writer:
        await writer.put_durable([note(n, "theirs", user_id="ann" if n % 2 else "bob") for n in range(20)])
        flushing = asyncio.create_task(writer.flush())
        await until(lambda: writer.tally.retries > 0, site.clock)
        assert not flushing.done()
        site.records.gone = False
        await until(flushing.done, site.clock)
        await site.records.delete(notes_where(Equals("user_id", "ann")))
        assert await writer.erase_dead(lambda kind, of: kind == "notes" and of["user_id"] == "ann") == 2
        await site.killed(writer)
    async with site.running() as writer:
        await site.flushed(writer)
        site.records.poison = lambda _: False
        await writer.dead.retry(Entries(site.declared), site.records)
        assert await site.records.count(notes_where(Equals("user_id", "ann"))) == 0
        assert await site.records.count(notes_where(Equals("user_id", "bob"))) == 10


async def test_a_full_journal_refuses_and_says_so(site: Site) -> None:
    site.records.gone = True
    async with site.running(Bounds(total_bytes=10_000)) as writer:
        taken = 0
        with pytest.raises(RecordsUnavailable):  # noqa: PT012
            for taken in range(0, 100_000, 10):
                await writer.put_durable(notes(taken, 10))
        assert "refused 10," in writer.says()
        registry = CollectorRegistry()
        registry.register(RecordsMetrics(writer.tally, writer.standing))
        text = generate_latest(registry).decode()
        assert 'sealroom_records_refused_total{reason="full"} 10.0' in text
        assert f"sealroom_records_journalled_total {taken}.0" in text
        site.records.gone = False
        await site.flushed(writer)
        await writer.put_durable(notes(taken, 10))
        await site.flushed(writer)
    assert len(await found(site)) == taken + 10


async def test_samples_are_written_twice_a_second(site: Site) -> None:
    async with site.running() as writer:
        writer.put([sample(1), sample(2)])
        await asyncio.sleep(0)
        assert await site.records.count(samples_where()) == 0
        site.clock.advance(0.5)
        await until(lambda: writer.tally.sampled == 2)
        assert await site.records.count(samples_where()) == 2


async def test_samples_beyond_the_buffer_push_out_the_oldest_and_are_counted(site: Site) -> None:
    site.records.gone = True
    async with site.running() as writer:
        writer.put([sample(n) for n in range(BUFFER)])
        await until(lambda: writer.tally.retries >= 1, site.clock)
        writer.put([sample(BUFFER + n) for n in range(7)])
        assert writer.tally.lost == {"buffer_full": 7}
        assert writer.standing().buffered == BUFFER
        site.records.gone = False
        await site.flushed(writer)
        assert await site.records.count(samples_where()) == BUFFER
        assert await site.records.count(samples_where(until=sample(7).time)) == 0


async def test_samples_that_the_store_refuses_are_counted_and_the_rest_is_there(site: Site) -> None:
    site.records.poison = lambda one: one.id == "s000003"
    async with site.running() as writer:
        writer.put([sample(n) for n in range(5)])
        await site.flushed(writer)
        assert writer.tally.lost == {"store_refused": 1}
        assert writer.tally.sampled == 4


async def test_the_last_samples_are_written_when_the_process_ends_in_order(site: Site) -> None:
    async with site.running() as writer:
        writer.put([sample(1)])
    assert await site.records.count(samples_where()) == 1


async def test_the_last_samples_are_lost_and_counted_where_the_store_is_gone(site: Site) -> None:
    site.records.gone = True
    async with site.running() as writer:
        writer.put([sample(1)])
    assert writer.tally.lost == {"at_end": 1}


async def test_each_kind_has_its_own_way(site: Site) -> None:
    async with site.running() as writer:
        with pytest.raises(Undeclared, match="durable"):
            writer.put([note(1)])
        with pytest.raises(Undeclared, match="sampled"):
            await writer.put_durable([sample(1)])


async def test_the_store_may_be_restarted_in_the_middle(site: Site) -> None:
    """Documents flow all the time; the store is closed and opened again twice."""
    total = 0
    async with site.running(Bounds(segment_bytes=30_000)) as writer:
        for _ in range(3):
            for _ in range(10):
                await writer.put_durable(notes(total, 37))
                total += 37
            site.records.gone = True
            await site.records.close()
            await writer.put_durable(notes(total, 5))
            total += 5
            site.records = fresh = ShakyRecords(site.store_file, catalogue(), "sg")
            await fresh.prepare()
            writer._shipper._records = fresh
            site.clock.advance(60)
        await site.flushed(writer)
    assert await found(site) == [one.id for one in notes(0, total)]

# SPDX-License-Identifier: Apache-2.0
"""The journal: what `append` returned for is there, whatever happens to the process or the disk; what it refused is counted."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealroom.catalogue import Store, Undeclared
from sealroom.catalogue.declare import dataset_of
from sealroom.core.clock import SystemClock
from sealroom.core.errors import StartError
from sealroom.core.records import RecordsUnavailable
from sealroom.core.records.journal import Bounds, DeadLetters, Journal, journal_dataset
from sealroom.core.records.journal.entries import Entries
from sealroom.core.records.journal.reading import SegmentReader
from sealroom.core.records.sqlite import SqliteRecords
from sealroom.core.records.tally import Tally
from sealroom.core.records.writing import RecordWriter
from server.tests.core.records.appending import FixedKeys
from server.tests.core.records.contract import ids, notes_where
from server.tests.core.records.samples import Note, Sample, catalogue, note, sample
from server.tests.core.records.shaky import MemoryKeys, everything_in, until
from server.tests.fakes import VirtualClock

ROOT = Path(__file__).parents[4]


def made(folder: Path, clock: VirtualClock, keys: MemoryKeys, bounds: Bounds | None = None) -> Journal:
    return Journal(folder, "sg", Entries(catalogue()), keys, clock, bounds or Bounds(), Tally())


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
async def journal(tmp_path: Path, clock: VirtualClock, keys: MemoryKeys) -> AsyncIterator[Journal]:
    journal = made(tmp_path / "journal", clock, keys)
    await journal.open()
    yield journal
    await journal.close()


async def content(journal: Journal) -> list[Note]:
    """Every document in the journal's files."""
    entries, found = Entries(catalogue()), []
    for segment in journal.segments():
        reader = await SegmentReader.open(segment.path, journal.keys)
        for _, payload in reader.read(segment.committed):
            found += list(entries.unpack(payload))
        assert reader.findings.frames == 0
    return found  # type: ignore[return-value]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))


def tally_of(journal: Journal) -> Tally:
    return journal._tally


async def test_what_was_appended_is_in_it_and_nothing_of_it_can_be_read_by_others(journal: Journal) -> None:
    given = [note(n, "canary words", user_id="canary-user") for n in range(1200)]
    await journal.append(given)
    await journal.append([note(2000)])
    assert await content(journal) == [*given, note(2000)]
    assert tally_of(journal).journalled == 1201
    for path in journal.folder.iterdir():
        assert b"canary" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0
    assert journal.folder.stat().st_mode & 0o077 == 0


async def test_a_file_is_closed_once_though_who_closes_it_is_cancelled(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of a closed file is given to the next that is opened: what is written to it then is written there."""
    await journal.append([note(1)])
    begun, go_on, sync = threading.Event(), threading.Event(), os.fdatasync

    def slow(descriptor: int) -> None:
        begun.set()
        go_on.wait(10)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    closing = asyncio.create_task(journal.rotate())
    await asyncio.to_thread(begun.wait, 10)
    closing.cancel()
    await asyncio.wait({closing})
    go_on.set()
    await journal._in_thread(lambda: None)
    with (tmp_path / "another").open("wb", buffering=0) as another:
        await journal.close()
        assert os.fstat(another.fileno()).st_size == 0
    assert await content(journal) == [note(1)]


async def test_append_returns_only_when_the_disk_has_it(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may = threading.Event(), threading.Event()
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        asked.set()
        may.wait(10)
        real(descriptor)

    monkeypatch.setattr("os.fdatasync", slow)
    appending = asyncio.create_task(journal.append([note(1)]))
    await asyncio.to_thread(asked.wait, 10)
    await asyncio.sleep(0)
    assert not appending.done()
    may.set()
    await appending


async def test_those_who_come_while_the_disk_is_busy_share_one_sync(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = 0
    real = os.fdatasync

    def counted(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        real(descriptor)

    monkeypatch.setattr("os.fdatasync", counted)
    await asyncio.gather(*(journal.append([note(n)]) for n in range(200)))
    assert syncs <= 3
    assert sorted(one.id for one in await content(journal)) == [note(n).id for n in range(200)]


async def test_what_exceeds_the_bound_is_refused_and_counted_and_room_is_used_again(
    tmp_path: Path, clock: VirtualClock, keys: MemoryKeys
) -> None:
    journal = made(tmp_path, clock, keys, Bounds(total_bytes=20_000, segment_bytes=4_000))
    await journal.open()
    taken = 0
    caught = None
    while caught is None:
        try:
            await journal.append([note(taken, "x" * 100)] * 3)
            taken += 3
        except RecordsUnavailable as error:
            caught = error
    assert caught.code == "journal_full"
    assert tally_of(journal).refused == {"full": 3}
    assert journal.size <= 20_000
    # But for the header of the file that is made before it is needed.
    assert 0 <= len(everything_in(tmp_path)) - journal.size < 200
    assert len(await content(journal)) == taken
    await journal.remove(journal.segments()[0])
    await journal.append([note(1)])
    await journal.close()


async def test_a_burst_cannot_exceed_the_bound_before_it_is_written(
    tmp_path: Path, clock: VirtualClock, keys: MemoryKeys
) -> None:
    journal = made(tmp_path, clock, keys, Bounds(total_bytes=20_000))
    await journal.open()
    answers = await asyncio.gather(
        *(journal.append([note(n, "x" * 1000)]) for n in range(100)), return_exceptions=True
    )
    taken = answers.count(None)
    assert 10 < taken < 20
    assert tally_of(journal).refused == {"full": 100 - taken}
    await journal.close()


async def test_what_somebody_else_put_into_the_folder_is_left_alone(
    tmp_path: Path, clock: VirtualClock, keys: MemoryKeys
) -> None:
    (tmp_path / "copy of 1.journal").write_bytes(b"x")
    (tmp_path / "x.dead").write_bytes(b"x")
    journal = made(tmp_path, clock, keys)
    await journal.open()
    await journal.append([note(1)])
    assert len(await content(journal)) == 1
    await journal.close()
    letters = DeadLetters(tmp_path, "main", keys, clock)
    assert letters.files() == []
    assert await letters.expire(2**50) == []
    assert "copy of 1.journal" in {path.name for path in files(tmp_path)}


async def test_files_are_closed_by_size_and_age(
    tmp_path: Path, clock: VirtualClock, keys: MemoryKeys
) -> None:
    journal = made(tmp_path, clock, keys, Bounds(segment_bytes=1_000, segment_seconds=10))
    await journal.open()
    await journal.append([note(1, "x" * 1000)])
    await journal.append([note(2)])
    await until(lambda: [one.committed is None for one in journal.segments()] == [True, False])
    clock.advance(10)
    await journal.append([note(3)])
    await until(lambda: [one.committed is None for one in journal.segments()] == [True, True, False])
    assert await journal.rotate(older_than=1) == 2
    assert await journal.rotate() == 3
    assert len(await content(journal)) == 3
    await journal.close()


async def test_the_next_file_is_made_before_it_is_needed_and_does_not_wait_for_long(
    tmp_path: Path, clock: VirtualClock, keys: MemoryKeys
) -> None:
    """It says when it was begun: one that waited for days would count as old the moment it is used."""
    journal = made(tmp_path, clock, keys, Bounds(segment_seconds=10))
    await journal.open()
    await journal.append([note(1)])
    clock.advance(6)
    await journal.append([note(2)])
    await until(lambda: len(files(tmp_path)) == 2)
    clock.advance(5)
    keys.gone = True
    await journal.append([note(3)])
    keys.gone = False
    await until(lambda: journal.segments()[0].committed is None)
    assert [one.number for one in journal.segments()] == [1, 2]
    clock.advance(6)
    await journal.append([note(4)])
    await until(lambda: len(files(tmp_path)) == 3)
    assert await journal.rotate(older_than=1) == 2
    assert [one.number for one in journal.segments()] == [1, 2]
    assert [path.name for path in files(tmp_path)] == [one.path.name for one in journal.segments()]
    await journal.append([note(5)])
    assert await journal.rotate() == 4
    assert await content(journal) == [note(n) for n in range(1, 6)]
    await journal.close()


async def test_what_is_not_declared_as_durable_is_refused(journal: Journal) -> None:
    with pytest.raises(Undeclared, match="sampled"):
        await journal.append([sample(1)])
    with pytest.raises(ValueError, match="megabytes"):
        await journal.append([note(1, "x" * 5_000_000)])
    await journal.append([])
    assert journal.segments() == []


async def test_without_keys_nothing_is_taken_and_with_them_it_goes_on(
    journal: Journal, keys: MemoryKeys
) -> None:
    keys.gone = True
    with pytest.raises(RecordsUnavailable) as caught:
        await journal.append([note(1)])
    assert caught.value.code == "journal_no_key"
    keys.gone = False
    await journal.append([note(2)])
    assert await content(journal) == [note(2)]
    assert tally_of(journal).refused == {"no_key": 1}


async def test_a_disk_that_fails_acknowledges_nothing_and_costs_nothing_that_was(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a frame is written when the disk is full; afterwards it goes on in another file, and no nonce comes twice."""
    await journal.append([note(1)])
    real, failing = os.write, True

    def full(descriptor: int, octets: bytes) -> int:
        if failing and len(octets) > 20:
            return real(descriptor, octets[: len(octets) // 2])
        if failing:
            raise OSError(28, "No space left on device")
        return real(descriptor, octets)

    monkeypatch.setattr("os.write", full)
    for number in (2, 3):
        with pytest.raises(RecordsUnavailable) as caught:
            await journal.append([note(number)])
        assert caught.value.code == "journal_unwritable"
    failing = False
    await journal.append([note(4)])
    assert await content(journal) == [note(1), note(4)]
    assert len({one.number for one in journal.segments()}) == 2
    assert tally_of(journal).refused == {"unwritable": 2}


async def test_a_folder_that_cannot_be_used_stops_the_start(
    tmp_path: Path, clock: VirtualClock, keys: MemoryKeys
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot be used"):
        await made(tmp_path / "file" / "journal", clock, keys).open()


async def test_what_an_earlier_process_left_is_found(
    tmp_path: Path, clock: VirtualClock, keys: MemoryKeys
) -> None:
    first = made(tmp_path, clock, keys)
    await first.open()
    await first.append([note(1)])
    second = made(tmp_path, clock, keys)
    await second.open()
    assert second.size == first.size
    await second.append([note(2)])
    assert await content(second) == [note(1), note(2)]
    assert [one.number for one in second.segments()] == [1, 2]
    for journal in (first, second):
        await journal.close()


def run_child(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "server.tests.core.records.appending", str(folder), *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def killed_after(child: "subprocess.Popen[str]", count: int) -> list[str]:
    """Kills it when it has acknowledged so many; returns all that it had."""
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(count)]
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read().splitlines(keepends=True)
    acknowledged += [line.strip() for line in rest if line.endswith("\n")]
    child.wait()
    child.stdout.close()
    return acknowledged


async def found_after(folder: Path, clock: VirtualClock) -> list[str]:
    journal = Journal(folder, "sg", Entries(catalogue()), FixedKeys(), clock, Bounds(), Tally())
    await journal.open()
    found = [one.id for one in await content(journal)]
    await journal.close()
    return found


@pytest.mark.parametrize("after", [1, 40, 200])
async def test_a_process_that_is_killed_has_kept_all_that_it_acknowledged(
    tmp_path: Path, clock: VirtualClock, after: int
) -> None:
    child = run_child(tmp_path)
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(after)]
    child.send_signal(signal.SIGKILL)
    acknowledged += [
        line.strip() for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")
    ]
    child.wait()
    child.stdout.close()
    found = await found_after(tmp_path, clock)
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))


async def test_a_removal_that_was_cut_short_is_finished_and_nothing_lost(
    tmp_path: Path, clock: VirtualClock, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = made(tmp_path, clock, keys)
    await journal.open()
    await journal.append([note(1)])
    await journal.rotate()
    (shipped,) = journal.segments()

    def killed(_path: Path) -> None:
        raise InterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", killed)
        with pytest.raises(InterruptedError):
            await journal.remove(shipped)
    await journal.close()
    assert shipped.path.exists()
    following = made(tmp_path, clock, keys)
    await following.open()
    assert following.segments() == []
    assert not shipped.path.exists()
    await following.close()


def test_so_is_that_of_a_file_of_dead_letters(tmp_path: Path, clock: VirtualClock, keys: MemoryKeys) -> None:
    letters = DeadLetters(tmp_path, "main", keys, clock)
    cut_short, there = tmp_path / f"{1:020}.dead", tmp_path / f"{2:020}.dead"
    cut_short.write_bytes(b"SRJ0".ljust(90, b"\0"))
    there.write_bytes(b"SRJ1")
    assert letters.files() == [there]
    assert not cut_short.exists()


async def test_a_process_that_is_killed_while_it_ships_has_lost_nothing_and_doubled_nothing(
    tmp_path: Path,
) -> None:
    """Three times one behind the other, on the same journal and store."""
    acknowledged: set[str] = set()
    for count in (30, 150, 400):
        acknowledged |= set(killed_after(run_child(tmp_path, "store"), count))
    records = SqliteRecords(tmp_path / "records.db", catalogue(), "sg")
    await records.prepare()
    async with RecordWriter(
        tmp_path / "journal", "sg", catalogue(), records, FixedKeys(), SystemClock(), Bounds()
    ) as writer:
        async with asyncio.timeout(30):
            await writer.flush()
        assert writer.tally.lost == {}
    found = await ids(records, notes_where())
    await records.close()
    assert len(found) == len(set(found))
    assert acknowledged <= set(found)
    assert len(found) <= len(acknowledged) + 1
    assert len(list((tmp_path / "journal").glob("*.journal"))) == 0


async def test_a_file_that_may_grow_no_more_ends_nothing(tmp_path: Path, clock: VirtualClock) -> None:
    """The system refuses to let files grow beyond 64 kB, in the middle of a frame; each time the next file takes over."""
    child = run_child(tmp_path, "65536", "300")
    output, _ = child.communicate(timeout=60)
    acknowledged = [line for line in output.splitlines() if line.startswith("n")]
    refused = [line for line in output.splitlines() if line == "journal_unwritable"]
    assert child.returncode == 0
    assert refused
    assert len(acknowledged) + len(refused) == 300
    found = await found_after(tmp_path, clock)
    assert sorted(found) == sorted(acknowledged)


def test_the_catalogue_says_what_the_journal_may_hold() -> None:
    found = journal_dataset([Sample, Note])
    assert found is not None
    assert found.store is Store.JOURNAL
    assert set(found.columns) == {"notes"}
    assert found.columns["notes"].field.data_class is dataset_of(Note).data_class
    assert found.is_personal
    assert journal_dataset([Sample]) is None

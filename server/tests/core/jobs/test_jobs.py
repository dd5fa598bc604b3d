# SPDX-License-Identifier: Apache-2.0
"""Jobs are done once by one of many workers, tried again when they fail, and taken over from the dead."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select
from structlog.testing import capture_logs

from sealroom.core.config.schema import DatabaseSettings, TraceSettings
from sealroom.core.db import Database
from sealroom.core.jobs import Daily, Every, Job, JobKind, JobMetrics, Jobs, queue
from sealroom.core.jobs.models import jobs as table
from sealroom.core.jobs.queue import LEASE_SECONDS
from sealroom.core.traces import traces_of
from server.tests.collector import collecting
from server.tests.collector import said as attributes
from server.tests.fakes import NOW, VirtualClock

DAY = 86_400


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(tmp_path / "x.db")
    yield made
    await made.close()


class Worker:
    """A handler that remembers, and fails as long as it is told to."""

    def __init__(self) -> None:
        self.done: list[Job] = []
        self.fails = 0
        self.hold: asyncio.Event | None = None
        self.begun = asyncio.Event()

    async def __call__(self, job: Job) -> None:
        self.begun.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.fails:
            self.fails -= 1
            raise RuntimeError("with the text of a secret in it")
        self.done.append(job)


async def add(jobs: Jobs, database: Database, key: str, due: float = NOW) -> bool:
    async with database.writing() as connection:
        return await jobs.add(connection, "ship", key, "what", due)


async def test_a_job_is_done_when_it_is_due_and_then_gone(database: Database) -> None:
    clock, worker = VirtualClock(), Worker()
    jobs = Jobs(database, clock, [JobKind("ship", worker)])
    assert await add(jobs, database, "a", NOW + 10)
    assert not await add(jobs, database, "a"), "it waits already"
    assert not await jobs.do_one()
    clock.advance(10)
    assert await jobs.do_one()
    assert worker.done == [Job("a", "what", 1)]
    assert await jobs.waiting() == []
    assert await add(jobs, database, "a"), "a job that was done may come again"


async def test_a_job_is_taken_on_with_the_change_that_asks_for_it_or_not_at_all(database: Database) -> None:
    jobs = Jobs(database, VirtualClock(), [JobKind("ship", Worker())])

    async def change() -> None:
        async with database.writing() as connection:
            await jobs.add(connection, "ship", "a", "", NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await change()
    assert await jobs.waiting() == []


async def test_many_workers_do_each_job_once(database: Database) -> None:
    clock, worker = VirtualClock(), Worker()
    everybody = [Jobs(database, clock, [JobKind("ship", worker)]) for _ in range(4)]
    for number in range(40):
        await add(everybody[0], database, str(number))

    async def work(jobs: Jobs) -> None:
        while await jobs.do_one():
            pass

    await asyncio.gather(*map(work, everybody))
    assert sorted(int(job.key) for job in worker.done) == list(range(40))


async def test_what_fails_is_tried_again_ever_later_and_given_up_where_its_kind_says_so(
    database: Database,
) -> None:
    clock, worker = VirtualClock(), Worker()
    jobs = Jobs(database, clock, [JobKind("ship", worker, first_retry=5, attempts=3)])
    worker.fails = 3
    await add(jobs, database, "a")
    assert await jobs.do_one()
    assert not await jobs.do_one()
    clock.advance(5)
    assert await jobs.do_one()
    clock.advance(5)
    assert not await jobs.do_one(), "the second time it waits twice as long"
    clock.advance(5)
    assert await jobs.do_one()
    (left,) = await jobs.waiting()
    assert (left.given_up, left.attempts, left.error) == (True, 3, "RuntimeError")
    clock.advance(DAY)
    assert not await jobs.do_one()
    assert await jobs.retry("ship", "a")
    assert await jobs.do_one()
    assert [job.attempt for job in worker.done] == [1]


async def test_a_dead_workers_job_is_taken_over_and_the_late_one_changes_nothing(database: Database) -> None:
    clock, slow, quick = VirtualClock(), Worker(), Worker()
    slow.hold = asyncio.Event()
    first, second = (Jobs(database, clock, [JobKind("ship", worker)]) for worker in (slow, quick))
    await add(first, database, "a")
    held = asyncio.create_task(first.do_one())
    await slow.begun.wait()
    assert not await second.do_one(), "it is leased"
    clock.advance(LEASE_SECONDS + 1)
    quick.fails = 1
    assert await second.do_one()
    slow.hold.set()
    await held
    (left,) = await second.waiting()
    assert left.attempts == 2, "who lost the lease does not take the job away from who has it"


async def test_work_that_comes_back_runs_once_for_all_the_times_that_were_missed(database: Database) -> None:
    clock, worker = VirtualClock(), Worker()
    jobs = Jobs(database, clock, [JobKind("purge", worker, Daily(3))])
    await jobs.prepare()
    await jobs.prepare()
    (planned,) = await jobs.waiting()
    assert planned.due % DAY == 3 * 3600
    clock.advance(10 * DAY)
    assert await jobs.do_one()
    assert not await jobs.do_one()
    assert len(worker.done) == 1
    (planned,) = await jobs.waiting()
    assert clock.unix() < planned.due <= clock.unix() + DAY


async def test_work_that_comes_back_is_never_given_up(database: Database) -> None:
    clock, worker = VirtualClock(), Worker()
    jobs = Jobs(database, clock, [JobKind("roll", worker, Every(60), first_retry=5, attempts=2)])
    await jobs.prepare()
    worker.fails = 5
    for _ in range(5):
        clock.advance(60)
        assert await jobs.do_one()
    clock.advance(60)
    assert await jobs.do_one()
    assert len(worker.done) == 1


async def test_a_job_of_a_kind_that_this_program_does_not_know_is_left_for_one_that_does(
    database: Database,
) -> None:
    clock, worker = VirtualClock(), Worker()
    await add(Jobs(database, clock, [JobKind("ship", worker)]), database, "a")
    other = Jobs(database, clock, [JobKind("roll", worker)])
    assert not await other.do_one()
    with pytest.raises(ValueError, match="no job ship"):
        await add(other, database, "b")


@asynccontextmanager
async def running(jobs: Jobs) -> AsyncIterator[None]:
    """A worker beside the test."""
    task = asyncio.create_task(jobs.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def said(log: list[MutableMapping[str, object]], event: str) -> None:
    """Waits until a worker has said something."""
    for _ in range(1000):
        if any(line["event"] == event for line in log):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"nobody said {event}")


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[Database]:
    """A database for which no writer waits long."""
    made = Database(tmp_path / "x.db", DatabaseSettings(lock_timeout=0.02))
    yield made
    await made.close()


async def test_a_database_that_is_busy_for_long_does_not_end_a_worker(
    impatient: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LOOK_SECONDS", 0.01)
    worker = Worker()
    jobs = Jobs(impatient, VirtualClock(), [JobKind("ship", worker)])
    await add(jobs, impatient, "a")
    with capture_logs() as log:
        async with running(jobs):
            async with impatient.writing():
                await said(log, "jobs_wait_for_database")
            async with asyncio.timeout(10):
                await worker.begun.wait()


async def test_a_lease_that_could_not_be_renewed_is_renewed_the_next_time(
    impatient: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LEASE_SECONDS", 0.06)
    clock, worker = VirtualClock(), Worker()
    worker.hold = asyncio.Event()
    first, second = (Jobs(impatient, clock, [JobKind("ship", worker)]) for _ in range(2))
    await add(first, impatient, "a")
    with capture_logs() as log:
        held = asyncio.create_task(first.do_one())
        await worker.begun.wait()
        async with impatient.writing():
            await said(log, "job_not_renewed")
    clock.advance(1)
    for _ in range(1000):
        ((until,),) = await impatient.ask(select(table.c.leased_until))
        if until > clock.unix():
            break
        await asyncio.sleep(0.01)
    assert not await second.do_one(), "it is leased again"
    worker.hold.set()
    await held


def test_daily_and_every_name_the_first_moment_after() -> None:
    assert Every(60).after(59) == 60
    assert Every(60).after(60) == 120
    assert Daily(3, 30).after(0) == 12_600
    assert Daily(3, 30).after(12_600) == DAY + 12_600


async def test_runs_are_counted_and_traced_without_what_a_failure_says(database: Database) -> None:
    clock, worker, registry = VirtualClock(), Worker(), CollectorRegistry()
    with collecting() as collector:
        traces = traces_of(TraceSettings(collector.url, 1.0), "1", "sg")
        kind = JobKind("ship", worker, first_retry=5, attempts=2)
        jobs = Jobs(database, clock, [kind], JobMetrics(registry), traces)

        def runs(reason: str) -> float | None:
            return registry.get_sample_value("sealroom_jobs_total", {"kind": "ship", "reason": reason})

        assert (runs("done"), runs("failed"), runs("given_up")) == (0, 0, 0)
        worker.fails = 2
        await add(jobs, database, "a")
        assert await jobs.do_one()
        clock.advance(5)
        assert await jobs.do_one()
        assert (runs("done"), runs("failed"), runs("given_up")) == (0, 1, 1)
        await jobs.retry("ship", "a")
        assert await jobs.do_one()
        assert (runs("done"), runs("failed"), runs("given_up")) == (1, 1, 1)
        assert registry.get_sample_value("sealroom_job_seconds_count", {"kind": "ship"}) == 3
        await traces.close()
        assert [attributes(one) for one in collector.named("job")] == [
            {"kind": "ship", "attempt": 1, "error": "RuntimeError"},
            {"kind": "ship", "attempt": 2, "error": "RuntimeError"},
            {"kind": "ship", "attempt": 1},
        ]
        assert b"secret" not in collector.requests[0].SerializeToString()

# SPDX-License-Identifier: Apache-2.0
"""Takes jobs on and does them: claimed under a lease, so that two workers never have one, and a dead one keeps none.

**A handler may run again for a job that it did already**: when its worker died, or lost its lease, before that was written down.
"""

import asyncio
import itertools
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy import ColumnElement, Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.clock import Clock
from sealroom.core.db import AWAY, Database, insert_new
from sealroom.core.errands import place_of
from sealroom.core.jobs.kind import Job, JobKind
from sealroom.core.jobs.models import jobs
from sealroom.core.logging import get_logger
from sealroom.core.traces import OFF, SpanName, Traces

LEASE_SECONDS = 60.0
"""How long a worker that says nothing keeps a job. Lower takes over sooner from a dead one, and renews more often."""
LOOK_SECONDS = 1.0
"""How often a worker without work looks for some. Lower starts jobs sooner and asks the database more often."""

OUTCOMES = ("done", "failed", "given_up")

_log = get_logger()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job as it is shown. `error` is the kind of its last failure."""

    kind: str
    key: str
    due: float
    attempts: int
    given_up: bool
    error: str


class JobMetrics:
    """What became of jobs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ended = Counter(
            "sealroom_jobs_total", "Runs of jobs, by kind, and by what came of them: `done`, `failed`, `given_up`.",
            ["kind", "reason"], registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "sealroom_job_seconds",
            "One run of a job.",
            ["kind"],
            buckets=(0.01, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0, 3600.0),
            registry=registry,
        )


class Jobs:
    """The jobs of one database, done by this process and others."""

    def __init__(
        self, database: Database, clock: Clock, kinds: Iterable[JobKind], metrics: JobMetrics | None = None, traces: Traces = OFF
    ) -> None:  # fmt: skip
        self._database, self._clock, self._traces = database, clock, traces
        self._kinds = {kind.name: kind for kind in kinds}
        self._metrics = metrics or JobMetrics(CollectorRegistry())
        for kind, outcome in itertools.product(self._kinds, OUTCOMES):
            self._metrics.ended.labels(kind, outcome)
        self._me = secrets.token_hex(8)

    async def prepare(self) -> None:
        """Puts work that comes back on the list, where it is not there yet."""
        async with self._database.writing() as connection:
            for kind in self._kinds.values():
                if kind.schedule is not None:
                    await self.add(connection, kind.name, "", "", kind.schedule.after(self._clock.unix()))

    async def add(self, connection: AsyncConnection, kind: str, key: str, payload: str, due: float) -> bool:
        """Takes a job on, in the transaction of the change that asks for it; False where one of that kind and key waits already."""
        if kind not in self._kinds:
            raise ValueError(f"there is no job {kind}")
        row = {"kind": kind, "key": key, "payload": payload, "due": due, **_FRESH}
        return await insert_new(connection, jobs, row) == 1

    async def waiting(self) -> list[Waiting]:
        """Every job there is, the next one first."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(jobs).order_by(jobs.c.given_up, jobs.c.due, jobs.c.id))
            return [
                Waiting(row.kind, row.key, row.due, row.attempts, bool(row.given_up), row.error)
                for row in rows
            ]

    async def retry(self, kind: str, key: str) -> bool:
        """Makes a job due now, given up or not; says whether there is one."""
        async with self._database.writing() as connection:
            found = await connection.execute(
                update(jobs)
                .where(jobs.c.kind == kind, jobs.c.key == key)
                .values(due=self._clock.unix(), given_up=0, attempts=0)
            )
            return found.rowcount > 0

    async def run(self) -> None:
        """Does jobs as they become due, until it is cancelled."""
        while True:
            try:
                while await self.do_one():
                    pass
            except Exception as error:
                # The database is away for a while; the jobs are in it and wait. Nothing ends this: who deletes what is old is one of them.
                _log.warning("jobs_wait_for_database", error=type(error).__name__, place=place_of(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def do_one(self) -> bool:
        """Does the job that is due for longest; False where there is none."""
        row = await self._claim()
        if row is None:
            return False
        kind = self._kinds[row.kind]
        job = Job(row.key, row.payload, row.attempts)
        keeper = asyncio.create_task(self._keep(row.id))
        began = self._clock.monotonic()
        try:
            with self._traces.span(SpanName.JOB) as span:
                span.set("kind", kind.name)
                span.set("attempt", job.attempt)
                await kind.handler(job)
        except Exception as error:
            _log.error(
                "job_failed",
                kind=row.kind,
                error=type(error).__name__,
                place=place_of(error),
                count=row.attempts,
            )
            await self._failed(row.id, kind, job, type(error).__name__)
        else:
            await self._done(row.id, kind)
            self._metrics.ended.labels(kind.name, "done").inc()
        finally:
            keeper.cancel()
            self._metrics.seconds.labels(kind.name).observe(self._clock.monotonic() - began)
        return True

    async def _claim(self) -> Row[Any] | None:
        now = self._clock.unix()
        free = (
            select(jobs.c.id)
            .where(
                jobs.c.given_up == 0,
                jobs.c.due <= now,
                jobs.c.leased_until <= now,
                jobs.c.kind.in_(self._kinds),
            )
            .order_by(jobs.c.due, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        claim = (
            update(jobs)
            .where(jobs.c.id == free)
            .values(leased_until=now + LEASE_SECONDS, lease=self._me, attempts=jobs.c.attempts + 1)
            .returning(jobs)
        )
        async with self._database.writing() as connection:
            claimed: Row[Any] | None = (await connection.execute(claim)).first()
            return claimed

    async def _keep(self, number: int) -> None:
        """Renews the lease while the handler works."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            try:
                async with self._database.writing() as connection:
                    until = self._clock.unix() + LEASE_SECONDS
                    mine = update(jobs).where(self._mine(number))
                    await connection.execute(mine.values(leased_until=until))
            except AWAY as error:
                # The next time may still be in time.
                _log.warning("job_not_renewed", error=type(error).__name__)

    async def _done(self, number: int, kind: JobKind) -> None:
        async with self._database.writing() as connection:
            if kind.schedule is None:
                await connection.execute(delete(jobs).where(self._mine(number)))
            else:
                due = kind.schedule.after(self._clock.unix())
                await connection.execute(update(jobs).where(self._mine(number)).values(due=due, **_FRESH))

    async def _failed(self, number: int, kind: JobKind, job: Job, error: str) -> None:
        now = self._clock.unix()
        due = now + kind.retry_in(job.attempt)
        over = bool(kind.attempts) and job.attempt >= kind.attempts
        values: dict[str, object] = {"due": due, "leased_until": 0.0, "lease": "", "error": error[:64]}
        if kind.schedule is not None and (over or due >= kind.schedule.after(now)):
            values |= {"due": kind.schedule.after(now), "attempts": 0}
        elif over:
            values["given_up"] = 1
        self._metrics.ended.labels(kind.name, "given_up" if "given_up" in values else "failed").inc()
        async with self._database.writing() as connection:
            await connection.execute(update(jobs).where(self._mine(number)).values(values))

    def _mine(self, number: int) -> ColumnElement[bool]:
        return (jobs.c.id == number) & (jobs.c.lease == self._me)


_FRESH: dict[str, object] = {"attempts": 0, "leased_until": 0.0, "lease": "", "given_up": 0, "error": ""}

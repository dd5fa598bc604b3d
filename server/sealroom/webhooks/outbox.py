# SPDX-License-Identifier: Apache-2.0
"""Events on their way to endpoints, in the database: written in the ledger's transaction, claimed by one worker at a time.

**A worker owns what it claimed until its lease ends**, and every row of a lane (one room at one endpoint) that waits before it: two
workers never send two events of one room at once. What a killed worker had is claimed again when the lease is over, under the same id.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec
from sqlalchemy import Row, Select, and_, bindparam, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.clock import Clock
from sealroom.core.db import Database, number_of, raise_number
from sealroom.rooms.events import Call, RoomEvent
from sealroom.webhooks.bodies import Told, told_of
from sealroom.webhooks.models import State, Subscriber, endpoints, outbox

TOPIC = "webhooks"
"""Changes of endpoints."""
CLAIMS = "webhook_claims"
"""Claims: those of two workers come one after the other."""
LEASE_SECONDS = 60.0
"""How long a claim holds without being renewed. Shorter brings the events of a killed worker back sooner."""
MAX_CLAIM = 1_000
"""Rows claimed at once."""
MAX_CLAIM_PER_TAKER = 500
"""Of which of one taker: one whose endpoint hangs must not keep all others out."""

Taker: TypeAlias = tuple[int, str]
"""An application and one of its subscribers. What one does not take never keeps another from its own."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One event for one endpoint, as a worker holds it. Times in Unix milliseconds."""

    id: int
    event_id: str
    sdk_app_id: int
    group: int
    subscriber: str
    event_type: int
    lane: str
    info: str = field(repr=False)
    state: State
    since: int
    attempts: int
    parked: int

    @property
    def taker(self) -> Taker:
        """For whom it is."""
        return self.sdk_app_id, self.subscriber


@dataclass(frozen=True, slots=True)
class Delivered:
    """Taken: its row goes."""

    id: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Not taken: its row stays, and is nobody's."""

    id: int
    state: State
    next_at: int
    attempts: int
    parked: int
    problem: str


@dataclass(frozen=True, slots=True)
class Revived:
    """An endpoint answers again: what is parked for it is due now."""

    sdk_app_id: int
    group: int
    subscriber: str


Outcome = Delivered | Kept | Revived


class Outbox:
    """The rows of one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self.full: frozenset[Taker] = frozenset()
        """Takers that have so many events waiting that no more are taken in. Set by who looks."""
        self.refused = 0
        """How many were not."""
        self._excess = 0

    async def write(self, connection: AsyncConnection, batch: Sequence[RoomEvent]) -> None:
        """The ledger's writer: one row for each endpoint that wants an event."""
        self._excess = 0
        told = [(event, what) for event in batch if (what := told_of(event)) is not None]
        if not told:
            return
        wanted = await _wanted(connection, {event.call.sdk_app_id for event, _ in told})
        now, rows = self._now(), []
        for event, what in told:
            for subscriber, url in wanted.get((event.call.sdk_app_id, what.group), ()):
                if (event.call.sdk_app_id, subscriber) in self.full:
                    self._excess += 1
                else:
                    rows.append(_row(event, what, subscriber, lane_of(event.call, url, subscriber), now))
        if rows:
            await connection.execute(insert(outbox), rows)

    def committed(self) -> None:
        """What was written last is in the database for good. A transaction that is tried again refuses the same again, and once."""
        self.refused, self._excess = self.refused + self._excess, 0

    async def holds(self, connection: AsyncConnection, batch: Sequence[RoomEvent]) -> set[str]:
        """Of which calls (ids) of a batch events were written, asked in the transaction that wrote them."""
        calls = {event.id: event.call.id for event in batch if told_of(event) is not None}
        if not calls:
            return set()
        mine = select(outbox.c.event_id).where(outbox.c.event_id.in_(list(calls)))
        return {calls[row.event_id] for row in await connection.execute(mine)}

    async def turn(
        self,
        owner: str,
        outcomes: Sequence[Outcome],
        *,
        room: int,
        saturated: Collection[Taker],
        renew: bool,
    ) -> tuple[list[Parcel], int]:
        """One transaction of a worker: writes what became of events, renews its leases, and claims at most `room` others.

        Returns what it claimed, and the number of changes of endpoints. `saturated`: takers it has enough of.
        """
        now = self._now()
        until = now + int(LEASE_SECONDS * 1000)
        async with self._database.writing() as connection:
            await raise_number(connection, CLAIMS)
            await _write_outcomes(connection, owner, outcomes, now)
            if renew:
                mine = update(outbox).where(outbox.c.owner == owner, outbox.c.lease_until > now)
                await connection.execute(mine.values(lease_until=until))
            rows = []
            if room > 0:
                found = await connection.execute(_claimable(owner, now, min(room, MAX_CLAIM), saturated))
                rows = list(found.all())
            if rows:
                taken = update(outbox).where(outbox.c.id == bindparam("of"))
                await connection.execute(
                    taken.values(owner=owner, lease_until=until), [{"of": row.id} for row in rows]
                )
            number = (await connection.execute(select(number_of(TOPIC)))).scalar_one()
        return sorted((_parcel(row) for row in rows), key=lambda one: one.id), number

    async def look(self) -> tuple[bool, int]:
        """Whether anything may be claimed, and the number of changes of endpoints; changes nothing."""
        free = or_(outbox.c.owner.is_(None), outbox.c.lease_until <= self._now())
        waiting = outbox.c.state == State.WAITING.value
        parked = and_(outbox.c.state == State.PARKED.value, outbox.c.next_at <= self._now())
        due = select(outbox.c.id).where(free, or_(waiting, parked)).limit(1).scalar_subquery()
        ((first, number),) = await self._database.ask(select(due, number_of(TOPIC)))
        return first is not None, number

    async def release(self, owner: str) -> None:
        """Gives back what a worker that ends has not sent, or all of whose names begin so."""
        async with self._database.writing() as connection:
            mine = update(outbox).where(outbox.c.owner.startswith(owner, autoescape=True))
            await connection.execute(mine.values(owner=None, lease_until=0))

    async def count(self) -> dict[Taker, int]:
        """How many rows there are, by taker."""
        takers = (outbox.c.sdk_app_id, outbox.c.subscriber)
        statement = select(*takers, func.count()).group_by(*takers)
        return {(row[0], row[1]): row[2] for row in await self._database.read(statement)}

    def _now(self) -> int:
        return int(self._clock.unix() * 1000)


def lane_of(call: Call, url: str, subscriber: str) -> str:
    """Within one room and endpoint events keep their order; both groups share it where both go to one address."""
    text = f"{call.sdk_app_id}\n{call.room}\n{url}"
    if subscriber != Subscriber.BACKEND:
        text += f"\n{subscriber}"
    return hashlib.blake2s(text.encode(), digest_size=16).hexdigest()


async def _wanted(
    connection: AsyncConnection, applications: Collection[int]
) -> dict[tuple[int, int], list[tuple[str, str]]]:
    """Of each group of each application who takes it, and where."""
    statement = select(endpoints.c.sdk_app_id, endpoints.c.group_id, endpoints.c.subscriber, endpoints.c.url)
    mine = statement.where(endpoints.c.sdk_app_id.in_(applications), endpoints.c.enabled)
    found: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for row in await connection.execute(mine):
        found.setdefault((row.sdk_app_id, row.group_id), []).append((row.subscriber, row.url))
    return found


def _row(event: RoomEvent, told: Told, subscriber: str, lane: str, now: int) -> dict[str, object]:
    return {
        "event_id": event.id, "sdk_app_id": event.call.sdk_app_id, "group_id": int(told.group), "subscriber": subscriber,
        "event_type": told.event_type, "lane": lane, "info": msgspec.json.encode(told.info).decode(), "user_id": told.user_id,
        "state": State.WAITING.value, "created_at": now, "since": now, "next_at": now, "attempts": 0, "parked": 0,
        "lease_until": 0,
    }  # fmt: skip


def _claimable(owner: str, now: int, limit: int, saturated: Collection[Taker]) -> Select[*tuple[object, ...]]:
    """Rows that are due and nobody's, oldest first: of waiting ones only those whose lane no other worker is in."""
    other = outbox.alias("other")
    held = select(other.c.lane).where(
        other.c.state == State.WAITING.value, other.c.owner.is_not(None), other.c.owner != owner, other.c.lease_until > now
    )  # fmt: skip
    free = or_(outbox.c.owner.is_(None), outbox.c.lease_until <= now)
    waiting = and_(outbox.c.state == State.WAITING.value, outbox.c.lane.not_in(held))
    parked = and_(outbox.c.state == State.PARKED.value, outbox.c.next_at <= now)
    taker = (outbox.c.sdk_app_id, outbox.c.subscriber)
    place = func.row_number().over(partition_by=taker, order_by=outbox.c.id).label("place")
    due = select(outbox, place).where(free, or_(waiting, parked))
    if saturated:
        due = due.where(tuple_(*taker).not_in(list(saturated)))
    ranked = due.order_by(outbox.c.id).limit(4 * MAX_CLAIM).subquery()
    return select(ranked).where(ranked.c.place <= MAX_CLAIM_PER_TAKER).order_by(ranked.c.id).limit(limit)


async def _write_outcomes(
    connection: AsyncConnection, owner: str, outcomes: Sequence[Outcome], now: int
) -> None:
    """Only of rows that are still this worker's: whose lease was lost is another's to speak of."""
    gone = [{"of": one.id} for one in outcomes if isinstance(one, Delivered)]
    if gone:
        mine = and_(outbox.c.id == bindparam("of"), outbox.c.owner == owner)
        await connection.execute(delete(outbox).where(mine), gone)
    kept = [
        {
            "of": one.id, "state": one.state.value, "next_at": one.next_at, "attempts": one.attempts, "parked": one.parked,
            "problem": one.problem, "owner": None, "lease_until": 0,
        }
        for one in outcomes
        if isinstance(one, Kept)
    ]  # fmt: skip
    if kept:
        mine = and_(outbox.c.id == bindparam("of"), outbox.c.owner == owner)
        await connection.execute(update(outbox).where(mine), kept)
    for one in outcomes:
        if isinstance(one, Revived):
            his = and_(
                outbox.c.state == State.PARKED.value,
                outbox.c.sdk_app_id == one.sdk_app_id,
                outbox.c.group_id == one.group,
                outbox.c.subscriber == one.subscriber,
            )
            await connection.execute(update(outbox).where(his).values(next_at=now))


def _parcel(row: Row[*tuple[object, ...]]) -> Parcel:
    return Parcel(
        row.id, row.event_id, row.sdk_app_id, row.group_id, row.subscriber, row.event_type, row.lane, row.info, State(row.state),
        row.since, row.attempts, row.parked,
    )  # fmt: skip

# SPDX-License-Identifier: Apache-2.0
"""The worker that sends: claims events, keeps the order of each room, tries as `schedule` says, and writes what became of them.

An event goes out at least once, always under the same id. Only what is written decides: a worker that was killed, or could not write,
has it sent again.
"""

import asyncio
import hashlib
from collections import Counter, deque
from dataclasses import dataclass

from sealroom.core.clock import Clock, pause, wait_at_most
from sealroom.core.db import AWAY
from sealroom.core.errands import place_of
from sealroom.core.ids import Ids
from sealroom.core.logging import get_logger
from sealroom.core.traces import OFF, SpanName, Traces
from sealroom.webhooks import schedule
from sealroom.webhooks.bodies import body, sign
from sealroom.webhooks.client import Client, NotTaken, Problem
from sealroom.webhooks.endpoints import Endpoint, Endpoints
from sealroom.webhooks.metrics import WebhookMetrics
from sealroom.webhooks.models import State
from sealroom.webhooks.outbox import LEASE_SECONDS, Delivered, Kept, Outbox, Outcome, Parcel, Revived, Taker
from sealroom.webhooks.standing import Place, Standing

POLL_SECONDS = 1.0
"""How often the outbox is looked at when nothing says that there is something in it: for what others wrote, or is due again."""
GATHER_SECONDS = 0.01
"""How long a turn waits for more to write. Longer makes fewer commits, and each event later."""
RENEW_SECONDS = LEASE_SECONDS / 3
MAX_HELD = 4_000
"""Events in memory."""
MAX_HELD_PER_TAKER = 1_000
PER_TAKER = 32
"""Requests at once to one subscriber of one application."""
AT_ONCE = 512
"""Requests in all."""
COUNT_SECONDS = 10.0
"""How often it is counted how much waits for each taker."""
CLOSE_SECONDS = 6.0
"""How long the end waits for requests that are out."""
MARGIN_SECONDS = 10.0
"""A request starts only so long before the end of its lease: it takes less."""

_log = get_logger()


@dataclass(eq=False, slots=True)
class _Lease:
    """Until when what was claimed under it is this worker's, by the monotonic clock."""

    until: float = float("-inf")


@dataclass(eq=False, slots=True)
class _Lane:
    """Events of one room at one endpoint, in their order."""

    lease: _Lease
    parcels: deque[Parcel]


class Deliverer:
    """One worker."""

    def __init__(
        self,
        outbox: Outbox,
        endpoints: Endpoints,
        client: Client,
        clock: Clock,
        ids: Ids,
        metrics: WebhookMetrics,
        *,
        max_waiting: int = 100_000,
        node: str = "main",
        traces: Traces = OFF,
    ) -> None:
        """`max_waiting`: events that may wait for one taker; beyond, its new ones are refused. `node`: the server's name, which
        only one running process has.
        """
        self._outbox, self._endpoints, self._client = outbox, endpoints, client
        self._clock, self._metrics = clock, metrics
        self._max_waiting = max_waiting
        self._traces = traces
        self._node = hashlib.blake2s(node.encode(), digest_size=4).hexdigest()
        self.name = f"{self._node}{ids.number(96):024x}"
        self._known: dict[Place, Endpoint] = {}
        self._number = -1
        self._claimed: list[Parcel] = []
        self._lanes: dict[str, _Lane] = {}
        self._lease = _Lease()
        self._held: Counter[Taker] = Counter()
        self._outcomes: list[Outcome] = []
        self._standing = Standing(clock)
        self._all = asyncio.Semaphore(AT_ONCE)
        self._takers: dict[Taker, asyncio.Semaphore] = {}
        self._wake = asyncio.Event()
        self._renewed_at = 0.0
        self._out = 0
        self._quiet = asyncio.Event()
        self._counted_at = float("-inf")
        self._refused = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something may be in the outbox."""
        self._wake.set()

    async def recover(self) -> None:
        """Frees what a killed process of this node had claimed, without waiting for its leases. **Before `start`.**"""
        await self._outbox.release(self._node)

    def start(self) -> None:
        """Begins to send."""
        self._worker = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Sends what is due, for at most `CLOSE_SECONDS`; gives back what was not sent."""
        if self._worker is None:
            return
        self._quiet.clear()
        self.wake()
        await wait_at_most(self._clock, self._quiet, CLOSE_SECONDS)
        for task in (self._worker, *self._tasks):
            task.cancel()
        await asyncio.wait({self._worker, *self._tasks})
        try:
            await self._outbox.turn(self.name, self._outcomes, room=0, saturated=(), renew=False)
            await self._outbox.release(self.name)
        except AWAY as error:
            # The leases end by themselves; what was sent is sent again.
            _log.warning("webhooks_not_given_back", error=type(error).__name__, count=len(self._outcomes))
        self._client.close()

    async def _run(self) -> None:
        while True:
            await wait_at_most(self._clock, self._wake, POLL_SECONDS)
            await pause(self._clock, GATHER_SECONDS)
            self._wake.clear()
            try:
                await self._turn()
            except Exception as error:
                # The database is away, or the master key: what came of events is kept, and written then.
                _log.warning("webhooks_wait", error=type(error).__name__, place=place_of(error))
                await pause(self._clock, POLL_SECONDS)

    async def _turn(self) -> None:
        self._client.sweep()
        now = self._clock.monotonic()
        holds = bool(self._lanes or self._claimed)
        renew = holds and now - self._renewed_at >= RENEW_SECONDS
        if not self._outcomes and not renew:
            is_due, number = await self._outbox.look()
            await self._begin(number)
            if not is_due:
                if self._out == 0:
                    self._quiet.set()
                await self._count()
                return
        if holds and now >= self._lease.until:
            # Too late to renew: what is held may be another worker's by now.
            self._lanes, self._claimed, self._lease, renew = {}, [], _Lease(), False
        taken = self._outcomes[:]
        room = MAX_HELD - self._held.total() - len(self._claimed)
        saturated = [one for one, count in self._held.items() if count >= MAX_HELD_PER_TAKER]
        parcels, number = await self._outbox.turn(
            self.name, taken, room=room, saturated=saturated, renew=renew
        )
        del self._outcomes[: len(taken)]
        if renew or not (self._lanes or self._claimed):
            self._renewed_at, self._lease.until = now, now + LEASE_SECONDS
        self._claimed += parcels
        if parcels:
            self._wake.set()
        await self._begin(number)
        await self._count()

    async def _begin(self, number: int) -> None:
        """Begins with what was claimed, once it is known where it goes: where that cannot be read now, a later turn does."""
        if number != self._number:
            await self._read_endpoints(number)
        claimed, self._claimed = self._claimed, []
        for parcel in claimed:
            self._take(parcel)

    async def _read_endpoints(self, number: int) -> None:
        found = await self._endpoints.all()
        known = {(one.sdk_app_id, int(one.group), one.subscriber.value): one for one in found}
        self._known, self._number = known, number
        self._standing.clear()

    async def _count(self) -> None:
        """Looks for which takers too much is waiting: a dead endpoint must not fill the disk."""
        now = self._clock.monotonic()
        if now - self._counted_at < COUNT_SECONDS:
            return
        self._counted_at = now
        counts = await self._outbox.count()
        full = frozenset(one for one, count in counts.items() if count >= self._max_waiting)
        for application, subscriber in full - self._outbox.full:
            count = counts[application, subscriber]
            _log.warning("webhooks_full", application=application, subscriber=subscriber, count=count)
        self._outbox.full = full
        self._metrics.events.labels("refused").inc(self._outbox.refused - self._refused)
        self._refused = self._outbox.refused

    # lanes

    def _take(self, parcel: Parcel) -> None:
        self._held[parcel.taker] += 1
        # A parked event is on its own: it does not wait for its room, nor its room for it.
        name = parcel.lane if parcel.state is State.WAITING else f"{parcel.lane}/{parcel.id}"
        lane = self._lanes.get(name)
        if lane is not None:
            lane.parcels.append(parcel)
            return
        lane = self._lanes[name] = _Lane(self._lease, deque([parcel]))
        task = asyncio.get_running_loop().create_task(self._drain(name, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, name: str, lane: _Lane) -> None:
        try:
            while lane.parcels:
                parcel = lane.parcels[0]
                outcome = await self._deliver(parcel, lane.lease)
                lane.parcels.popleft()
                self._ended(parcel, outcome)
        finally:
            if self._lanes.get(name) is lane:
                del self._lanes[name]
            for parcel in lane.parcels:
                self._forget(parcel)

    def _ended(self, parcel: Parcel, outcome: Outcome | None) -> None:
        self._forget(parcel)
        if outcome is not None:
            self._outcomes.append(outcome)
            self._wake.set()

    def _forget(self, parcel: Parcel) -> None:
        self._held[parcel.taker] -= 1
        if self._held[parcel.taker] <= 0:
            del self._held[parcel.taker]

    # one event

    async def _deliver(self, parcel: Parcel, lease: _Lease) -> Outcome | None:
        """Tries until it is taken, or its minute is over; None where the lease ran out, and the event is another worker's."""
        attempts, problem = 0, Problem.TIMEOUT
        place = _place(parcel)
        if self._standing.is_down(place) and not self._is_fresh(parcel):
            return self._park(parcel, attempts, Problem.DOWN, counts=False)
        while True:
            wait = self._wait_before(parcel, attempts + 1)
            if wait is None:
                return self._park(parcel, attempts, problem)
            if wait:
                await pause(self._clock, wait)
            endpoint = self._known.get(place)
            if endpoint is None or not endpoint.enabled:
                return self._bury(parcel, attempts, Problem.REMOVED)
            attempts += 1
            try:
                await self._attempt(endpoint, parcel, lease, attempts)
            except NotTaken as refused:
                self._metrics.attempts.labels(refused.problem.value).inc()
                problem = refused.problem
                if problem is Problem.LOST:
                    return None
            else:
                return self._delivered(parcel)

    def _is_fresh(self, parcel: Parcel) -> bool:
        """Whether it just happened: else it waited behind others that a dead endpoint did not take."""
        age = self._clock.unix() - parcel.since / 1000
        return parcel.state is State.WAITING and age < schedule.AGAIN_SECONDS

    def _wait_before(self, parcel: Parcel, attempt: int) -> float | None:
        if parcel.state is State.PARKED:
            return 0.0 if attempt == 1 else None
        return schedule.wait_before(attempt, self._clock.unix(), parcel.since / 1000)

    async def _attempt(self, endpoint: Endpoint, parcel: Parcel, lease: _Lease, attempt: int) -> None:
        with self._traces.span(SpanName.WEBHOOK) as span:
            span.set("application", parcel.sdk_app_id)
            span.set("kind", parcel.event_type)
            span.set("attempt", attempt)
            try:
                await self._send(endpoint, parcel, lease)
            except NotTaken as refused:
                span.set("code", refused.problem.value)
                raise
            span.set("code", "ok")

    async def _send(self, endpoint: Endpoint, parcel: Parcel, lease: _Lease) -> None:
        mine = self._takers.setdefault(parcel.taker, asyncio.Semaphore(PER_TAKER))
        self._out += 1
        try:
            async with mine, self._all:
                if self._clock.monotonic() > lease.until - MARGIN_SECONDS:
                    raise NotTaken(Problem.LOST)
                await self._post(endpoint, parcel)
        finally:
            self._out -= 1

    async def _post(self, endpoint: Endpoint, parcel: Parcel) -> None:
        now = int(self._clock.unix() * 1000)
        content = body(parcel.group, parcel.event_type, parcel.info, now)
        headers = {"SdkAppId": str(parcel.sdk_app_id), "X-Sealroom-Event-Id": parcel.event_id}
        if endpoint.key:
            headers["Sign"] = sign(endpoint.key, content)
        try:
            await self._client.post(endpoint.url, headers, content)
        except NotTaken:
            raise
        except Exception as error:
            # Tried again like any other: an event whose task ended would be nobody's, and its row this worker's, for ever.
            _log.error("webhook_failed", error=type(error).__name__, place=place_of(error))
            raise NotTaken(Problem.FAULT) from None

    def _delivered(self, parcel: Parcel) -> Outcome:
        self._metrics.attempts.labels("ok").inc()
        self._metrics.events.labels("delivered").inc()
        self._metrics.seconds.observe(max(0.0, self._clock.unix() - parcel.since / 1000))
        if self._standing.taken(_place(parcel)):
            self._outcomes.append(Revived(*_place(parcel)))
        return Delivered(parcel.id)

    def _park(self, parcel: Parcel, attempts: int, problem: Problem, *, counts: bool = True) -> Outcome:
        """Sets an event aside until later, or buries it where its day is over. `counts`: an attempt was made for it."""
        now = self._clock.unix()
        parked = parcel.parked + 1 if counts else max(1, parcel.parked)
        due = schedule.parked_until(parked, now, parcel.since / 1000)
        if counts:
            self._standing.not_taken(_place(parcel))
        if due is None:
            return self._bury(parcel, attempts, problem)
        self._metrics.events.labels("parked").inc()
        total = parcel.attempts + attempts
        return Kept(parcel.id, State.PARKED, int(due * 1000), total, parked, problem.value)

    def _bury(self, parcel: Parcel, attempts: int, problem: Problem) -> Outcome:
        self._metrics.events.labels("dead").inc()
        _log.warning("webhook_dead", application=parcel.sdk_app_id, reason=problem.value)
        total = parcel.attempts + attempts
        return Kept(parcel.id, State.DEAD, parcel.since, total, parcel.parked, problem.value)


def _place(parcel: Parcel) -> Place:
    return parcel.sdk_app_id, parcel.group, parcel.subscriber

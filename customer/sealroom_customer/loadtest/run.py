# SPDX-License-Identifier: Apache-2.0
"""Runs a load test: members come one by one, are measured together, and leave."""

import asyncio
import dataclasses
import resource
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence

from sealroom_customer.client import Entry, Slots
from sealroom_customer.errors import StartError
from sealroom_customer.loadtest.admission import Admission
from sealroom_customer.loadtest.members import Member, Publisher, Subscriber
from sealroom_customer.loadtest.plan import Plan
from sealroom_customer.loadtest.report import Report, Spent, report

_ENTER_SECONDS = 30.0
"""For a member to enter and, as a subscriber, to get a frame of everybody."""
_SETTLE_SECONDS = 1.0
"""After the last came: epochs and steps of his entry are behind everybody then."""
_LAST_FRAMES_SECONDS = 2.0
"""For frames under way when the measured seconds are over; what comes later counts as lost."""
_SAY_SECONDS = 1.0
_SAY_LEFT_SECONDS = 10.0


class LoadTest:
    """One load test."""

    def __init__(self, plan: Plan, admission: Admission, say: Callable[[str], None]) -> None:
        self._plan, self._admission, self._say = plan, admission, say
        self._over = asyncio.Event()
        run = secrets.token_hex(3)
        self.publishers: list[Publisher] = []
        self.subscribers: list[Subscriber] = []
        for room in range(1, plan.rooms + 1):
            self._furnish(f"load-{run}-{room}")

    def _furnish(self, room: str) -> None:
        publishers = [
            Publisher.of(self._plan, f"{room}-p{number}", room)
            for number in range(1, self._plan.publishers + 1)
        ]
        streams = {(one.user, stream.track): stream for one in publishers for stream in one.streams.values()}
        self.publishers += publishers
        self.subscribers += [
            Subscriber(f"{room}-s{number}", room, streams=streams)
            for number in range(1, self._plan.subscribers + 1)
        ]

    async def run(self) -> Report:
        """Runs it.

        Raises:
            StartError: the first member was not let in: waiting for the others would show nothing.
        """
        everyone: list[Member] = [*self.publishers, *self.subscribers]
        works: list[asyncio.Task[None]] = []
        try:
            await self._ramp_up(everyone, works)
            spent = await self._measure()
        finally:
            self._over.set()
            await asyncio.gather(*works, return_exceptions=True)
        return report(self._plan, self.publishers, self.subscribers, spent)

    async def _ramp_up(self, everyone: Sequence[Member], works: list[asyncio.Task[None]]) -> None:
        said = time.monotonic()
        for number, member in enumerate(everyone, 1):
            entry = await self._entry(member)
            works.append(asyncio.create_task(member.attend(entry, self._over)))
            if number == 1:
                await _ready([member])
                if member.fault is not None:
                    raise StartError(
                        "loadtest_not_let_in",
                        f"The first member was not let in: {member.fault}",
                        "Mend it and start again.",
                    )
            if time.monotonic() >= said + _SAY_SECONDS:
                said = time.monotonic()
                self._say(f"entered    {number} of {len(everyone)}")
            # What took longer is not made up for: a burst would be measured instead of the pace that was asked for.
            await asyncio.sleep(1 / self._plan.ramp)
        await _ready(everyone)
        self._say(f"entered    {sum(one.fault is None for one in everyone)} of {len(everyone)}")
        await asyncio.sleep(_SETTLE_SECONDS)

    async def _entry(self, member: Member) -> Entry:
        entry = await self._admission.entry(member.user, member.room)
        slots = self._plan.slots if isinstance(member, Subscriber) else Slots(0, 0)
        return dataclasses.replace(entry, slots=slots, dtls=self._plan.dtls, sealing=self._plan.sealing)

    async def _measure(self) -> Spent:
        streams = [stream for one in self.publishers for stream in one.streams.values()]
        before, began, cpu = self._stats(), time.monotonic(), _cpu_seconds()
        for stream in streams:
            stream.window.first = stream.number
        for one in self.subscribers:
            one.settled = True
        await self._pass_time()
        for stream in streams:
            stream.window.end = stream.number
        after, ended = self._stats(), time.monotonic()
        spent = Spent(ended - began, _cpu_seconds() - cpu, dict(after - before))
        for one in self.subscribers:
            one.look()
        await _all([one.complete for one in self.subscribers], _LAST_FRAMES_SECONDS)
        for key in ("packets_sent", "packets_received", "bytes_sent", "bytes_received"):
            spent.stats.setdefault(key, 0)
        return spent

    async def _pass_time(self) -> None:
        left = self._plan.seconds
        while left > 0:
            self._say(f"measuring  {left:.0f} s left")
            await asyncio.sleep(min(left, _SAY_LEFT_SECONDS))
            left -= _SAY_LEFT_SECONDS

    def _stats(self) -> Counter[str]:
        total = Counter[str]()
        for one in (*self.publishers, *self.subscribers):
            if one.client is not None:
                total.update(one.client.stats())
        return total


async def _ready(members: Sequence[Member]) -> None:
    """Until all are, or it has taken too long: what does not come then is lost, and counted."""
    await _all([one.ready for one in members], _ENTER_SECONDS)


async def _all(events: Sequence[asyncio.Event], seconds: float) -> None:
    """Waits until all are set, but not for longer."""
    waits = [asyncio.create_task(one.wait()) for one in events]
    await asyncio.wait(waits, timeout=seconds)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

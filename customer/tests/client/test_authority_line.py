# SPDX-License-Identifier: Apache-2.0
"""The client's line against the real authority: keys come, come back after a break, and end when the authority says so."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from customer.tests.client.test_membership import Keys
from customer.tests.desk import APP, ROOM
from customer.tests.lines import Served, served
from sealroom_customer.authority.identity import public_text
from sealroom_customer.client.authority_line import AuthorityLine, Subject
from sealroom_customer.client.events import ClientFault
from sealroom_customer.client.membership import Membership


@dataclass
class Running:
    """A line at work."""

    keys: Keys
    membership: Membership
    line: AuthorityLine
    task: "asyncio.Task[None]"
    changed: asyncio.Condition

    async def until_secrets(self, count: int) -> None:
        async with asyncio.timeout(8), self.changed:
            await self.changed.wait_for(lambda: len(self.keys.secrets) >= count)


@contextlib.asynccontextmanager
async def running(
    place: Served, user: str = "alice", life: int = 900, url: str = "", silence: int = 30
) -> AsyncIterator[Running]:
    async def grant() -> str:
        return place.desk.grant(user, now=int(time.time()), life=life, silence=silence)

    keys = Keys()
    membership = Membership(APP, ROOM, user, keys)
    subject = Subject(url or place.url, APP, ROOM, user, grant)
    changed = asyncio.Condition()

    async def tell() -> None:
        async with changed:
            changed.notify_all()

    tellings: set[asyncio.Task[None]] = set()
    line = AuthorityLine(subject, membership, lambda: tellings.add(asyncio.create_task(tell())))
    task = asyncio.create_task(line.run())
    try:
        yield Running(keys, membership, line, task, changed)
    finally:
        task.cancel()
        await asyncio.gather(task, *tellings, return_exceptions=True)


async def test_two_lines_come_to_one_secret() -> None:
    async with served() as place, running(place, "alice") as alice:
        assert alice.line.silent
        await alice.until_secrets(1)
        async with running(place, "bob") as bob:
            await bob.until_secrets(1)
            assert not alice.line.silent
            assert bob.membership.index_of("alice") == 0


async def test_a_removed_client_ends_and_does_not_come_back() -> None:
    async with served() as place, running(place) as alice:
        await alice.until_secrets(1)
        place.authority.remove(APP, ROOM, "alice")
        with pytest.raises(ClientFault) as caught:
            await asyncio.wait_for(alice.task, 5)
        assert caught.value.code == "removed"


async def test_a_line_that_broke_is_resumed_as_the_same_member() -> None:
    async with served() as place, running(place) as alice:
        await alice.until_secrets(1)
        before = alice.membership.members
        version = alice.membership.version
        _break_lines(place)
        await alice.until_secrets(2)
        assert alice.membership.members == before
        assert alice.membership.version == version, "nobody had to change keys"


async def test_after_a_long_absence_a_line_begins_with_a_new_key() -> None:
    async with served() as place, running(place) as alice:
        await alice.until_secrets(1)
        key = alice.membership.members[0].key
        _break_lines(place)
        # Within the pause before it comes again, when no answer is under way any more.
        await asyncio.sleep(0.1)
        alice.line._hearing._heard_at = float("-inf")
        await alice.until_secrets(2)
        assert alice.membership.members[0].key != key


async def test_a_machine_that_slept_does_not_wake_up_with_keys_that_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served() as place, running(place) as alice:
        await alice.until_secrets(1)
        assert not alice.line.silent
        clock = time.clock_gettime
        # What Linux and macOS say after an hour's sleep: that clock went on, `time.monotonic` did not.
        monkeypatch.setattr(time, "clock_gettime", lambda which: clock(which) + 3600)
        assert alice.line.silent


def _break_lines(place: Served) -> None:
    for outlet in [home.outlet for home in place.authority._homes.values()]:
        outlet.hang_up()


async def test_a_grant_is_renewed_before_it_expires() -> None:
    async with served() as place, running(place, life=2) as alice:
        await alice.until_secrets(1)
        (home,) = place.authority._homes.values()
        first = home.claims
        # Past the first grant's end: without a renewal the authority would have put the client out.
        done, _ = await asyncio.wait([alice.task], timeout=first.exp + 0.5 - time.time())
        assert not done
        assert home.claims.jti != first.jti
        assert len(alice.keys.secrets) == 1


async def test_a_renewed_grant_says_from_then_on_how_long_the_authority_may_be_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served() as place, running(place, life=2, silence=300) as alice:
        await alice.until_secrets(1)

        async def shorter() -> str:
            return place.desk.grant("alice", now=int(time.time()), life=60, silence=7)

        hearing, renewed = alice.line._hearing, asyncio.Event()
        allow = hearing.allow

        def allowed(seconds: float) -> None:
            allow(seconds)
            renewed.set()

        monkeypatch.setattr(hearing, "allow", allowed)
        object.__setattr__(alice.line._subject, "grant", shorter)
        await asyncio.wait_for(renewed.wait(), 5)
        assert not hearing.silent(hearing._heard_at + 6.9)
        assert hearing.silent(hearing._heard_at + 7.1)


async def test_a_backend_that_is_away_for_a_moment_costs_nobody_his_place() -> None:
    async with served() as place, running(place, life=3) as alice:
        await alice.until_secrets(1)
        give, refused = alice.line._subject.grant, 0

        async def away() -> str:
            nonlocal refused
            refused += 1
            if refused < 2:
                raise RuntimeError("the backend is away")
            return await give()

        object.__setattr__(alice.line._subject, "grant", away)
        (home,) = place.authority._homes.values()
        first = home.claims
        # Past the first grant's end: without a renewal the authority would have put the client out.
        done, _ = await asyncio.wait([alice.task], timeout=first.exp + 0.5 - time.time())
        assert not done
        assert refused >= 2
        assert home.claims.jti != first.jti
        assert len(alice.keys.secrets) == 1, "it is the same member"


async def test_an_authority_with_another_key_than_the_grants_is_not_trusted() -> None:
    async with served() as place, served() as other:
        named = public_text(place.desk.authority_key)
        other.desk.admission.authority_keys = (named,)
        # It lets in whoever names the other's key, and can sign with its own only.
        other.authority._signing_keys[named] = other.desk.authority_key
        other.desk.admission.issuers = place.desk.admission.issuers
        async with running(place, url=other.url) as alice:
            with pytest.raises(ClientFault) as caught:
                await asyncio.wait_for(alice.task, 5)
            assert caught.value.code == "authority_not_trusted"
            assert not alice.keys.secrets


async def test_a_refused_grant_ends_the_client() -> None:
    async with served() as place:
        place.desk.admission.audience = "another"
        async with running(place) as alice:
            with pytest.raises(ClientFault) as caught:
                await asyncio.wait_for(alice.task, 5)
            assert caught.value.code == "grant_not_for_us"

# SPDX-License-Identifier: Apache-2.0
"""Accounts and their API keys, on either database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest
from sqlalchemy import select

from sealroom.accounts.api_keys import _REMEMBERED, MOST
from sealroom.accounts.models import State, api_keys, signatures
from sealroom.accounts.service import AccountSpec
from sealroom.accounts.signatures import Signatures
from sealroom.accounts.signing import WINDOW_SECONDS, Signed
from sealroom.audit.models import entries
from sealroom.core.db import Database
from sealroom.core.db.target import Where
from sealroom.core.errors import ChangeError, ConflictError, MissingError, NotAllowedError
from sealroom.core.keys import Envelope, EnvelopeError
from server.tests import fakes
from server.tests.administration import Desk, KeyService
from server.tests.asked import questions_to

UIN = fakes.UIN


async def refused(work: Awaitable[object], code: str, kind: type[ChangeError] = NotAllowedError) -> None:
    with pytest.raises(kind) as caught:
        await work
    assert caught.value.code == code


class AccountsContract:
    """Subclasses give a fixture `where` with the place of an empty database."""

    @pytest.fixture
    async def databases(self, where: Where) -> AsyncIterator[tuple[Database, Database]]:
        pair = Database(where), Database(where)
        yield pair
        for one in pair:
            await one.close()

    @pytest.fixture
    async def server(self, databases: tuple[Database, Database], clock: fakes.VirtualClock) -> Desk:
        """A running server, with one account."""
        desk = Desk(databases[0], clock)
        await desk.accounts.create(AccountSpec("Café 通话", "ops@customer.example"), fakes.ACTOR, uin=UIN)
        return desk

    @pytest.fixture
    async def other(self, databases: tuple[Database, Database], server: Desk) -> Desk:
        """Another process on the same database."""
        return Desk(databases[1], server.clock)

    async def test_an_account_gets_a_number_of_its_own(self, server: Desk) -> None:
        made = [await server.accounts.create(AccountSpec("x"), fakes.ACTOR) for _ in range(5)]
        assert len({one.uin for one in made} | {UIN}) == 6
        assert all(len(str(one.uin)) == 12 for one in made)
        found = await server.accounts.find(UIN)
        assert (found.name, found.contact, found.state) == ("Café 通话", "ops@customer.example", State.ACTIVE)
        assert (found.created_at, found.terminated_at, found.revision) == (fakes.NOW, None, 1)
        assert "customer.example" not in repr(found)
        assert [one.uin for one in await server.accounts.all()] == sorted({one.uin for one in made} | {UIN})
        await refused(server.accounts.create(AccountSpec("x"), fakes.ACTOR, uin=UIN), "uin_taken")
        await refused(server.accounts.find(5), "account_unknown", MissingError)

    @pytest.mark.parametrize(("name", "contact"), [("", ""), ("x" * 65, ""), ("a\tb", ""), ("x", "y" * 257)])
    async def test_what_does_not_fit_is_refused(self, server: Desk, name: str, contact: str) -> None:
        await refused(server.accounts.create(AccountSpec(name, contact), fakes.ACTOR), "account_invalid")
        assert len(await server.accounts.all()) == 1

    async def test_a_change_holds_only_from_the_revision_it_was_made_from(self, server: Desk) -> None:
        change = server.accounts.change
        changed = await change(UIN, {"name": "New"}, fakes.ACTOR, expected_revision=1)
        assert (changed.name, changed.contact, changed.revision) == ("New", "ops@customer.example", 2)
        await refused(
            change(UIN, {"name": "x"}, fakes.ACTOR, expected_revision=1), "revision_conflict", ConflictError
        )
        await refused(
            server.accounts.terminate(UIN, fakes.ACTOR, expected_revision=1),
            "revision_conflict",
            ConflictError,
        )
        await refused(change(UIN, {"uin": 1}, fakes.ACTOR, expected_revision=2), "account_invalid")
        await refused(change(5, {}, fakes.ACTOR, expected_revision=None), "account_unknown", MissingError)

    async def test_an_end_has_its_date_and_is_for_good(self, server: Desk, clock: fakes.VirtualClock) -> None:
        clock.advance(30)
        ended = await server.accounts.terminate(UIN, fakes.ACTOR, expected_revision=1)
        assert (ended.state, ended.terminated_at) == (State.TERMINATED, fakes.NOW + 30)
        await refused(
            server.accounts.terminate(UIN, fakes.ACTOR, expected_revision=None), "account_terminated"
        )
        await refused(
            server.accounts.change(UIN, {"name": "x"}, fakes.ACTOR, expected_revision=None),
            "account_terminated",
        )
        await refused(server.api_keys.create(UIN, fakes.ACTOR), "account_terminated")

    async def test_a_key_pair_has_trtcs_shape_and_is_found_again(self, server: Desk, other: Desk) -> None:
        made = await server.api_keys.create(UIN, fakes.ACTOR)
        assert made.secret_id.startswith("AKID")
        assert (len(made.secret_id), len(made.secret_key)) == (36, 32)
        assert made.secret_key not in repr(made)
        for desk in (server, other):
            found = await desk.api_keys.secret_of(made.secret_id)
            assert found is not None
            assert (found.uin, found.secret_key, found.disabled) == (UIN, made.secret_key, False)
            assert made.secret_key not in repr(found)
        for nobody in (
            "",
            "AKID",
            "AKID" + "x" * 32,
            made.secret_id + "x",
            made.secret_id[:-1],
            made.secret_id + "\n",
        ):
            assert await server.api_keys.secret_of(nobody) is None

    async def test_a_secret_lies_encrypted_and_is_in_no_record(self, server: Desk) -> None:
        made = await server.api_keys.create(UIN, fakes.ACTOR)
        ((secret,),) = await server.database.ask(select(api_keys.c.secret))
        assert made.secret_key.encode() not in secret
        for row in await server.database.ask(select(entries)):
            assert made.secret_key not in str(tuple(row))
        stranger = Desk(server.database, server.clock, Envelope(KeyService()))
        with pytest.raises(EnvelopeError):
            await stranger.api_keys.secret_of(made.secret_id)

    async def test_an_account_has_two_keys_at_most_that_are_on(self, server: Desk, other: Desk) -> None:
        wanted = [desk.api_keys.create(UIN, fakes.ACTOR) for desk in (server, other) * 3]
        done = await asyncio.gather(*wanted, return_exceptions=True)
        made = [one for one in done if not isinstance(one, BaseException)]
        assert len(made) == MOST
        assert all(isinstance(one, NotAllowedError) for one in done if isinstance(one, BaseException))
        await server.api_keys.disable(made[0].secret_id, fakes.ACTOR, expected_revision=1)
        await server.api_keys.create(UIN, fakes.ACTOR)
        assert sum(one.enabled for one in await server.api_keys.of(UIN)) == MOST

    async def test_a_key_that_another_process_switched_off_is_off_within_two_seconds(
        self, server: Desk, other: Desk, clock: fakes.VirtualClock
    ) -> None:
        made = await server.api_keys.create(UIN, fakes.ACTOR)
        await server.api_keys.secret_of(made.secret_id)
        clock.advance(60)
        await other.api_keys.disable(made.secret_id, fakes.ACTOR, expected_revision=None)
        clock.advance(1)
        found = await server.api_keys.secret_of(made.secret_id)
        assert found is not None
        assert found.disabled
        (listed,) = await server.api_keys.of(UIN)
        assert (listed.enabled, listed.disabled_at, listed.revision) == (False, fakes.NOW + 60, 2)
        await refused(
            other.api_keys.disable(made.secret_id, fakes.ACTOR, expected_revision=None), "api_key_disabled"
        )
        await refused(
            other.api_keys.disable("AKID", fakes.ACTOR, expected_revision=None),
            "api_key_unknown",
            MissingError,
        )

    async def test_the_keys_of_an_account_that_ended_are_off_within_two_seconds(
        self, server: Desk, other: Desk, clock: fakes.VirtualClock
    ) -> None:
        made = await server.api_keys.create(UIN, fakes.ACTOR)
        await server.api_keys.secret_of(made.secret_id)
        await other.accounts.terminate(UIN, fakes.ACTOR, expected_revision=None)
        clock.advance(1)
        found = await server.api_keys.secret_of(made.secret_id)
        assert found is not None
        assert found.disabled

    async def test_a_call_costs_no_query_and_memory_is_bounded(
        self, server: Desk, clock: fakes.VirtualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await server.api_keys.create(UIN, fakes.ACTOR)
        await server.api_keys.secret_of(made.secret_id)
        asked = questions_to(server.database)
        for _ in range(20):
            assert await server.api_keys.secret_of(made.secret_id) is not None
        assert await server.api_keys.secret_of("no such thing") is None
        assert asked == []
        clock.advance(1)
        for _ in range(20):
            await server.api_keys.secret_of(made.secret_id)
        assert len(asked) == 1
        for number in range(_REMEMBERED):
            server.api_keys._known[f"{number}"] = server.api_keys._known[made.secret_id]
        await server.api_keys.secret_of((await server.api_keys.create(UIN, fakes.ACTOR)).secret_id)
        assert len(server.api_keys._known) <= _REMEMBERED + 1

    async def test_of_its_use_only_the_last_day_is_kept(
        self, server: Desk, clock: fakes.VirtualClock
    ) -> None:
        made = await server.api_keys.create(UIN, fakes.ACTOR)

        async def last() -> str:
            ((day,),) = await server.database.ask(select(api_keys.c.last_used_day))
            return str(day)

        assert await last() == "None"
        for expected in ("2027-01-15", "2027-01-16"):
            for _ in range(3):
                await server.api_keys.used(made.secret_id)
            assert await last() == expected
            clock.advance(86_400)

    async def test_a_query_does_not_fail_because_nobody_can_write_that_it_came(
        self, server: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await server.api_keys.create(UIN, fakes.ACTOR)

        def away() -> None:
            raise TimeoutError

        monkeypatch.setattr(server.database, "writing", away)
        await server.api_keys.used(made.secret_id)
        monkeypatch.undo()
        await server.api_keys.used(made.secret_id)
        ((day,),) = await server.database.ask(select(api_keys.c.last_used_day))
        assert str(day) == "2027-01-15"

    async def test_every_change_is_recorded(self, server: Desk) -> None:
        made = await server.api_keys.create(UIN, fakes.ACTOR)
        await server.api_keys.disable(made.secret_id, fakes.ACTOR, expected_revision=None)
        await server.accounts.change(UIN, {"contact": "x@y.example"}, fakes.ACTOR, expected_revision=None)
        await server.accounts.terminate(UIN, fakes.ACTOR, expected_revision=None)
        found = [(one.event, one.target) async for one in server.audit.entries()]
        account = f"account {UIN}"
        assert found == [
            ("account_created", account), ("api_key_created", f"api key {made.secret_id}"), ("api_key_disabled", f"api key {made.secret_id}"),
            ("account_changed", account), ("account_terminated", account),
        ]  # fmt: skip

    async def test_a_signature_is_new_to_one_of_all_processes_once(
        self, databases: tuple[Database, Database], clock: fakes.VirtualClock
    ) -> None:
        here, there = (Signatures(one, clock) for one in databases)
        one = Signed(b"1" * 16, fakes.NOW, covers_payload=True)
        found = await asyncio.gather(here.keep("A", one), there.keep("A", one), here.keep("A", one))
        assert sorted(found) == [False, False, True]
        assert await here.keep("B", one), "another key's"
        assert not await Signatures(databases[0], clock).keep("A", one), "after a restart"

    async def test_what_is_kept_of_a_signature_is_a_hash_and_goes_after_the_window(
        self, databases: tuple[Database, Database], clock: fakes.VirtualClock
    ) -> None:
        here = Signatures(databases[0], clock)
        early = Signed(b"early" * 3 + b"!", fakes.NOW - WINDOW_SECONDS, covers_payload=True)
        late = Signed(b"later" * 3 + b"!", fakes.NOW + WINDOW_SECONDS, covers_payload=True)
        for one in (early, late):
            assert await here.keep("AKIDsecret", one)
        clock.advance(2 * WINDOW_SECONDS)
        assert await here.keep("A", Signed(b"now", fakes.NOW + 2 * WINDOW_SECONDS, covers_payload=True))
        rows = await databases[0].ask(select(signatures))
        assert sorted(row.signed_at // 1000 - fakes.NOW for row in rows) == [300, 600]
        assert all(len(row.name) == 64 and "AKID" not in row.name for row in rows)
        assert not await here.keep("AKIDsecret", late), (
            "its second is still within the window of a clock that is behind"
        )

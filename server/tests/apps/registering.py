# SPDX-License-Identifier: Apache-2.0
"""Applications as they are administered, on either database: conditional changes, keys, ends, and the record of all of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest
from sqlalchemy import select, update

from sealroom.apps.models import (
    APPLICATION_SECRET,
    ApplicationSpec,
    BillingMode,
    KeyStatus,
    State,
    application_keys,
)
from sealroom.audit.events import AuditEvent
from sealroom.audit.models import entries
from sealroom.audit.report import verify
from sealroom.core.db import Database
from sealroom.core.db.target import Where
from sealroom.core.errors import ChangeError, ConflictError, MissingError, NotAllowedError
from sealroom_wire.signalling import Sealing
from server.tests import fakes
from server.tests.administration import SIGNING_KEYS, Desk, apps_with


async def refused(work: Awaitable[object], code: str, kind: type[ChangeError] = NotAllowedError) -> None:
    with pytest.raises(kind) as caught:
        await work
    assert caught.value.code == code


class RegisterContract:
    """Subclasses give a fixture `where` with the place of an empty database."""

    @pytest.fixture
    async def desk(self, where: Where, clock: fakes.VirtualClock) -> AsyncIterator[Desk]:
        database = Database(where)
        await apps_with(database, clock, fakes.application())
        yield Desk(database, clock)
        await database.close()

    async def events(self, desk: Desk) -> list[str]:
        return [entry.event async for entry in desk.audit.entries()]

    async def test_an_application_is_kept_with_all_that_was_decided(self, desk: Desk) -> None:
        spec = ApplicationSpec(
            "Café 通话", sealing=Sealing.OPTIONAL, advanced_permission=True, recording=True, relay=True,
            billing_mode=BillingMode.MONTHLY_PACKAGE, tags={"team": "a"}, origins=("https://call.example",),
        )  # fmt: skip
        made = await desk.register.create(fakes.UIN, spec, fakes.ACTOR)
        assert len(made.secret_key) == 64
        assert made.secret_key not in repr(made)
        found = await desk.register.find(made.sdk_app_id)
        assert found.spec == spec
        assert (found.uin, found.site, found.state, found.revision) == (
            fakes.UIN,
            fakes.SITE,
            State.ACTIVE,
            1,
        )
        assert found.keys == (KeyStatus(1, fakes.NOW),)
        assert {one.sdk_app_id for one in await desk.register.all(fakes.UIN)} == {fakes.APP, made.sdk_app_id}
        assert await desk.register.all(5) == []

    async def test_a_change_holds_only_from_the_revision_it_was_made_from(self, desk: Desk) -> None:
        change = desk.register.change
        first = await change(fakes.APP, {"name": "A"}, fakes.ACTOR, expected_revision=1)
        assert (first.spec.name, first.revision) == ("A", 2)
        await refused(
            change(fakes.APP, {"name": "B"}, fakes.ACTOR, expected_revision=1),
            "revision_conflict",
            ConflictError,
        )
        assert (await desk.register.find(fakes.APP)).spec.name == "A"
        assert (await change(fakes.APP, {"relay": True}, fakes.ACTOR, expected_revision=None)).revision == 3
        for work in (
            desk.register.add_key(fakes.APP, fakes.ACTOR, expected_revision=2),
            desk.register.retire_key(fakes.APP, 1, fakes.ACTOR, expected_revision=2),
            desk.register.terminate(fakes.APP, fakes.ACTOR, expected_revision=2),
        ):
            await refused(work, "revision_conflict", ConflictError)
        assert [*await self.events(desk)][-2:] == [AuditEvent.APPLICATION_CHANGED] * 2

    async def test_of_many_changes_from_one_revision_one_holds(self, desk: Desk) -> None:
        changes = [
            desk.register.change(fakes.APP, {"name": f"N{number}"}, fakes.ACTOR, expected_revision=1)
            for number in range(8)
        ]
        done = await asyncio.gather(*changes, return_exceptions=True)
        (held,) = [one for one in done if not isinstance(one, BaseException)]
        assert all(isinstance(one, ConflictError) for one in done if isinstance(one, BaseException))
        found = await desk.register.find(fakes.APP)
        assert (found.revision, found.spec.name) == (2, held.spec.name)

    @pytest.mark.parametrize(
        "changes",
        [
            {"name": ""}, {"name": "x" * 65}, {"name": "a\nb"}, {"sealing": "off"}, {"billing_mode": "free"}, {"uin": 5}, {"revision": 9},
            {"secret_key": "x"}, {"tags": {"": "x"}}, {"tags": {f"t{n}": "" for n in range(51)}}, {"tags": "a"}, {"origins": ["*"]},
            {"origins": [f"https://h{n}.example" for n in range(101)]}, {"enabled": "yes"},
        ],
    )  # fmt: skip
    async def test_what_does_not_fit_is_refused_whole(self, desk: Desk, changes: dict[str, object]) -> None:
        before = await desk.register.find(fakes.APP)
        with pytest.raises(NotAllowedError) as caught:
            await desk.register.change(
                fakes.APP, {"relay": True, **changes}, fakes.ACTOR, expected_revision=None
            )
        assert caught.value.code == "application_invalid"
        assert await desk.register.find(fakes.APP) == before

    async def test_number_and_key_may_be_brought_along_once(self, desk: Desk) -> None:
        create, spec = desk.register.create, ApplicationSpec("Moved")
        made = await create(fakes.UIN, spec, fakes.ACTOR, sdk_app_id=20, secret_key="s" * 64)
        assert (made.sdk_app_id, made.secret_key) == (20, "s" * 64)
        await refused(create(fakes.UIN, spec, fakes.ACTOR, sdk_app_id=20), "sdk_app_id_taken")
        for number in (0, -1, 2**32):
            await refused(create(fakes.UIN, spec, fakes.ACTOR, sdk_app_id=number), "sdk_app_id_invalid")
        for key in ("short", "ü" * 64, "a\n" * 32, "x" * 257):
            with pytest.raises(NotAllowedError) as caught:
                await create(fakes.UIN, spec, fakes.ACTOR, secret_key=key)
            assert key not in str(caught.value)
        await refused(create(77, spec, fakes.ACTOR), "account_unknown", MissingError)

    async def test_there_are_one_or_two_keys_and_no_number_comes_back(self, desk: Desk) -> None:
        register = desk.register
        await refused(
            register.retire_key(fakes.APP, 1, fakes.ACTOR, expected_revision=None), "application_key_last"
        )
        assert (await register.find(fakes.APP)).keys == (KeyStatus(1, fakes.NOW),), "it is still there"
        second = await register.add_key(fakes.APP, fakes.ACTOR, expected_revision=None)
        assert second.number == 2
        await refused(
            register.add_key(fakes.APP, fakes.ACTOR, expected_revision=None), "application_keys_too_many"
        )
        await register.retire_key(fakes.APP, 2, fakes.ACTOR, expected_revision=None)
        await refused(
            register.retire_key(fakes.APP, 2, fakes.ACTOR, expected_revision=None), "application_key_unknown", MissingError
        )  # fmt: skip
        assert (await register.add_key(fakes.APP, fakes.ACTOR, expected_revision=None)).number == 3

    async def test_what_has_ended_has_its_date_and_changes_no_more(
        self, desk: Desk, clock: fakes.VirtualClock
    ) -> None:
        register = desk.register
        clock.advance(60)
        await register.terminate(fakes.APP, fakes.ACTOR, expected_revision=1)
        found = await register.find(fakes.APP)
        assert (found.state, found.terminated_at) == (State.TERMINATED, fakes.NOW + 60)
        for work in (
            register.terminate(fakes.APP, fakes.ACTOR, expected_revision=None),
            register.change(fakes.APP, {"name": "x"}, fakes.ACTOR, expected_revision=None),
            register.add_key(fakes.APP, fakes.ACTOR, expected_revision=None),
        ):
            await refused(work, "application_terminated")

    async def test_under_an_account_that_has_ended_nothing_is_made_or_changed(self, desk: Desk) -> None:
        await desk.accounts.terminate(fakes.UIN, fakes.ACTOR, expected_revision=None)
        for work in (
            desk.register.create(fakes.UIN, ApplicationSpec("x"), fakes.ACTOR),
            desk.register.change(fakes.APP, {"name": "x"}, fakes.ACTOR, expected_revision=None),
            desk.register.add_key(fakes.APP, fakes.ACTOR, expected_revision=None),
        ):
            await refused(work, "account_terminated")

    async def test_what_is_not_there_is_missing(self, desk: Desk) -> None:
        for work in (
            desk.register.find(7),
            desk.register.change(7, {}, fakes.ACTOR, expected_revision=None),
            desk.register.terminate(7, fakes.ACTOR, expected_revision=1),
        ):
            await refused(work, "application_unknown", MissingError)

    async def test_every_change_is_recorded_once_and_no_secret_with_it(self, desk: Desk) -> None:
        register = desk.register
        keys = [await register.add_key(fakes.APP, fakes.ACTOR, expected_revision=None)]
        await register.retire_key(fakes.APP, 1, fakes.ACTOR, expected_revision=None)
        keys.append(await register.create(fakes.UIN, ApplicationSpec("Other"), fakes.ACTOR))
        await register.change(fakes.APP, {"sealing": "optional"}, fakes.ACTOR, expected_revision=None)
        await register.terminate(fakes.APP, fakes.ACTOR, expected_revision=None)
        assert await self.events(desk) == [
            "account_created", "application_created", "application_key_added", "application_key_retired",
            "application_created", "application_changed", "application_terminated",
        ]  # fmt: skip
        for row in await desk.database.ask(select(entries)):
            for secret in (fakes.KEY, *(key.secret_key for key in keys)):
                assert secret not in str(tuple(row))
        said: list[str] = []
        assert await verify(desk.database, SIGNING_KEYS, (), said.append), said

    async def test_a_change_whose_record_fails_is_no_change(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: object) -> None:
            raise RuntimeError

        before = await desk.register.all()
        monkeypatch.setattr(desk.audit, "append", fail)
        for work in (
            desk.register.create(fakes.UIN, ApplicationSpec("x"), fakes.ACTOR),
            desk.register.change(fakes.APP, {"name": "x"}, fakes.ACTOR, expected_revision=None),
            desk.register.add_key(fakes.APP, fakes.ACTOR, expected_revision=None),
            desk.register.terminate(fakes.APP, fakes.ACTOR, expected_revision=None),
        ):
            with pytest.raises(RuntimeError):
                await work
        assert await desk.register.all() == before

    async def test_keys_lie_encrypted_and_open_nowhere_but_in_their_row(self, desk: Desk) -> None:
        other = await desk.register.create(fakes.UIN, ApplicationSpec("Other"), fakes.ACTOR)
        rows = {row.sdk_app_id: row for row in await desk.database.ask(select(application_keys))}
        mine, theirs = rows[fakes.APP].secret, rows[other.sdk_app_id].secret
        assert fakes.KEY.encode() not in mine
        assert await APPLICATION_SECRET.decrypt(desk.envelope, (fakes.APP, 1), mine) == fakes.KEY.encode()
        async with desk.database.writing() as connection:
            swap = update(application_keys).where(application_keys.c.sdk_app_id == fakes.APP)
            await connection.execute(swap.values(secret=theirs))
        clockless = Desk(desk.database, desk.clock)
        assert await clockless.apps.owner_of(77) is None
        with pytest.raises(Exception, match="not as it was written"):
            await clockless.apps.find(fakes.APP)

# SPDX-License-Identifier: Apache-2.0
"""Who may enter an application, on either database: keys in rotation, revocations, changes of another process."""

from collections.abc import AsyncIterator

import pytest

from sealroom.apps.service import ApplicationService
from sealroom.core.db import Database
from sealroom.core.db.target import Where
from sealroom.core.keys import Envelope
from sealroom_wire.errors import ErrorCode, Refusal
from server.tests import fakes
from server.tests.administration import Desk, KeyService, apps_with
from server.tests.asked import questions_to


async def answer(
    apps: ApplicationService,
    user: str = "alice",
    *,
    app: int = fakes.APP,
    key: str = fakes.KEY,
    origin: str | None = None,
) -> ErrorCode | None:
    """Why somebody is refused who shows a UserSig; None for one who is let in."""
    try:
        await apps.identify(app, user, fakes.user_sig(user, key=key, app=app), origin=origin)
    except Refusal as refusal:
        return refusal.code
    return None


class EnteringContract:
    """Subclasses give a fixture `where` with the place of an empty database."""

    @pytest.fixture
    async def databases(self, where: Where) -> AsyncIterator[tuple[Database, Database]]:
        pair = Database(where), Database(where)
        yield pair
        for one in pair:
            await one.close()

    @pytest.fixture
    async def server(self, databases: tuple[Database, Database], clock: fakes.VirtualClock) -> Desk:
        """A running server. It has one application."""
        await apps_with(databases[0], clock, fakes.application())
        return Desk(databases[0], clock)

    @pytest.fixture
    async def other(self, databases: tuple[Database, Database], server: Desk) -> Desk:
        """Another process on the same database. Time stands still: nothing that it changes is seen because time went by."""
        return Desk(databases[1], server.clock)

    async def test_only_what_is_there_is_entered(self, server: Desk) -> None:
        assert await answer(server.apps) is None
        assert await answer(server.apps, key=fakes.OTHER_KEY) is ErrorCode.USER_SIG_BAD_SIGNATURE
        assert await answer(server.apps, app=77) is ErrorCode.APPLICATION_UNKNOWN
        assert await answer(server.apps, origin="https://call.example") is None
        assert await answer(server.apps, origin="https://evil.example") is ErrorCode.ORIGIN_NOT_ALLOWED

    async def test_two_keys_hold_while_one_takes_the_place_of_the_other(
        self, server: Desk, other: Desk, clock: fakes.VirtualClock
    ) -> None:
        assert await answer(server.apps) is None
        await other.register.add_key(
            fakes.APP, fakes.ACTOR, expected_revision=None, secret_key=fakes.OTHER_KEY
        )
        clock.advance(1)
        for key in (fakes.KEY, fakes.OTHER_KEY):
            assert await answer(server.apps, key=key) is None
        await other.register.retire_key(fakes.APP, 1, fakes.ACTOR, expected_revision=None)
        assert await answer(server.apps) is ErrorCode.USER_SIG_BAD_SIGNATURE, (
            "at once: nobody waits for a clock"
        )
        assert await answer(server.apps, key=fakes.OTHER_KEY) is None

    async def test_what_another_process_switches_off_is_off_at_the_next_entry(
        self, server: Desk, other: Desk, clock: fakes.VirtualClock
    ) -> None:
        assert await answer(server.apps) is None
        changes = other.register.change
        await changes(fakes.APP, {"enabled": False}, fakes.ACTOR, expected_revision=None)
        assert await answer(server.apps) is ErrorCode.APPLICATION_DISABLED
        await changes(fakes.APP, {"enabled": True}, fakes.ACTOR, expected_revision=None)
        clock.advance(1)
        assert await answer(server.apps) is None
        await changes(fakes.APP, {"origins": []}, fakes.ACTOR, expected_revision=None)
        assert await answer(server.apps, origin="https://call.example") is ErrorCode.ORIGIN_NOT_ALLOWED

    async def test_what_is_switched_on_again_is_seen_within_two_seconds(
        self, server: Desk, other: Desk, clock: fakes.VirtualClock
    ) -> None:
        await other.register.change(fakes.APP, {"enabled": False}, fakes.ACTOR, expected_revision=None)
        clock.advance(1)
        assert await answer(server.apps) is ErrorCode.APPLICATION_DISABLED
        await other.register.change(fakes.APP, {"enabled": True}, fakes.ACTOR, expected_revision=None)
        clock.advance(1)
        assert await answer(server.apps) is None

    async def test_an_ended_application_or_account_lets_nobody_in(
        self, server: Desk, other: Desk, clock: fakes.VirtualClock
    ) -> None:
        second = fakes.application(sdk_app_id=5)
        await apps_with(other.database, clock, second)
        assert await answer(server.apps) is None
        assert await answer(server.apps, app=5) is None
        await other.register.terminate(5, fakes.ACTOR, expected_revision=None)
        assert await answer(server.apps, app=5) is ErrorCode.APPLICATION_DISABLED
        assert await answer(server.apps) is None
        await other.accounts.terminate(fakes.UIN, fakes.ACTOR, expected_revision=None)
        assert await answer(server.apps) is ErrorCode.APPLICATION_DISABLED
        assert await server.apps.owner_of(fakes.APP) == fakes.UIN
        assert await server.apps.owner_of(77) is None
        assert await server.apps.owned_by(fakes.UIN) == [5, fakes.APP]

    async def test_revocations_last_reach_all_and_never_move_back(self, server: Desk, other: Desk) -> None:
        revoked = ErrorCode.USER_SIG_REVOKED
        await other.apps.revoke(fakes.APP, "alice", fakes.NOW, fakes.ACTOR)
        assert await answer(server.apps) is None
        await other.apps.revoke(fakes.APP, "alice", fakes.NOW + 1, fakes.ACTOR)
        await other.apps.revoke(fakes.APP, "alice", fakes.NOW - 9, fakes.ACTOR)
        assert await answer(server.apps) is revoked
        assert await answer(server.apps, "bob") is None
        await other.apps.revoke(fakes.APP, None, fakes.NOW + 1, fakes.ACTOR)
        assert await answer(server.apps, "bob") is revoked
        assert await server.apps.revoked() == [
            (fakes.APP, "", fakes.NOW + 1),
            (fakes.APP, "alice", fakes.NOW + 1),
        ]
        assert await other.apps.unrevoke(fakes.APP, None, fakes.ACTOR)
        assert not await other.apps.unrevoke(fakes.APP, None, fakes.ACTOR)
        assert await answer(server.apps, "bob") is None

    async def test_an_entry_costs_one_query_and_a_forged_one_none(
        self, server: Desk, clock: fakes.VirtualClock
    ) -> None:
        assert await answer(server.apps) is None
        asked = questions_to(server.database)
        for _ in range(10):
            assert await answer(server.apps) is None
        assert len(asked) == 10
        asked.clear()
        for _ in range(10):
            assert await answer(server.apps, key=fakes.OTHER_KEY) is not None
        assert asked == []
        clock.advance(1)
        for _ in range(10):
            assert await answer(server.apps, key=fakes.OTHER_KEY) is not None
        assert len(asked) == 1

    async def test_a_value_that_does_not_open_lets_nobody_in_and_tells_no_secret(
        self, server: Desk, clock: fakes.VirtualClock
    ) -> None:
        stranger = Desk(server.database, clock, Envelope(KeyService()))
        assert await answer(stranger.apps) is ErrorCode.INTERNAL_ERROR
        assert fakes.KEY not in repr(await server.apps.find(fakes.APP))

# SPDX-License-Identifier: Apache-2.0
"""Origins, keys in rotation, revocations, and the demo application."""

import random
from pathlib import Path

import pytest

from sealroom.apps.demo import FILE, demo_application
from sealroom.apps.models import Application
from sealroom.apps.origins import LOOPBACK, check_origin, origin_allowed
from sealroom.apps.service import ApplicationService
from sealroom.core.db import Database
from sealroom.core.errors import ConfigurationError, StartError
from sealroom.core.ids import Ids
from sealroom.core.state import StateDirectory
from sealroom_wire.errors import ErrorCode, Refusal
from server.tests import fakes


@pytest.mark.parametrize(
    "origin", ["http://localhost", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:65535"]
)
def test_pages_of_this_machine_are_allowed_whatever_their_port(origin: str) -> None:
    assert origin_allowed(origin, LOOPBACK)


@pytest.mark.parametrize(
    "origin",
    ["https://localhost:1", "http://localhost.evil:1", "http://localhost:", "http://localhost:1/", "http://127.0.0.2:1", "null", "", "http://evil:*"],
)  # fmt: skip
def test_what_only_looks_like_it_is_not(origin: str) -> None:
    assert not origin_allowed(origin, LOOPBACK)


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "https://*",
        "https://call.example/",
        "https://Call.example",
        "call.example",
        "https://x:*",
        "http://localhost:*/",
    ],
)
def test_an_entry_that_would_match_too_much_or_nothing_is_refused_at_start(entry: str) -> None:
    with pytest.raises(ConfigurationError):
        check_origin(entry)


async def test_two_keys_hold_while_one_takes_the_place_of_the_other(
    database: Database, clock: fakes.VirtualClock
) -> None:
    both = ApplicationService(
        (fakes.application(secret_keys=(fakes.KEY, fakes.OTHER_KEY)),), database, fakes.audit(database), clock
    )
    for key in (fakes.KEY, fakes.OTHER_KEY):
        await both.identify(fakes.APP, "alice", fakes.user_sig("alice", key=key), origin=None)
    one = ApplicationService(
        (fakes.application(secret_keys=(fakes.OTHER_KEY,)),), database, fakes.audit(database), clock
    )
    with pytest.raises(Refusal) as caught:
        await one.identify(fakes.APP, "alice", fakes.user_sig("alice"), origin=None)
    assert caught.value.code is ErrorCode.USER_SIG_BAD_SIGNATURE


async def test_revocations_last_reach_all_and_never_move_back(
    tmp_path: Path, clock: fakes.VirtualClock
) -> None:
    async def valid(apps: ApplicationService, user: str) -> bool:
        try:
            await apps.identify(fakes.APP, user, fakes.user_sig(user), origin=None)
        except Refusal as refusal:
            return refusal.code is not ErrorCode.USER_SIG_REVOKED
        return True

    database = Database(tmp_path / "x.db")
    apps = ApplicationService((fakes.application(),), database, fakes.audit(database), clock)
    await apps.revoke(fakes.APP, "alice", fakes.NOW, fakes.ACTOR)
    assert await valid(apps, "alice")
    await apps.revoke(fakes.APP, "alice", fakes.NOW + 1, fakes.ACTOR)
    await apps.revoke(fakes.APP, "alice", fakes.NOW - 9, fakes.ACTOR)
    assert not await valid(apps, "alice")
    await database.close()
    database = Database(tmp_path / "x.db")
    apps = ApplicationService((fakes.application(),), database, fakes.audit(database), clock)
    assert not await valid(apps, "alice")
    assert await valid(apps, "bob")
    await apps.revoke(fakes.APP, None, fakes.NOW + 1, fakes.ACTOR)
    assert not await valid(apps, "bob")
    assert await apps.revoked() == [(fakes.APP, "", fakes.NOW + 1), (fakes.APP, "alice", fakes.NOW + 1)]
    assert await apps.unrevoke(fakes.APP, None, fakes.ACTOR)
    assert not await apps.unrevoke(fakes.APP, None, fakes.ACTOR)
    assert await valid(apps, "bob")
    await database.close()


def test_the_demo_application_is_sealed_and_stays_the_same(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    made = demo_application(state, Ids())
    assert demo_application(state, Ids(random.Random(1))) == made
    assert made.sealing == "required"
    assert made.origins == LOOPBACK
    (state.path / FILE).write_text("{}")
    with pytest.raises(StartError):
        demo_application(state, Ids())


def test_an_application_shows_no_secret() -> None:
    assert fakes.KEY not in repr(Application.of(fakes.application()))


def test_pages_of_other_origins_may_use_the_demo_application_only_when_named(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    lan = "https://192.168.1.7:8443"
    named = demo_application(state, Ids(), (lan,))
    assert origin_allowed(lan, named.origins)
    assert origin_allowed("http://localhost:8080", named.origins)
    assert not origin_allowed("https://192.168.1.8:8443", named.origins)
    assert not origin_allowed(lan, demo_application(state, Ids()).origins), "it is not kept"
    for nothing in ("*", "https://*", "https://192.168.1.7:8443/", "192.168.1.7"):
        with pytest.raises(ConfigurationError):
            demo_application(state, Ids(), (nothing,))

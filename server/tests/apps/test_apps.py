# SPDX-License-Identifier: Apache-2.0
"""Which pages may use an application; the demo application."""

import pytest

from sealroom.accounts.service import DEMO_UIN
from sealroom.apps.demo import demo_application
from sealroom.apps.models import Application
from sealroom.apps.origins import LOOPBACK, check_origin, origin_allowed
from sealroom.audit.events import AuditEvent
from sealroom.core.db import Database
from sealroom.core.errors import ConfigurationError, NotAllowedError, StartError
from sealroom_wire.signalling import Sealing
from server.tests import fakes
from server.tests.administration import Desk, apps_with


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
async def test_an_entry_that_would_match_too_much_or_nothing_is_refused(
    entry: str, database: Database
) -> None:
    with pytest.raises(ConfigurationError):
        check_origin(entry)
    desk = Desk(database, fakes.VirtualClock())
    await apps_with(database, desk.clock, fakes.application())
    with pytest.raises(NotAllowedError, match="is not an origin"):
        await desk.register.change(fakes.APP, {"origins": [entry]}, fakes.ACTOR, expected_revision=None)


async def demo(database: Database, *origins: str) -> Application:
    """The demo application, as a process that starts now has it."""
    desk = Desk(database, fakes.VirtualClock())
    return await demo_application(desk.accounts, desk.register, desk.apps, fakes.ACTOR, origins)


async def test_the_demo_application_is_sealed_has_an_account_and_stays_the_same(database: Database) -> None:
    made = await demo(database)
    assert await demo(database) == made
    assert made.sealing is Sealing.REQUIRED
    assert made.spec.origins == LOOPBACK
    assert made.uin == DEMO_UIN
    entries = [entry.event async for entry in fakes.audit(database).entries()]
    assert entries == [AuditEvent.ACCOUNT_CREATED, AuditEvent.APPLICATION_CREATED]


async def test_pages_of_other_origins_may_use_the_demo_application_only_when_named(
    database: Database,
) -> None:
    lan = "https://192.168.1.7:8443"
    named = await demo(database, lan)
    assert origin_allowed(lan, named.spec.origins)
    assert origin_allowed("http://localhost:8080", named.spec.origins)
    assert not origin_allowed("https://192.168.1.8:8443", named.spec.origins)
    assert not origin_allowed(lan, (await demo(database)).spec.origins), "it is not kept"
    for nothing in ("*", "https://*", "https://192.168.1.7:8443/", "192.168.1.7"):
        with pytest.raises(ConfigurationError):
            await demo(database, nothing)


async def test_a_demo_that_was_ended_or_switched_off_is_made_anew_or_says_so(database: Database) -> None:
    desk = Desk(database, fakes.VirtualClock())
    first = await demo(database)
    await desk.register.change(first.sdk_app_id, {"enabled": False}, fakes.ACTOR, expected_revision=None)
    with pytest.raises(StartError, match=f"sealroom app change {first.sdk_app_id} --enabled"):
        await demo(database)
    await desk.register.terminate(first.sdk_app_id, fakes.ACTOR, expected_revision=None)
    assert (await demo(database)).sdk_app_id != first.sdk_app_id
    await desk.accounts.terminate(DEMO_UIN, fakes.ACTOR, expected_revision=None)
    with pytest.raises(StartError):
        await demo(database)

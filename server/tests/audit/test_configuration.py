# SPDX-License-Identifier: Apache-2.0
"""A server's configuration is recorded when it changed, machine by machine, without passwords."""

from sealroom.audit.configuration import record_configuration
from sealroom.core.config import Configuration
from sealroom.core.config.describe import changed_settings
from sealroom.core.config.schema import DatabaseSettings, MediaSettings
from sealroom.core.db import Database
from server.tests import fakes


async def test_only_what_changed_since_the_last_start_is_recorded(database: Database) -> None:
    audit = fakes.audit(database)

    async def start(machine: str, **settings: str) -> bool:
        return await record_configuration(database, audit, machine, settings, fakes.ACTOR)

    assert await start("one")
    assert not await start("one")
    assert await start("one", **{"media.port": "4000"})
    assert not await start("one", **{"media.port": "4000"})
    assert await start("two")
    assert await start("one")
    found = [(one.target, one.payload) async for one in audit.entries()]
    assert found == [
        ("configuration of one", "{}"), ("configuration of one", '{"media.port":"4000"}'), ("configuration of two", "{}"),
        ("configuration of one", "{}"),
    ]  # fmt: skip


def test_settings_are_told_where_they_are_not_the_defaults_and_without_passwords() -> None:
    assert changed_settings(Configuration()) == {}
    made = Configuration(
        media=MediaSettings(port=4000), database=DatabaseSettings(url="postgresql://u:secret@h/x")
    )
    assert changed_settings(made) == {"media.port": "4000", "database.url": '"postgresql://u:***@h/x"'}

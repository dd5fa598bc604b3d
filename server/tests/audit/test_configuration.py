# SPDX-License-Identifier: Apache-2.0
"""A server's configuration is recorded when it changed, machine by machine, without passwords."""

import msgspec
import pytest

from sealroom.audit.configuration import record_configuration
from sealroom.core.config import Configuration
from sealroom.core.config.describe import changed_settings
from sealroom.core.config.load import sections
from sealroom.core.config.schema import DatabaseSettings, MediaSettings, secrets
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


def test_no_secret_of_the_configuration_is_recorded() -> None:
    """What is in the log once stays there."""
    found = 0
    for section, keys in sections().items():
        for key in secrets(type(getattr(Configuration(), section))) & set(keys):
            settings = msgspec.structs.replace(getattr(Configuration(), section), **{key: "canary"})
            made = msgspec.structs.replace(Configuration(), **{section: settings})
            assert changed_settings(made) == {f"{section}.{key}": '"***"'}
            found += 1
    assert found > 0


@pytest.mark.parametrize(
    "url", ["postgresql://u:a/canary@h/x", "postgresql://u:a@canary@h/x", "postgresql://u@h/x?sslkey=k&sslpassword=canary"]
)  # fmt: skip
def test_no_password_of_a_url_is_recorded_however_it_is_written(url: str) -> None:
    told = changed_settings(Configuration(database=DatabaseSettings(url=url)))
    assert "canary" not in str(told)
    assert "***" in str(told)

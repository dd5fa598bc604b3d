# SPDX-License-Identifier: Apache-2.0
"""Entering and administering on a real PostgreSQL; and that nobody is let in while it is away."""

import pytest

from sealroom.core.config.schema import DatabaseSettings
from sealroom.core.db import Database
from sealroom_wire.errors import ErrorCode
from server.tests import fakes
from server.tests.administration import apps_with
from server.tests.apps.entering import EnteringContract, answer
from server.tests.apps.registering import RegisterContract
from tools.services.fixtures import OwnDatabase

pytestmark = pytest.mark.services


@pytest.fixture
def where(own_database: OwnDatabase) -> str:
    return own_database.url


class TestEntering(EnteringContract):
    """All of it."""


class TestRegister(RegisterContract):
    """All of it."""


async def test_while_the_database_is_away_nobody_is_let_in_and_afterwards_everybody_again(
    where: str, own_database: OwnDatabase, clock: fakes.VirtualClock
) -> None:
    database = Database(where, DatabaseSettings(connect_timeout=2))
    apps = await apps_with(database, clock, fakes.application())
    assert await answer(apps) is None
    own_database.server.process.kill()
    assert await answer(apps) is ErrorCode.SERVER_BUSY
    assert await answer(apps, key=fakes.OTHER_KEY) is ErrorCode.USER_SIG_BAD_SIGNATURE
    own_database.server.process.start()
    assert await answer(apps) is None
    await database.close()

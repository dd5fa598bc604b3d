# SPDX-License-Identifier: Apache-2.0
"""For suites that run on a real PostgreSQL what they run on SQLite: importing `database` puts it in the place of the usual one."""

from collections.abc import AsyncIterator

import pytest

from sealroom.core.db import Database
from tools.services.fixtures import OwnDatabase


@pytest.fixture
async def database(own_database: OwnDatabase) -> AsyncIterator[Database]:
    database = Database(own_database.url)
    yield database
    await database.close()

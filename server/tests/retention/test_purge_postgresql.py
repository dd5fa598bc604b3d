# SPDX-License-Identifier: Apache-2.0
"""What has reached its age goes from a real PostgreSQL too."""

from collections.abc import AsyncIterator

import pytest

from sealroom.core.db import Database
from server.tests.retention.test_purge import (
    test_each_class_with_something_that_ages_has_a_daily_job,
    test_old_rows_go_in_slices_and_young_ones_and_other_tables_stay,
)
from tools.services.fixtures import OwnDatabase

pytestmark = pytest.mark.services

__all__ = [
    "test_each_class_with_something_that_ages_has_a_daily_job",
    "test_old_rows_go_in_slices_and_young_ones_and_other_tables_stay",
]


@pytest.fixture
async def database(own_database: OwnDatabase) -> AsyncIterator[Database]:
    database = Database(own_database.url)
    yield database
    await database.close()

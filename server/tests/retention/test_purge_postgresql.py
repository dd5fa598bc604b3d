# SPDX-License-Identifier: Apache-2.0
"""What has reached its age goes from a real PostgreSQL too."""

import pytest

from server.tests.on_postgresql import database
from server.tests.retention.test_purge import (
    test_each_class_with_something_that_ages_has_a_daily_job,
    test_old_rows_go_in_slices_and_young_ones_and_other_tables_stay,
)

pytestmark = pytest.mark.services

__all__ = [
    "database",
    "test_each_class_with_something_that_ages_has_a_daily_job",
    "test_old_rows_go_in_slices_and_young_ones_and_other_tables_stay",
]

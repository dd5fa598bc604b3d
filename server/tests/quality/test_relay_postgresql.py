# SPDX-License-Identifier: Apache-2.0
"""History's way to the journal on a real PostgreSQL."""

import pytest

from server.tests.on_postgresql import database
from server.tests.quality.test_relay import (
    node,
    test_a_commit_that_was_not_heard_of_reaches_the_journal,
    test_an_idle_server_keeps_nothing,
    test_rows_that_are_done_go_with_the_next_batch_and_cost_no_transaction,
    test_the_journal_gets_nothing_of_a_transaction_that_failed,
    test_the_journal_gets_what_was_committed_in_its_order,
    test_what_a_killed_process_left_is_taken_up_before_anything_else,
    test_what_does_not_stay_in_memory_is_read_when_its_turn_comes,
)

pytestmark = pytest.mark.services

__all__ = [
    "database",
    "node",
    "test_a_commit_that_was_not_heard_of_reaches_the_journal",
    "test_an_idle_server_keeps_nothing",
    "test_rows_that_are_done_go_with_the_next_batch_and_cost_no_transaction",
    "test_the_journal_gets_nothing_of_a_transaction_that_failed",
    "test_the_journal_gets_what_was_committed_in_its_order",
    "test_what_a_killed_process_left_is_taken_up_before_anything_else",
    "test_what_does_not_stay_in_memory_is_read_when_its_turn_comes",
]

# SPDX-License-Identifier: Apache-2.0
"""The ledger on a real PostgreSQL, and on one that is killed in the middle."""

from collections.abc import AsyncIterator

import pytest

from sealroom.core.db import Database
from server.tests.rooms.test_ledger import (
    made,
    test_a_commit_that_was_not_heard_of_is_not_written_again,
    test_a_writer_that_fails_leaves_nothing_of_the_batch_behind,
    test_after_a_crash_calls_end_when_the_server_was_last_seen,
    test_an_event_that_is_refused_costs_the_others_nothing,
    test_events_of_a_moment_are_one_transaction_in_their_order,
    test_many_calls_are_recovered_in_few_transactions_and_none_is_cut,
    test_one_node_does_not_end_the_calls_of_another,
    test_while_the_database_is_away_events_wait_and_all_are_there_afterwards,
    test_who_is_in_a_call_is_known_and_its_end,
    writer,
)
from tools.services.fixtures import OwnDatabase

pytestmark = pytest.mark.services

__all__ = [
    "made",
    "test_a_commit_that_was_not_heard_of_is_not_written_again",
    "test_a_writer_that_fails_leaves_nothing_of_the_batch_behind",
    "test_after_a_crash_calls_end_when_the_server_was_last_seen",
    "test_an_event_that_is_refused_costs_the_others_nothing",
    "test_events_of_a_moment_are_one_transaction_in_their_order",
    "test_many_calls_are_recovered_in_few_transactions_and_none_is_cut",
    "test_one_node_does_not_end_the_calls_of_another",
    "test_while_the_database_is_away_events_wait_and_all_are_there_afterwards",
    "test_who_is_in_a_call_is_known_and_its_end",
    "writer",
]


@pytest.fixture
async def database(own_database: OwnDatabase) -> AsyncIterator[Database]:
    database = Database(own_database.url)
    yield database
    await database.close()

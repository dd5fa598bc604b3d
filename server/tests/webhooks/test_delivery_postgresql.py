# SPDX-License-Identifier: Apache-2.0
"""Claims, leases and outcomes on a real PostgreSQL, where two workers really write at once."""

import pytest

from server.tests.on_postgresql import database
from server.tests.webhooks.test_delivery import (
    test_a_room_keeps_its_order_and_another_does_not_wait,
    test_a_thousand_events_of_many_rooms_each_in_their_order,
    test_a_worker_that_ends_sends_what_is_due_and_gives_back_the_rest,
    test_an_authority_is_told_beside_the_backend_each_with_its_own_signature,
    test_an_authority_that_is_down_holds_up_nothing_of_the_backend,
    test_an_endpoint_that_comes_back_gets_at_once_what_was_set_aside,
    test_an_event_is_sent_signed_and_its_row_goes,
    test_an_event_that_the_ledger_writes_again_is_one_row,
    test_the_first_minute_is_trtcs_and_then_the_others_go_on,
    test_two_workers_send_nothing_twice_and_keep_the_order,
    test_what_a_killed_worker_had_is_sent_by_another_under_the_same_id,
)
from server.tests.webhooks.upgrade import UpgradeContract
from tools.services.fixtures import OwnDatabase

pytestmark = pytest.mark.services

__all__ = [
    "database",
    "test_a_room_keeps_its_order_and_another_does_not_wait",
    "test_a_thousand_events_of_many_rooms_each_in_their_order",
    "test_a_worker_that_ends_sends_what_is_due_and_gives_back_the_rest",
    "test_an_authority_is_told_beside_the_backend_each_with_its_own_signature",
    "test_an_authority_that_is_down_holds_up_nothing_of_the_backend",
    "test_an_endpoint_that_comes_back_gets_at_once_what_was_set_aside",
    "test_an_event_is_sent_signed_and_its_row_goes",
    "test_an_event_that_the_ledger_writes_again_is_one_row",
    "test_the_first_minute_is_trtcs_and_then_the_others_go_on",
    "test_two_workers_send_nothing_twice_and_keep_the_order",
    "test_what_a_killed_worker_had_is_sent_by_another_under_the_same_id",
]


class TestUpgrade(UpgradeContract):
    @pytest.fixture
    def where(self, own_database: OwnDatabase) -> str:
        return own_database.url

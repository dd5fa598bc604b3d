# SPDX-License-Identifier: Apache-2.0
"""Receipts on a real PostgreSQL."""

import pytest

from server.tests.on_postgresql import database
from server.tests.regions.test_receipts import (
    node,
    test_a_call_that_is_over_has_a_receipt,
    test_a_forged_field_is_refused,
    test_a_note_of_another_key_or_of_something_else_is_no_receipt,
    test_a_receipt_stays_valid_after_its_key_was_replaced,
    test_a_row_that_was_changed_does_not_change_what_was_signed,
    test_after_a_crash_the_next_start_signs_what_the_killed_one_began,
    test_calls_that_are_over_are_forgotten,
    test_it_is_not_taken_for_another_call_s,
    test_it_names_nobody_and_no_room,
    test_what_comes_while_the_end_is_written_is_signed_with_the_next_transaction,
    test_what_else_the_call_touched_is_in_it,
    test_without_a_key_no_event_is_lost_and_the_receipt_is_signed_later,
)

pytestmark = pytest.mark.services

__all__ = [
    "database",
    "node",
    "test_a_call_that_is_over_has_a_receipt",
    "test_a_forged_field_is_refused",
    "test_a_note_of_another_key_or_of_something_else_is_no_receipt",
    "test_a_receipt_stays_valid_after_its_key_was_replaced",
    "test_a_row_that_was_changed_does_not_change_what_was_signed",
    "test_after_a_crash_the_next_start_signs_what_the_killed_one_began",
    "test_calls_that_are_over_are_forgotten",
    "test_it_is_not_taken_for_another_call_s",
    "test_it_names_nobody_and_no_room",
    "test_what_comes_while_the_end_is_written_is_signed_with_the_next_transaction",
    "test_what_else_the_call_touched_is_in_it",
    "test_without_a_key_no_event_is_lost_and_the_receipt_is_signed_later",
]

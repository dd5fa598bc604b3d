# SPDX-License-Identifier: Apache-2.0
"""Jobs on a real PostgreSQL, whose rows many workers may lock."""

import pytest

from server.tests.core.jobs.test_jobs import (
    test_a_dead_workers_job_is_taken_over_and_the_late_one_changes_nothing,
    test_a_job_is_done_when_it_is_due_and_then_gone,
    test_a_job_is_taken_on_with_the_change_that_asks_for_it_or_not_at_all,
    test_a_job_of_a_kind_that_this_program_does_not_know_is_left_for_one_that_does,
    test_many_workers_do_each_job_once,
    test_runs_are_counted_and_traced_without_what_a_failure_says,
    test_what_fails_is_tried_again_ever_later_and_given_up_where_its_kind_says_so,
    test_work_that_comes_back_is_never_given_up,
    test_work_that_comes_back_runs_once_for_all_the_times_that_were_missed,
)
from server.tests.on_postgresql import database

pytestmark = pytest.mark.services

__all__ = [
    "database",
    "test_a_dead_workers_job_is_taken_over_and_the_late_one_changes_nothing",
    "test_a_job_is_done_when_it_is_due_and_then_gone",
    "test_a_job_is_taken_on_with_the_change_that_asks_for_it_or_not_at_all",
    "test_a_job_of_a_kind_that_this_program_does_not_know_is_left_for_one_that_does",
    "test_many_workers_do_each_job_once",
    "test_runs_are_counted_and_traced_without_what_a_failure_says",
    "test_what_fails_is_tried_again_ever_later_and_given_up_where_its_kind_says_so",
    "test_work_that_comes_back_is_never_given_up",
    "test_work_that_comes_back_runs_once_for_all_the_times_that_were_missed",
]

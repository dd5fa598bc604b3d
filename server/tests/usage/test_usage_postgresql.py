# SPDX-License-Identifier: Apache-2.0
"""Usage on a real PostgreSQL, whose sums are of other types."""

import pytest

from server.tests.on_postgresql import database
from server.tests.usage.test_statement import (
    month,
    test_a_change_after_midnight_does_not_reach_back_though_the_day_was_not_closed_yet,
    test_a_change_of_mode_within_a_month_splits_it_and_bills_every_minute_once,
    test_by_day_each_day_with_use_is_a_line,
    test_with_a_package_all_days_of_a_calendar_month_are_one_line,
)
from server.tests.usage.test_usage import (
    metered,
    test_a_clock_that_was_set_forward_makes_nobody_use_more,
    test_a_closed_day_stays_when_its_meters_are_gone,
    test_a_day_is_closed_once_a_night_and_gives_the_same_again,
    test_a_day_that_is_not_over_has_no_total,
    test_a_killed_process_loses_what_it_had_not_written_and_its_successor_counts_its_own,
    test_a_size_that_nobody_can_see_is_said_to_be_unknown,
    test_a_step_is_cut_at_five_minutes_and_loses_nothing,
    test_a_time_with_video_is_of_its_class_and_not_audio_too,
    test_pictures_of_one_subscriber_count_together,
    test_rooms_and_applications_are_told_apart,
    test_the_meters_name_nobody,
    test_what_was_used_between_the_last_take_and_leaving_counts,
    test_while_the_database_is_away_what_was_metered_waits,
    test_who_is_alone_uses_audio,
    test_written_again_and_again_it_counts_once,
)

pytestmark = pytest.mark.services

__all__ = [
    "database",
    "metered",
    "month",
    "test_a_change_after_midnight_does_not_reach_back_though_the_day_was_not_closed_yet",
    "test_a_change_of_mode_within_a_month_splits_it_and_bills_every_minute_once",
    "test_a_clock_that_was_set_forward_makes_nobody_use_more",
    "test_a_closed_day_stays_when_its_meters_are_gone",
    "test_a_day_is_closed_once_a_night_and_gives_the_same_again",
    "test_a_day_that_is_not_over_has_no_total",
    "test_a_killed_process_loses_what_it_had_not_written_and_its_successor_counts_its_own",
    "test_a_size_that_nobody_can_see_is_said_to_be_unknown",
    "test_a_step_is_cut_at_five_minutes_and_loses_nothing",
    "test_a_time_with_video_is_of_its_class_and_not_audio_too",
    "test_by_day_each_day_with_use_is_a_line",
    "test_pictures_of_one_subscriber_count_together",
    "test_rooms_and_applications_are_told_apart",
    "test_the_meters_name_nobody",
    "test_what_was_used_between_the_last_take_and_leaving_counts",
    "test_while_the_database_is_away_what_was_metered_waits",
    "test_who_is_alone_uses_audio",
    "test_with_a_package_all_days_of_a_calendar_month_are_one_line",
    "test_written_again_and_again_it_counts_once",
]

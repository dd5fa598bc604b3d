# SPDX-License-Identifier: Apache-2.0
"""The same with two real sets of stores: a database of PostgreSQL for each site, and indices of OpenSearch under each site's name."""

from collections.abc import Iterator

import pytest

from tests.residency.test_two_sites import (
    NAMES,
    folder,
    test_a_client_follows_to_a_site_that_it_was_told_of_and_to_no_other,
    test_a_receipt_needs_nothing_of_the_server_that_made_it,
    test_an_application_of_the_other_site_is_told_where_it_is_and_leaves_no_trace,
    test_each_value_lies_exactly_where_the_catalogue_says,
    test_logs_and_metrics_hold_nothing_of_it,
    test_nothing_of_a_site_is_in_the_stores_or_files_of_the_other,
    test_the_bytes_on_the_disk_hold_it_only_in_the_stores,
    test_the_directory_names_nobody,
    test_the_endpoint_was_told_of_its_own_site_alone,
    test_the_journal_holds_what_waits_and_nobody_reads_it_there,
    test_the_receipt_says_what_the_stores_hold,
    test_whatever_names_a_person_is_declared_as_personal_and_of_the_site,
    test_who_is_in_a_call_is_known_only_while_it_lasts,
    world,
)
from tools.services import PostgreSQL, Search

pytestmark = pytest.mark.services

__all__ = [
    "folder",
    "test_a_client_follows_to_a_site_that_it_was_told_of_and_to_no_other",
    "test_a_receipt_needs_nothing_of_the_server_that_made_it",
    "test_an_application_of_the_other_site_is_told_where_it_is_and_leaves_no_trace",
    "test_each_value_lies_exactly_where_the_catalogue_says",
    "test_logs_and_metrics_hold_nothing_of_it",
    "test_nothing_of_a_site_is_in_the_stores_or_files_of_the_other",
    "test_the_bytes_on_the_disk_hold_it_only_in_the_stores",
    "test_the_directory_names_nobody",
    "test_the_endpoint_was_told_of_its_own_site_alone",
    "test_the_journal_holds_what_waits_and_nobody_reads_it_there",
    "test_the_receipt_says_what_the_stores_hold",
    "test_whatever_names_a_person_is_declared_as_personal_and_of_the_site",
    "test_who_is_in_a_call_is_known_only_while_it_lasts",
    "world",
]


@pytest.fixture(scope="module")
def configured(postgresql_server: PostgreSQL, opensearch_server: Search) -> Iterator[dict[str, str]]:
    postgresql_server.process.start()
    opensearch_server.process.start()
    yield {
        name: f'[database]\nurl = "{postgresql_server.create_database(f"sites_{name}")}"\n'
        f'[records]\nurl = "{opensearch_server.url}"\nreplicas = 0\n'
        for name in NAMES
    }
    for name in NAMES:
        postgresql_server.drop_database(f"sites_{name}")
        opensearch_server.forget(f"sealroom-{name}")

# SPDX-License-Identifier: Apache-2.0
"""The same with two whole sets of real stores: a PostgreSQL and an OpenSearch for each site, whose own files are searched too.

There is no bus between a site's processes yet, so nothing of a call is on one: where one is configured, its streams belong here, read by
a subscription to everything on each site's NATS.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.residency import search
from tests.residency.stores import Stores, stores
from tests.residency.test_two_sites import (
    KEPT,
    NAMES,
    World,
    folder,
    test_a_client_follows_to_a_site_that_it_was_told_of_and_to_no_other,
    test_a_receipt_needs_nothing_of_the_server_that_made_it,
    test_an_application_of_the_other_site_is_told_where_it_is_and_leaves_no_trace,
    test_each_value_lies_exactly_where_the_catalogue_says,
    test_logs_and_metrics_hold_nothing_of_it,
    test_nothing_of_a_site_is_in_the_stores_or_files_of_the_other,
    test_spans_hold_nothing_of_it,
    test_the_bytes_on_the_disk_hold_it_only_in_the_stores,
    test_the_directory_names_nobody,
    test_the_endpoint_was_told_of_its_own_site_alone,
    test_the_journal_holds_what_waits_and_nobody_reads_it_there,
    test_the_key_of_a_site_opens_its_journal_and_shows_what_the_records_get,
    test_the_receipt_says_what_the_stores_hold,
    test_what_the_store_refused_lies_encrypted_at_its_site_alone,
    test_whatever_names_a_person_is_declared_as_personal_and_of_the_site,
    test_who_is_in_a_call_is_known_only_while_it_lasts,
    world,
)

pytestmark = pytest.mark.services

__all__ = [
    "folder",
    "test_a_client_follows_to_a_site_that_it_was_told_of_and_to_no_other",
    "test_a_receipt_needs_nothing_of_the_server_that_made_it",
    "test_an_application_of_the_other_site_is_told_where_it_is_and_leaves_no_trace",
    "test_each_value_lies_exactly_where_the_catalogue_says",
    "test_logs_and_metrics_hold_nothing_of_it",
    "test_nothing_of_a_site_is_in_the_stores_or_files_of_the_other",
    "test_spans_hold_nothing_of_it",
    "test_the_bytes_on_the_disk_hold_it_only_in_the_stores",
    "test_the_directory_names_nobody",
    "test_the_endpoint_was_told_of_its_own_site_alone",
    "test_the_journal_holds_what_waits_and_nobody_reads_it_there",
    "test_the_key_of_a_site_opens_its_journal_and_shows_what_the_records_get",
    "test_the_receipt_says_what_the_stores_hold",
    "test_what_the_store_refused_lies_encrypted_at_its_site_alone",
    "test_whatever_names_a_person_is_declared_as_personal_and_of_the_site",
    "test_who_is_in_a_call_is_known_only_while_it_lasts",
    "world",
]


@pytest.fixture(scope="module")
def sets(services_folder: Path) -> Iterator[dict[str, Stores]]:
    with ExitStack() as running:
        yield {name: running.enter_context(stores(services_folder / f"site-{name}")) for name in NAMES}


@pytest.fixture(scope="module")
def configured(sets: dict[str, Stores]) -> dict[str, str]:
    return {name: one.configuration for name, one in sets.items()}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_site_is_in_the_files_of_the_other_s_servers(
    world: World, sets: dict[str, Stores], name: str
) -> None:
    """Tables, write-ahead logs, segments, translogs, and what the servers print."""
    (other,) = set(NAMES) - {name}
    for one in sets.values():
        one.write_out()
    for what, value in vars(world.planted[name]).items():
        assert search.in_files(sets[other].folder, value) == set(), what


@pytest.mark.parametrize("name", NAMES)
def test_the_files_of_a_site_s_own_servers_hold_what_they_are_said_to(
    world: World, sets: dict[str, Stores], name: str
) -> None:
    """The search of files finds what is there; and of what is kept nowhere they hold nothing."""
    sets[name].write_out()
    for what, value in vars(world.planted[name]).items():
        found = {file.partition("/")[0] for file in search.in_files(sets[name].folder, value)}
        wanted = {place.partition("/")[0] for place in KEPT.get(what, set())}
        if what in ("customer", "contact", "app_name"):
            assert found == {"postgresql"}, what
        if what == "alice":
            assert found == {"postgresql", "opensearch"}, what
        # What a server prints counts too; the search of bytes passes over what Lucene compressed, so less may be found than is there.
        assert not ("postgresql" in found and "db" not in wanted), what
        assert not ("opensearch" in found and "records" not in wanted), what

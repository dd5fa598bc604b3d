# SPDX-License-Identifier: Apache-2.0
"""The same with two whole sets of real stores: a PostgreSQL, an OpenSearch and a NATS for each site, whose own files are searched too.

Somebody listens to everything on both buses, from before the sites' servers start.
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sealroom.app import catalogue
from sealroom.core.bus.opening import open_bus
from sealroom.core.clock import SystemClock
from sealroom.rooms.acts import MODERATE, Act, ActKind
from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import RoomKind
from tests.residency import search
from tests.residency.overheard import Overheard, overhearing
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

ANSWER_SECONDS = 10.0
PASSING = ("sdk", "version", "system", "refused", "address")
"""What lies in `history_outbox` for seconds on its way to the journal: PostgreSQL keeps deleted rows in its files until they are
vacuumed, and its write-ahead log until it is used again."""


@pytest.fixture(scope="module")
def sets(services_folder: Path) -> Iterator[dict[str, Stores]]:
    with ExitStack() as running:
        yield {name: running.enter_context(stores(services_folder / f"site-{name}")) for name in NAMES}


@pytest.fixture(scope="module")
def ears(sets: dict[str, Stores]) -> Iterator[dict[str, Overheard]]:
    with ExitStack() as running:
        yield {name: running.enter_context(overhearing(one.bus)) for name, one in sets.items()}


@pytest.fixture(scope="module")
def configured(sets: dict[str, Stores], ears: dict[str, Overheard]) -> dict[str, str]:
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
        assert not ("postgresql" in found and "db" not in wanted and what not in PASSING), what
        assert not ("opensearch" in found and "records" not in wanted), what
        assert "nats" not in found, what


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_call_is_said_on_a_bus_or_kept_there(
    world: World, ears: dict[str, Overheard], name: str
) -> None:
    """Of any site's calls on any site's bus: servers tell each other that something changed, and read it in the store."""
    said, kept = ears[name].said(), ears[name].kept()
    for one in world.planted.values():
        for what, value in vars(one).items():
            assert not _holds(said, value), what
            for stream, messages in kept.items():
                assert not _holds(messages, value), (stream, what)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_site_is_on_the_bus_of_the_other(
    world: World, ears: dict[str, Overheard], name: str
) -> None:
    (other,) = set(NAMES) - {name}
    here, there = ears[name], ears[other]
    own = (f"sealroom-{name}", world.sites[name].application.endpoint, world.sites[name].api)
    for value in own:
        assert _holds(here.said(), value), "there is something to hear"
        assert not _holds(there.said(), value)
    assert any(_holds(messages, own[1]) for messages in here.kept().values()), "its server is registered"
    assert not any(_holds(messages, one) for messages in there.kept().values() for one in own)


@pytest.mark.parametrize("name", NAMES)
async def test_what_servers_of_a_site_ask_each_other_is_heard_on_its_own_bus_alone(
    world: World, ears: dict[str, Overheard], name: str
) -> None:
    """Where a room is at another server, a moderator's act names room and user: it goes over the bus of the site, and is kept nowhere."""
    (other,) = set(NAMES) - {name}
    room, user = f"asked-{secrets.token_hex(8)}", f"asked-{secrets.token_hex(8)}"
    one = world.sites[name]
    act = Act(
        kind=ActKind.REMOVE, sdk_app_id=one.application.sdk_app_id, room_kind=RoomKind.STRING, room=room, users=(user,)
    )  # fmt: skip
    bus = await open_bus(one.configuration.bus, catalogue(), name, SystemClock())
    try:
        outcome = await bus.request(MODERATE, act, seconds=ANSWER_SECONDS, key="main")
    finally:
        await bus.close()
    assert outcome.refused == ErrorCode.INTERNAL_ERROR.value, "nobody wrote it down"
    for value in (room, user):
        assert _holds(ears[name].said(), value), "whoever listens hears it"
        assert not _holds(ears[other].said(), value)
        for ear in ears.values():
            assert not any(_holds(messages, value) for messages in ear.kept().values())


def _holds(messages: list[bytes], value: str) -> bool:
    return any(way in message for message in messages for way in search.ways(value))

# SPDX-License-Identifier: Apache-2.0
"""Two sites with calls of their own: what was planted in them lies where the catalogue says, and nowhere else."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from sealroom.app import DOCUMENTS, catalogue
from sealroom.catalogue import Region
from sealroom.core.db import Database, metadata
from sealroom.core.errors import OperatorError
from sealroom.core.records.journal import Entries
from sealroom.core.records.journal.reading import SegmentReader
from sealroom.quality.models import CallEnded, Sample, SdkLogEntry, history_outbox
from sealroom.rooms.models import calls
from sealroom.usage.models import meters
from sealroom_customer.client.client import Client
from sealroom_customer.client.entry import Entry, Sealing
from sealroom_customer.client.events import ClientFault
from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import room_string
from sealroom_wire.signalling import Takes
from sealroom_wire.usersig import sign_user_sig
from server.tests.collector import Collector, collecting
from server.tests.webhooks.sink import ERROR, OK, Request, Sink
from tests.residency import search
from tests.residency.planted import Planted, api, call, own_api, stranger
from tests.residency.site import Site, site

NAMES = ("cn", "sg")
OF_CALL = ("room", "alice", "bob", "address")
"""What is personal of those who were in the call."""
SETTLED_SECONDS = 60.0
JOURNALLED = 1_000
"""Bytes of a journal in which something waits."""
DATABASE_FILES = re.compile(r"(sealroom|records)\.db(-wal|-shm)?")

USER = {
    "db/webhook_outbox.info", "db/webhook_outbox.user_id", "records/stays.user_id", "records/departures.user_id",
    "records/call_events.user_id", "records/entries.user_id", "records/quality_samples.user_id", "records/quality_samples.peer_id",
}  # fmt: skip
CALL = {
    "db/calls.id", "records/calls.call_id", "records/call_ends.call_id", "records/stays.call_id", "records/departures.call_id",
    "records/call_events.call_id", "records/quality_samples.call_id",
}  # fmt: skip
KEPT: dict[str, set[str]] = {
    "customer": {"db/accounts.name", "db/audit_entries.payload"},
    "contact": {"db/accounts.contact"},
    "app_name": {"db/applications.name", "db/audit_entries.payload"},
    "hook": {"db/webhook_endpoints.url", "db/audit_entries.payload"},
    "alice": USER | {"db/calls.opened_by", "records/calls.creator", "records/sdk_log.user_id", "db/audit_entries.payload", "db/audit_entries.subject"},
    "bob": USER,
    "room": CALL | {
        "db/calls.room", "db/usage_meters.room", "db/webhook_outbox.info", "records/calls.room", "records/stays.room",
        "records/call_events.room", "records/entries.room", "records/quality_samples.room", "records/sdk_log.room",
        "db/audit_entries.payload",
    },
    "address": {"records/stays.client_ip"},
    "sdk": {"records/stays.sdk_name"},
    "version": {"records/stays.sdk_version", "records/sdk_log.sdk_version"},
    "system": {"records/stays.os_type", "records/sdk_log.os_type"},
    "log_event": {"records/sdk_log.event"},
    "log_reason": {"records/sdk_log.text"},
    "log_place": {"records/sdk_log.text"},
    "refused": {"records/entries.user_id"},
}  # fmt: skip
"""Where each planted value lies when the call is over. What is not named here lies nowhere."""


@dataclass
class World:
    """Two sites after their calls."""

    sites: dict[str, Site]
    planted: dict[str, Planted]
    sinks: dict[str, Sink]
    collectors: dict[str, Collector]
    """Where each site sends its spans."""
    found: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """By site: the places of every value of both sites."""
    while_open: dict[str, set[str]] = field(default_factory=dict)
    journals: dict[str, tuple[int, set[str]]] = field(default_factory=dict)
    """By site: bytes that waited in the journal in the middle of the call, and the files of it that held a value."""
    waited: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """By site: what its key opened of the journal then."""
    calls: dict[str, str] = field(default_factory=dict)

    def values(self) -> list[str]:
        return [value for one in self.planted.values() for value in one.all()]


def database_of(one: Site) -> Database:
    settings = one.configuration.database
    return Database(settings.url or one.state / "sealroom.db", settings)


async def made(world: World) -> None:
    for name in NAMES:
        await _call(world, name)
    for name in NAMES:
        await _settled(world, name)
        database = database_of(world.sites[name])
        found = await search.in_database(database, world.values())
        (row,) = await database.ask(select(calls.c.id))
        world.calls[name] = row.id
        await database.close()
        async with world.sites[name].records() as records:
            for value, places in (await search.in_records(records, world.values())).items():
                found[value] |= places
        world.found[name] = found


async def _call(world: World, name: str) -> None:
    one, planted = world.sites[name], world.planted[name]
    for group in ("room", "media"):
        url = f"http://127.0.0.1:{world.sinks[name].port}/{planted.hook}"
        await asyncio.to_thread(one.run, "webhook", "set", str(one.application.sdk_app_id), group, url)
    database = database_of(one)
    async with one.records() as records:

        async def seen() -> bool:
            """Samples and the SDK's log are there; and who is in the call now, the database knows."""
            # Of both: whose first take came late has no sample yet when the other has.
            watched = {one.peer_id for one in await search.documents(records, Sample)}
            if not {planted.alice, planted.bob} <= watched or not await search.documents(
                records, SdkLogEntry
            ):
                return False
            places = await search.in_database(database, [planted.alice, planted.room])
            world.while_open[name] = set.union(*places.values())
            journal = one.state / "journal"
            size = sum(path.stat().st_size for path in journal.rglob("*") if path.is_file())
            world.journals[name] = (
                size,
                {file for value in world.values() for file in search.in_files(journal, value)},
            )
            world.waited[name] = await search.in_journal(one, world.values())
            return size > JOURNALLED

        await call(one, planted, seen)
    await database.close()


async def _settled(world: World, name: str) -> None:
    """Waits until all that is to be found is in the stores: a search store shows it seconds later. What never comes, a test misses."""
    one, planted = world.sites[name], world.planted[name]
    database = database_of(one)
    wanted = {getattr(planted, what): places for what, places in KEPT.items()}
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_SECONDS), one.records() as records:
            while True:
                found = await search.in_records(records, wanted)
                for value, places in (await search.in_database(database, wanted)).items():
                    found[value] |= places
                ended = await search.documents(records, CallEnded)
                metered = await database.ask(select(meters.c.stay).where(meters.c.room == planted.room))
                whole = all(found[value] >= places for value, places in wanted.items())
                passed_on = not await database.ask(select(history_outbox.c.id))
                if whole and ended and passed_on and len({row.stay for row in metered}) == 2:
                    break
                await asyncio.sleep(0.2)
    await database.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sites")


@pytest.fixture(scope="module")
def configured() -> dict[str, str]:
    """What each site's configuration says of its stores."""
    return dict.fromkeys(NAMES, "")


@pytest.fixture(scope="module")
def world(folder: Path, configured: dict[str, str]) -> Iterator[World]:
    directory = folder / "directory"
    directory.mkdir()
    planted = {name: Planted() for name in NAMES}
    with ExitStack() as running:
        collectors = {name: running.enter_context(collecting()) for name in NAMES}
        sites = {
            name: running.enter_context(
                site(
                    name,
                    folder / name,
                    directory,
                    (one.customer, one.contact, one.app_name),
                    f'{configured[name]}[traces]\nendpoint = "{collectors[name].url}"\nsample_ratio = 1.0\n',
                )
            )
            for name, one in planted.items()
        }
        for name, one in sites.items():
            (directory / f"{name}.toml").write_text(one.export())

        async def work() -> World:
            async with Sink(_tracks_are_not_taken) as cn, Sink(_tracks_are_not_taken) as sg:
                found = World(sites, planted, {"cn": cn, "sg": sg}, collectors)
                await made(found)
                return found

        yield asyncio.run(work())


def _tracks_are_not_taken(request: Request) -> bytes:
    """Events of tracks stay in the outbox; those of rooms are delivered."""
    return ERROR if json.loads(request.body)["EventGroupId"] == 2 else OK


@pytest.mark.parametrize("name", NAMES)
def test_each_value_lies_exactly_where_the_catalogue_says(world: World, name: str) -> None:
    planted, found = world.planted[name], world.found[name]
    wrong = {
        what: found[value] ^ KEPT.get(what, set())
        for what, value in vars(planted).items()
        if found[value] != KEPT.get(what, set())
    }
    assert not wrong


@pytest.mark.parametrize("name", NAMES)
def test_whatever_names_a_person_is_declared_as_personal_and_of_the_site(world: World, name: str) -> None:
    made = catalogue()
    for what in (*OF_CALL, "refused", "contact"):
        for place in world.found[name][getattr(world.planted[name], what)]:
            store, _, path = place.partition("/")
            dataset, _, column = path.partition(".")
            declared = next(one for one in made if (one.store.value, one.name) == (store, dataset))
            assert declared.columns[column].field.personal, place
            assert declared.region is Region.SITE


@pytest.mark.parametrize("name", NAMES)
def test_who_is_in_a_call_is_known_only_while_it_lasts(world: World, name: str) -> None:
    assert {"db/presences.user_id", "db/presences.call_id"} <= world.while_open[name]
    assert not any(
        place.startswith("db/presences") for places in world.found[name].values() for place in places
    )


@pytest.mark.parametrize(("name", "other"), [NAMES, NAMES[::-1]])
def test_nothing_of_a_site_is_in_the_stores_or_files_of_the_other(
    world: World, name: str, other: str
) -> None:
    for what, value in vars(world.planted[name]).items():
        assert world.found[other][value] == set(), what
        assert search.in_files(world.sites[other].folder, value) == set(), what


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_on_the_disk_hold_it_only_in_the_stores(world: World, name: str) -> None:
    """Not in the journal, which is encrypted; not in keys, locks or whatever else lies there."""
    one, planted = world.sites[name], world.planted[name]
    for what, value in vars(planted).items():
        files = search.in_files(one.state, value)
        assert all(DATABASE_FILES.fullmatch(file) for file in files), (what, files)
        if what not in KEPT:
            assert files == set(), what


@pytest.mark.parametrize("name", NAMES)
def test_the_journal_holds_what_waits_and_nobody_reads_it_there(world: World, name: str) -> None:
    size, files = world.journals[name]
    assert size > JOURNALLED
    assert files == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_key_of_a_site_opens_its_journal_and_shows_what_the_records_get(world: World, name: str) -> None:
    """Segments that wait, read as the shipper reads them: of this site's call alone, in the fields in which the store has it later."""
    own = set(world.planted[name].all())
    places = {value: places for value, places in world.waited[name].items() if places}
    assert places
    assert places.keys() <= own
    for value, found in places.items():
        told = {place.replace("records/", "journal/", 1) for place in world.found[name][value]}
        assert found <= told, value


@pytest.mark.parametrize("name", NAMES)
async def test_what_the_store_refused_lies_encrypted_at_its_site_alone(world: World, name: str) -> None:
    """In good times nothing is refused; what is put aside here is put there as the shipper does it."""
    one, value = world.sites[name], world.planted[name].alice
    (other,) = set(NAMES) - {name}
    letters = one.dead_letters()
    assert letters.files() == []
    async with one.records() as records:
        (sample, *_) = await search.documents(records, Sample)
    await letters.keep([Entries(catalogue()).entry_of(sample, "refused")])
    (path,) = letters.files()
    users = {world.planted[name].alice, world.planted[name].bob}
    try:
        found = await search.in_journal(one, world.values())
        assert {
            value for value, places in found.items() if "journal/quality_samples.user_id" in places
        } <= users
        assert any(found[user] for user in users)
        assert search.in_files(one.state / "journal", value) == set()
        assert not any((await search.in_journal(world.sites[other], users)).values())
        with pytest.raises(OperatorError):
            await SegmentReader.open(path, world.sites[other].keys)
    finally:
        await letters.remove(path)


@pytest.mark.parametrize("name", NAMES)
async def test_spans_hold_nothing_of_it(world: World, name: str) -> None:
    collector = world.collectors[name]
    async with asyncio.timeout(SETTLED_SECONDS):
        # They are sent every few seconds, by a thread that tells nobody.
        while not {"enter", "api.request", "ledger.transaction"} <= set(collector.spans()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert collector.resource()["sealroom.site"] == name
    sent = "".join(str(request) for request in collector.requests)
    for one in world.planted.values():
        for what, value in vars(one).items():
            assert not search.in_text(sent, value), what


@pytest.mark.parametrize("name", NAMES)
def test_logs_and_metrics_hold_nothing_of_it(world: World, name: str) -> None:
    said, metrics = "\n".join(world.sites[name].server.lines), world.sites[name].metrics()
    assert "room_opened" in said, "there is something to look at"
    assert "sealroom_enter_seconds" in metrics
    for one in world.planted.values():
        for what, value in vars(one).items():
            assert not search.in_text(said, value), what
            assert not search.in_text(metrics, value), what
    for there in world.sites.values():
        assert str(there.application.sdk_app_id) not in metrics
        assert there.application.secret_key not in said
        assert there.api_key[1] not in said


@pytest.mark.parametrize("name", NAMES)
def test_the_endpoint_was_told_of_its_own_site_alone(world: World, name: str) -> None:
    bodies = "".join(request.body.decode() for request in world.sinks[name].requests)
    (other,) = set(NAMES) - {name}
    assert world.planted[name].room in bodies
    assert not any(value in bodies for value in world.planted[other].all())


@pytest.mark.parametrize("name", NAMES)
def test_the_receipt_says_what_the_stores_hold(world: World, name: str) -> None:
    one = world.sites[name]
    receipt = json.loads(one.run("receipt", "verify", world.calls[name], "--json"))
    assert (receipt["site"], receipt["application"]) == (name, one.application.sdk_app_id)
    assert {(lies["site"]) for lies in receipt["data"]} == {name}
    assert receipt["media"] == [{"node": "main", "site": name}]
    assert (receipt["stays"], receipt["tracks"]) == (2, 4)
    told = {f"{lies['store']}/{lies['dataset']}" for lies in receipt["data"]}
    values = [getattr(world.planted[name], what) for what in OF_CALL]
    held = {place.partition(".")[0] for value in values for place in world.found[name][value]}
    # Who was put out by the API is in the audit log, which is the moderator's deed and not the call's.
    assert held - {"db/audit_entries"} <= told
    rest = {
        "db/history_outbox",
        "db/presences",
        "db/receipts",
        "db/usage_days",
        "log/log",
        "journal/journal",
        "records/quality_joins",
        "records/quality_minutes",
        "records/quality_totals",
    }
    assert told - held == rest, (
        "presences went with the call, and history went on; the others name it by nothing that was planted"
    )


def test_a_receipt_needs_nothing_of_the_server_that_made_it(world: World, tmp_path: Path) -> None:
    cn, sg = world.sites["cn"], world.sites["sg"]
    file = tmp_path / "receipt"
    file.write_text(cn.run("receipt", "show", world.calls["cn"]))
    keys = dict(line.split("\t")[:2] for line in cn.run("keys", "published").splitlines())
    sg.run("receipt", "verify", world.calls["cn"], "--file", str(file), "--key", keys["receipts"])
    file.write_text(file.read_text().replace('"site":"cn"', '"site":"sg"'))
    with pytest.raises(AssertionError, match=r"signature of \S+ is wrong"):
        sg.run("receipt", "verify", world.calls["cn"], "--file", str(file), "--key", keys["receipts"])


def test_the_directory_names_nobody(world: World, folder: Path) -> None:
    for path in (folder / "directory").iterdir():
        text = path.read_text()
        assert not any(search.in_text(text, value) for value in world.values())
        assert not any(there.api_key[0] in text for there in world.sites.values())


async def test_an_application_of_the_other_site_is_told_where_it_is_and_leaves_no_trace(world: World) -> None:
    cn, sg, planted = world.sites["cn"], world.sites["sg"], world.planted["cn"]
    before, lines = await _rows(cn), len(cn.server.lines)
    found = await stranger(cn, sg, planted, (Takes.SITES,))
    assert (found.code, found.endpoint) == (ErrorCode.APPLICATION_AT_ANOTHER_SITE, sg.application.endpoint)
    assert (await stranger(cn, sg, planted, ())).code is ErrorCode.APPLICATION_UNKNOWN
    for pair in (sg.api_key, cn.api_key):
        parameters = {
            "SdkAppId": sg.application.sdk_app_id,
            "RoomId": planted.strange_room,
            "UserIds": [planted.stranger],
        }
        answer = await asyncio.to_thread(api, cn, "RemoveUserByStrRoomId", parameters, pair)
        assert answer["Error"]["Code"] == "UnsupportedRegion"
        assert sg.api in answer["Error"]["Message"]
    path = f"/v1/applications/{sg.application.sdk_app_id}/keys"
    for pair, what in ((sg.api_key, "account"), (cn.api_key, "application")):
        told = await asyncio.to_thread(own_api, cn, "POST", path, {"name": planted.stranger}, pair)
        assert (told["status"], told["code"]) == (421, f"{what}_at_another_site")
        assert told["endpoint"] == sg.api
    assert await _rows(cn) == before
    for value in (planted.stranger, planted.strange_room, str(sg.application.sdk_app_id), sg.api_key[0]):
        assert search.in_files(cn.state, value) == set()
        assert not search.in_text("\n".join(cn.server.lines[lines:]), value)
        assert not search.in_text(cn.metrics(), value)
    assert search.in_files(sg.state, planted.stranger) == set()


async def _rows(one: Site) -> dict[str, int]:
    """How many there are in each table of the database, and of each kind in the records."""
    database = database_of(one)
    found = {
        table.name: (await database.ask(select(func.count()).select_from(table)))[0][0]
        for table in metadata.sorted_tables
    }
    await database.close()
    async with one.records() as records:
        return found | {kind.__name__: len(await search.documents(records, kind)) for kind in DOCUMENTS}


async def test_a_client_follows_to_a_site_that_it_was_told_of_and_to_no_other(world: World) -> None:
    cn, sg = world.sites["cn"].application, world.sites["sg"].application
    sig = sign_user_sig(
        secret_key=sg.secret_key,
        sdk_app_id=sg.sdk_app_id,
        user_id="traveller",
        issued_at=int(time.time()),
        expire=300,
    )
    entry = Entry(
        cn.endpoint,
        sg.sdk_app_id,
        "traveller",
        sig,
        room_string("followed"),
        "",
        _no_grant,
        sealing=Sealing.OFF,
    )
    for others in ((), ("wss://rtc.another.example/rtc/v1",)):
        with pytest.raises(ClientFault) as fault:
            async with Client.enter(replace(entry, other_sites=others)):
                pass
        assert fault.value.code == "application_at_another_site"
        assert fault.value.endpoint == sg.endpoint
    async with asyncio.timeout(30), Client.enter(replace(entry, other_sites=(sg.endpoint,))) as client:
        await client.connected()


async def _no_grant() -> str:
    raise AssertionError("a call without sealing asks for none")

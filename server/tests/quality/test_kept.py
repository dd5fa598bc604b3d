# SPDX-License-Identifier: Apache-2.0
"""What a member is told of what is kept of his call: everything the catalogue declares, his own values, nobody else's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from sealroom.app import DOCUMENTS, catalogue
from sealroom.catalogue import (
    Catalogue,
    DataClass,
    Document,
    Field,
    LegalBasis,
    Purpose,
    Retention,
    Subject,
    document,
)
from sealroom.core.db import Database
from sealroom.core.records import RecordsUnavailable
from sealroom.core.records.sqlite import SqliteRecords
from sealroom.quality.kept import KeptOfCalls
from sealroom.quality.models import CallBegun, Entry, Sample, Stay
from sealroom.rooms.models import calls, presences
from sealroom.rooms.state import Participant
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomKind, room_number
from sealroom_wire.kept import KeptDataset, KeptRow, Reading, Value
from sealroom_wire.limits import MAX_SIGNALLING_MESSAGE_BYTES
from server.tests.conftest import House
from server.tests.fakes import APP, NOW, VirtualClock

MS = NOW * 1000


@document(
    "pets", "Pets that were seen.", DataClass.FAULT_DIAGNOSIS, Purpose.DIAGNOSE, LegalBasis.CONTRACT, Retention.age(3, "a whim")
)  # fmt: skip
class Pet(Document, frozen=True, kw_only=True):
    """A kind of document that no feature has today."""

    call_id: Annotated[str, Field("The call.", personal=True, sought=True, call=True)]
    owner: Annotated[str, Field("Whose.", personal=True, subject=Subject.USER)]
    legs: Annotated[int, Field("How many legs.")]


TOUCHED = {
    "records/stays",
    "records/calls",
    "records/quality_samples",
    "records/pets",
    "db/presences",
    "db/receipts",
}


@pytest.fixture
def made() -> Catalogue:
    today = catalogue()
    return Catalogue(
        presences.metadata, (*DOCUMENTS, Pet), others=[one for one in today if one.name == "journal"]
    )


@pytest.fixture
async def records(tmp_path: Path, made: Catalogue) -> AsyncIterator[SqliteRecords]:
    store = SqliteRecords(tmp_path / "records.db", made, "main")
    await store.prepare()
    yield store
    await store.close()


@pytest.fixture
def kept(made: Catalogue, records: SqliteRecords, database: Database, clock: VirtualClock) -> KeptOfCalls:
    return KeptOfCalls(made, lambda _call: TOUCHED, records, database, clock)


def stay(member: Participant, ip: str) -> Stay:
    call = member.room.call
    return Stay(
        id=f"stay-{member.user_id}", time=MS, sdk_app_id=APP, call_id=call.id, room=call.room.id, user_id=member.user_id,
        role="anchor", client_ip=ip, sdk_name="web", sdk_version="1", os_type="Linux", terminal=1, reason=1,
    )  # fmt: skip


def sample(member: Participant, track: str, time: int, peer: str = "", rate: int = 0) -> Sample:
    call = member.room.call
    return Sample(
        id=f"{member.user_id}{track}{time}{peer}", time=time, sdk_app_id=APP, call_id=call.id, room=call.room.id,
        user_id=member.user_id, peer_id=peer, track=track, span=2000, on=True, bit_rate=rate,
    )  # fmt: skip


async def told(kept: KeptOfCalls, member: Participant) -> dict[str, KeptDataset]:
    return {one.name: one for one in (await kept.of(member, 3)).datasets}


def values(one: KeptDataset, row: KeptRow) -> dict[str, Value]:
    return dict(zip((field.name for field in one.fields), row.values, strict=True))


async def test_every_declared_field_of_every_touched_dataset_is_there(
    house: House, kept: KeptOfCalls, made: Catalogue
) -> None:
    alice, _, _ = await house.enter("alice")
    found = await told(kept, alice)
    declared = {one.name: one for one in made if f"{one.store.value}/{one.name}" in TOUCHED}
    assert found.keys() == declared.keys()
    for name, one in declared.items():
        assert [field.name for field in found[name].fields] == list(one.columns)
        assert (found[name].purpose, found[name].kept) == (one.purpose.meaning, str(one.retention))
        assert (found[name].place, found[name].store) == (one.region.meaning, one.store.meaning)
        assert found[name].data_class == one.data_class.value
    answer = await kept.of(alice, 3)
    assert answer.others == len(made.datasets) - len(declared)
    assert [one.name for one in answer.classes] == [one.value for one in DataClass]


async def test_a_kind_that_is_declared_tomorrow_is_told_with_its_values_and_nobody_else_s(
    house: House, kept: KeptOfCalls, records: SqliteRecords
) -> None:
    alice, _, _ = await house.enter("alice")
    call_id = alice.room.call.id
    await records.write([Pet(id="1", time=MS, call_id=call_id, owner="bob", legs=4)], wait=True)
    (pets,) = [one for one in (await told(kept, alice)).values() if one.name == "pets"]
    (row,) = pets.rows
    assert values(pets, row) == {"id": "1", "time": MS, "call_id": call_id, "owner": None, "legs": 4}
    assert [pets.fields[place].name for place in row.withheld] == ["owner"]


async def test_a_member_is_shown_his_own_address_and_nobody_else_s(
    house: House, kept: KeptOfCalls, records: SqliteRecords
) -> None:
    alice, _, _ = await house.enter("alice")
    bob, _, _ = await house.enter("bob")
    await records.write([stay(alice, "192.0.2.1"), stay(bob, "192.0.2.2")], wait=True)
    call = alice.room.call
    begun = CallBegun(
        id="c",
        time=MS,
        sdk_app_id=APP,
        call_id=call.id,
        room=call.room.id,
        room_is_number=False,
        creator="bob",
    )
    await records.write([begun], wait=True)
    answer = await kept.of(alice, 3)
    stays = next(one for one in answer.datasets if one.name == "stays")
    (row,) = stays.rows
    assert values(stays, row)["client_ip"] == "192.0.2.1"
    text = msgspec.json.encode(answer).decode()
    assert "192.0.2.2" not in text
    assert "bob" not in text


async def test_the_newest_of_each_track_that_he_sends_is_told(
    house: House, kept: KeptOfCalls, records: SqliteRecords
) -> None:
    alice, _, _ = await house.enter("alice")
    found = [
        sample(alice, "main", MS, rate=1), sample(alice, "main", MS + 2000, rate=2), sample(alice, "audio", MS + 2000, rate=3),
        sample(alice, "main", MS + 2000, "bob", rate=4),
    ]  # fmt: skip
    await records.write(found, wait=True)
    samples = (await told(kept, alice))["quality_samples"]
    rates = {values(samples, row)["track"]: values(samples, row)["bit_rate"] for row in samples.rows}
    assert rates == {"main": 2, "audio": 3}


async def test_rows_of_the_database_are_told_by_the_same_rules(
    house: House, kept: KeptOfCalls, database: Database
) -> None:
    alice, _, _ = await house.enter("alice")
    row = {"call_id": alice.room.call.id, "sdk_app_id": APP, "role": "anchor", "entered_at": MS}
    async with database.writing() as connection:
        await connection.execute(presences.insert(), [row | {"user_id": user} for user in ("alice", "bob")])
    found = (await told(kept, alice))["presences"]
    assert [values(found, one)["user_id"] for one in found.rows] == ["alice"]
    # Evidence is named, its rows are not told.
    assert (await told(kept, alice))["receipts"].rows == ()


async def test_the_row_of_the_call_itself_is_found_and_nobody_else_is_named(
    house: House, records: SqliteRecords, database: Database, clock: VirtualClock, made: Catalogue
) -> None:
    alice, _, _ = await house.enter("alice")
    call = alice.room.call
    row = {"node": "main", "sdk_app_id": APP, "room_kind": "string", "room": call.room.id, "opened_at": MS}
    async with database.writing() as connection:
        await connection.execute(calls.insert(), [row | {"id": call.id, "opened_by": "bob"}])
        await connection.execute(calls.insert(), [row | {"id": "another", "opened_by": "alice"}])
    found = (await told(KeptOfCalls(made, lambda _call: {"db/calls"}, records, database, clock), alice))[
        "calls"
    ]
    (shown,) = found.rows
    assert (values(found, shown)["id"], values(found, shown)["opened_by"]) == (call.id, None)


async def test_what_somebody_did_in_the_room_of_the_other_kind_is_not_of_this_call(
    house: House, made: Catalogue, records: SqliteRecords, database: Database, clock: VirtualClock
) -> None:
    alice, _, _ = await house.enter("alice", room=room_number(123))
    await records.write(
        [
            Entry(
                id=kind.value, time=MS, sdk_app_id=APP, room="123", room_kind=kind, user_id="alice", code=kind.value, milliseconds=9
            )
            for kind in RoomKind
        ],
        wait=True,
    )  # fmt: skip
    kept = KeptOfCalls(made, lambda _call: {"records/entries"}, records, database, clock)
    found = (await told(kept, alice))["entries"]
    assert [values(found, row)["code"] for row in found.rows] == ["number"]


async def test_no_rows_are_said_to_be_none_only_where_they_were_sought(
    house: House, records: SqliteRecords, database: Database, clock: VirtualClock, made: Catalogue
) -> None:
    names = {
        "journal/journal",
        "db/receipts",
        "db/history_outbox",
        "records/quality_minutes",
        "records/stays",
        "records/entries",
    }
    alice, _, _ = await house.enter("alice")
    found = await told(KeptOfCalls(made, lambda _call: names, records, database, clock), alice)
    assert {name: one.reading for name, one in found.items()} == {
        "journal": Reading.NOT_TOLD, "receipts": Reading.NOT_TOLD,
        "history_outbox": Reading.NOT_FOUND_BY_CALL, "quality_minutes": Reading.NOT_FOUND_BY_CALL,
        "stays": Reading.READ, "entries": Reading.READ,
    }  # fmt: skip


async def test_who_is_called_as_the_room_is_is_not_told_for_that(
    house: House, kept: KeptOfCalls, records: SqliteRecords
) -> None:
    alice, _, _ = await house.enter("alice")
    call = alice.room.call
    begun = CallBegun(
        id="c", time=MS, sdk_app_id=APP, call_id=call.id, room=call.room.id, room_is_number=False, creator=call.room.id
    )  # fmt: skip
    await records.write([begun], wait=True)
    calls = (await told(kept, alice))["calls"]
    (row,) = calls.rows
    assert (values(calls, row)["room"], values(calls, row)["creator"]) == (call.room.id, None)


async def test_a_store_that_does_not_answer_costs_only_its_own_values(
    house: House, kept: KeptOfCalls, records: SqliteRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _, _ = await house.enter("alice")

    async def away(*_args: object, **_kinds: object) -> None:
        raise RecordsUnavailable("store_down", "It does not answer.")

    monkeypatch.setattr(records, "search", away)
    found = await told(kept, alice)
    assert {name for name, one in found.items() if one.reading is Reading.UNREADABLE} == {
        "stays", "calls", "quality_samples", "pets"
    }  # fmt: skip
    assert found["stays"].fields


async def test_a_store_that_hangs_is_not_waited_for_again_and_again(
    house: House, kept: KeptOfCalls, records: SqliteRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _, _ = await house.enter("alice")
    kept.patience = 0.0

    async def hang(*_args: object, **_kinds: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(records, "search", hang)
    found = await told(kept, alice)
    hanging = {found[name].reading for name in ("stays", "calls", "quality_samples", "pets")}
    assert hanging == {Reading.UNREADABLE}


async def test_a_crowd_is_refused_before_it_weighs_on_the_stores(house: House, kept: KeptOfCalls) -> None:
    alice, _, _ = await house.enter("alice")
    for _ in range(4):
        await kept._places.acquire()
    kept.patience = 0.0
    with pytest.raises(Refusal) as refused:
        await kept.of(alice, 3)
    assert refused.value.code is ErrorCode.TOO_MANY_RECORDS


async def test_all_of_the_catalogue_fits_into_one_message(
    house: House, records: SqliteRecords, database: Database, clock: VirtualClock, made: Catalogue
) -> None:
    everything = {f"{one.store.value}/{one.name}" for one in made}
    kept = KeptOfCalls(made, lambda _call: everything, records, database, clock)
    alice, _, _ = await house.enter("alice")
    await records.write([stay(alice, "192.0.2.1")], wait=True)
    assert len(msgspec.json.encode(await kept.of(alice, 3))) < MAX_SIGNALLING_MESSAGE_BYTES

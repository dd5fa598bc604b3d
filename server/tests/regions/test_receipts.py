# SPDX-License-Identifier: Apache-2.0
"""A call leaves one signed receipt that says where its data was written; whatever is changed in it is found."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.app import TOUCHES, catalogue
from sealroom.apps.models import Identity
from sealroom.catalogue import Document, Undeclared
from sealroom.core.db import Database
from sealroom.core.errands import Errands
from sealroom.core.errors import MissingError, StartError
from sealroom.core.ids import Ids
from sealroom.core.keys import NoteSigner
from sealroom.core.metrics import Metrics
from sealroom.quality.collector import Collector
from sealroom.quality.minutes import Minutes
from sealroom.quality.models import Entry
from sealroom.quality.relay import HistoryMetrics, HistoryRelay
from sealroom.quality.reports import Listening
from sealroom.regions.models import receipts
from sealroom.regions.receipt import PURPOSE, Receipt, ReceiptError, call_hash, check_call, verify
from sealroom.regions.receipts import Receipts, note_of
from sealroom.regions.touched import Rules, Touched
from sealroom.rooms.events import Call, RoomEvent, TrackPublished
from sealroom.rooms.ledger import Ledger, LedgerMetrics
from sealroom_wire.ids import RoomKind, room_string
from sealroom_wire.participant import Role, Track
from server.tests import fakes
from server.tests.fakes import APP, NOW, MemoryKeys, VirtualClock
from server.tests.rooms.test_ledger import CALL, closed, entered, left, opened

ALWAYS = {
    ("db", "calls"), ("db", "history_outbox"), ("db", "presences"), ("db", "receipts"), ("db", "usage_days"), ("db", "usage_meters"), ("journal", "journal"),
    ("log", "log"), ("records", "call_ends"), ("records", "call_events"), ("records", "calls"), ("records", "departures"),
    ("records", "stays"), ("records", "quality_totals"),
}  # fmt: skip


OTHER = Call(f"{APP}_other_{NOW}", APP, room_string("other"), NOW * 1000)


def published(user: str) -> TrackPublished:
    return TrackPublished(
        id=f"{user} published", call=CALL, at=NOW * 1000, user_id=user, peer=1, role=Role.ANCHOR, track=Track.AUDIO, muted=False
    )  # fmt: skip


class Kept:
    """Keeps documents; it is what stands behind."""

    def __init__(self) -> None:
        self.documents: list[Document] = []

    def put(self, documents: Sequence[Document]) -> None:
        self.documents += documents

    async def put_durable(self, documents: Sequence[Document]) -> None:
        self.documents += documents


@dataclass
class Node:
    """A server as far as its receipts go."""

    database: Database
    clock: VirtualClock
    keys: MemoryKeys
    told: set[str] = field(default_factory=set)
    """Calls of which an endpoint is told."""

    def __post_init__(self) -> None:
        self.touched = Touched(Kept(), catalogue(), TOUCHES)
        self.receipts = Receipts(
            self.database, self.keys, self.touched, "cn", node="cn-1", seen={"db/webhook_outbox": self._seen}
        )
        self.history = HistoryRelay(
            self.database, self.touched, catalogue(), self.clock, HistoryMetrics(Metrics("test").registry), node="cn-1",
            expected=self.touched.expect,
        )  # fmt: skip
        self.ledger = Ledger(
            self.database, self.clock, LedgerMetrics(Metrics("test").registry), node="cn-1",
            writers=(self.receipts.learn, self.history.write, self.receipts.write),
            committed=(self.history.committed, self.receipts.committed),
        )  # fmt: skip

    async def _seen(self, _connection: AsyncConnection, batch: Sequence[RoomEvent]) -> set[str]:
        return self.told & {event.call.id for event in batch}

    async def tell(self, *events: RoomEvent) -> None:
        """These happen."""
        for event in events:
            self.touched.on_room_event(event)
            self.ledger.on_room_event(event)
        await self.ledger.flush()

    async def receipt(self) -> Receipt:
        """The call's, verified."""
        found = verify(await note_of(self.database, CALL.id), self.keys.verifiers(PURPOSE))
        check_call(found, CALL.id)
        return found


@pytest.fixture
async def node(database: Database, clock: VirtualClock) -> AsyncIterator[Node]:
    made = Node(database, clock, MemoryKeys())
    await made.ledger.start()
    yield made
    await made.ledger.close()


def data(receipt: Receipt) -> set[tuple[str, str]]:
    assert {lies.site for lies in receipt.data} == {"cn"}
    return {(lies.store, lies.dataset) for lies in receipt.data}


async def test_a_call_that_is_over_has_a_receipt(node: Node) -> None:
    await node.tell(opened(), entered("alice"), published("alice"), entered("bob"))
    with pytest.raises(MissingError, match="not over"):
        await note_of(node.database, CALL.id)
    await node.tell(left("alice"), left("bob"), closed())
    receipt = await node.receipt()
    assert (receipt.application, receipt.site, receipt.reason) == (APP, "cn", "empty")
    assert (receipt.begin, receipt.end) == (NOW * 1000, NOW * 1000 + 9000)
    assert (receipt.stays, receipt.tracks) == (2, 1)
    assert [(ran.node, ran.site) for ran in receipt.media] == [("cn-1", "cn")]
    assert data(receipt) == ALWAYS


async def test_it_names_nobody_and_no_room(node: Node) -> None:
    await node.tell(opened(), entered("alice"), left("alice"), closed())
    note = await note_of(node.database, CALL.id)
    assert "alice" not in note
    assert CALL.id not in note
    assert "_room_" not in note
    assert call_hash(APP, CALL.id) in note
    assert await note_of(node.database, call_hash(APP, CALL.id)) == note


async def test_what_else_the_call_touched_is_in_it(node: Node) -> None:
    await node.tell(opened(), entered("alice"))
    node.told.add(CALL.id)
    entry = Entry(id="1", time=1, sdk_app_id=APP, room="room", user_id="mallory", code="", milliseconds=1)
    elsewhere = msgspec.structs.replace(entry, room="another")
    await node.touched.put_durable([entry, elsewhere])
    await node.tell(left("alice"), closed())
    assert data(await node.receipt()) == ALWAYS | {
        ("records", "entries"), ("records", "quality_joins"), ("db", "webhook_outbox"),
    }  # fmt: skip


async def test_what_names_a_room_touches_no_room_of_the_other_kind(node: Node) -> None:
    await node.tell(opened(), entered("alice"))
    entry = Entry(
        id="1", time=1, sdk_app_id=APP, room=CALL.room.id, room_kind=RoomKind.NUMBER, user_id="mallory", code="", milliseconds=1
    )  # fmt: skip
    assert CALL.room.kind is RoomKind.STRING
    await node.touched.put_durable([entry])
    assert "records/entries" not in node.touched.of(CALL)
    await node.touched.put_durable([msgspec.structs.replace(entry, room_kind=RoomKind.STRING)])
    assert "records/entries" in node.touched.of(CALL)


async def test_what_comes_while_the_end_is_written_is_signed_with_the_next_transaction(node: Node) -> None:
    await node.tell(opened(), entered("alice"), left("alice"))
    node.touched.on_room_event(closed())
    async with node.database.writing() as connection:
        await node.receipts.write(connection, [closed()])
    node.touched.note(CALL, ["records/sdk_log"])
    node.receipts.committed()
    before = await node.receipt()
    await node.tell(opened(OTHER))
    assert data(await node.receipt()) == data(before) | {("records", "sdk_log")}


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("application", 1), ("begin", 1), ("end", 1), ("stays", 9), ("tracks", 9), ("site", "sg"), ("reason", "lost"),
        ("call", "0" * 64), ("media", [{"node": "x", "site": "sg"}]), ("data", []),
    ],
)  # fmt: skip
async def test_a_forged_field_is_refused(node: Node, field_name: str, value: Any) -> None:
    await node.tell(opened(), entered("alice"), left("alice"), closed())
    note = await note_of(node.database, CALL.id)
    text, rest = note.split("\n", 1)
    forged = msgspec.json.encode(msgspec.json.decode(text) | {field_name: value}, order="sorted").decode()
    assert forged != text
    with pytest.raises(ReceiptError, match=r"signature of tests/receipts is wrong"):
        verify(f"{forged}\n{rest}", node.keys.verifiers(PURPOSE))


async def test_a_note_of_another_key_or_of_something_else_is_no_receipt(node: Node) -> None:
    await node.tell(opened(), entered("alice"), left("alice"), closed())
    note = await note_of(node.database, CALL.id)
    with pytest.raises(ReceiptError, match="no trusted key"):
        verify(note, MemoryKeys().verifiers(PURPOSE))
    signer, known = node.keys.signer(PURPOSE), node.keys.verifiers(PURPOSE)
    text = note.split("\n", 1)[0]
    for other in (
        '{"type":"x"}\n',
        text.replace(",", ", ") + "\n",
        text.replace("receipt/1", "receipt/2") + "\n",
        "hello\n",
    ):
        with pytest.raises(ReceiptError):
            verify(signer.sign(other), known)


async def test_it_is_not_taken_for_another_call_s(node: Node) -> None:
    await node.tell(opened(), entered("alice"), left("alice"), closed())
    with pytest.raises(ReceiptError, match="another call"):
        check_call(await node.receipt(), f"{APP}_other_{NOW}")


async def test_a_receipt_stays_valid_after_its_key_was_replaced(node: Node) -> None:
    await node.tell(opened(), entered("alice"), left("alice"), closed())
    node.keys.rotate(PURPOSE)
    await node.receipt()


async def test_after_a_crash_the_next_start_signs_what_the_killed_one_began(node: Node) -> None:
    await node.tell(opened(), entered("alice"), published("alice"))
    node.touched.note(CALL, ["records/quality_samples"])
    await node.tell(published("alice"))
    await node.ledger.close()
    after = Node(node.database, node.clock, node.keys)
    await after.ledger.recover(Ids())
    receipt = await after.receipt()
    assert (receipt.reason, receipt.stays, receipt.tracks) == ("lost", 1, 2)
    assert data(receipt) == ALWAYS | {("records", "quality_samples")}


class NoKeys(MemoryKeys):
    """Keys whose file cannot be read."""

    away = True

    def signer(self, purpose: str) -> NoteSigner:
        if self.away:
            raise StartError("key_unreadable", "no", "no")
        return super().signer(purpose)


async def test_without_a_key_no_event_is_lost_and_the_receipt_is_signed_later(
    database: Database, clock: VirtualClock
) -> None:
    keys = NoKeys()
    node = Node(database, clock, keys)
    await node.ledger.start()
    await node.tell(opened(), entered("alice"), left("alice"), closed())
    rows = await database.ask(select(receipts.c.ended_at, receipts.c.note))
    assert rows == [(NOW * 1000 + 9000, None)]
    keys.away = False
    assert await node.receipts.complete() == 1
    assert data(await node.receipt()) == ALWAYS
    assert await node.receipts.complete() == 0
    await node.ledger.close()


async def test_a_row_that_was_changed_does_not_change_what_was_signed(node: Node) -> None:
    await node.tell(opened(), entered("alice"), left("alice"), closed())
    async with node.database.writing() as connection:
        note = (await connection.execute(select(receipts.c.note))).scalar_one()
        await connection.execute(update(receipts).values(note=note.replace('"site":"cn"', '"site":"sg"')))
    with pytest.raises(ReceiptError):
        await node.receipt()


async def test_calls_that_are_over_are_forgotten(node: Node) -> None:
    await node.tell(opened(), entered("alice"), left("alice"), closed())
    assert node.touched.untold() == {}
    assert node.touched._calls == {}
    assert node.touched._rooms == {}


def test_a_rule_about_what_nobody_declared_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Undeclared):
        Touched(Kept(), catalogue(), Rules(("db/nothing",), (), {}))


async def test_what_devices_tell_just_before_the_end_is_in_the_receipt(node: Node) -> None:
    """It gathers for a moment before it is written, and by then the call may be over and its receipt signed."""
    async with Errands() as errands:
        devices = Listening(
            cast(Collector, None), node.touched, Minutes(node.touched, b"k" * 32), node.clock, errands, log=True,
            expected=node.touched.expect,
        )  # fmt: skip
        await node.tell(opened(), entered("alice"))
        devices.on_entry(Identity(fakes.application(), "alice", NOW), CALL.room, None, 0.1)
        await node.tell(left("alice"), closed())
        signed = data(await node.receipt())
    assert signed - ALWAYS >= {("records", "entries"), ("records", "quality_joins")}

# SPDX-License-Identifier: Apache-2.0
"""Keeps a row for each call, in the ledger's transaction, and signs it when the call ends.

**A row alone says all that its receipt says**, so that what could not be signed at its time, or what came to be known later, is signed
from the row.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.db import Database, upsert
from sealroom.core.errors import MissingError, OperatorError
from sealroom.core.keys import Keys
from sealroom.core.logging import get_logger
from sealroom.regions.models import receipts
from sealroom.regions.receipt import KIND, PURPOSE, Lies, Ran, Receipt, call_hash, sign
from sealroom.regions.touched import Touched
from sealroom.rooms.events import Call, ParticipantEntered, RoomClosed, RoomEvent, TrackPublished

MAX_SIGNED_AT_START = 1_000
"""Receipts of one transaction at the start. Lower lets others write sooner."""

Seen: TypeAlias = Callable[[AsyncConnection, Sequence[RoomEvent]], Awaitable[Collection[str]]]
"""Says of which calls (ids) of a batch something was written to a dataset, in the ledger's transaction."""
_Values: TypeAlias = dict[str, Any]

_log = get_logger()


class Receipts:
    """The receipts of one site, as one server writes them."""

    def __init__(
        self, database: Database, keys: Keys, touched: Touched, site: str, *, node: str, seen: Mapping[str, Seen] | None = None
    ) -> None:  # fmt: skip
        """`seen`: for each dataset (`store/name`) that other writers of the ledger may write, who tells of which calls they did."""
        self._database, self._keys, self._touched = database, keys, touched
        self._site, self._node, self._seen = site, node, dict(seen or {})
        self._written: dict[str, set[str]] = {}

    async def learn(self, _connection: AsyncConnection, batch: Sequence[RoomEvent]) -> None:
        """A writer of the ledger. **The first one**: at a start after a crash nobody else tells of the calls that are ended then."""
        for event in batch:
            self._touched.on_room_event(event)

    async def write(self, connection: AsyncConnection, batch: Sequence[RoomEvent]) -> None:
        """A writer of the ledger. **The last one**: it asks what the others wrote."""
        await self._ask_others(connection, batch)
        calls = {event.call.id: event.call for event in batch}
        calls |= {call.id: call for call in self._touched.untold()}
        self._written = {}
        if not calls:
            return
        there = await _rows(connection, calls.values())
        told: dict[str, list[RoomEvent]] = {}
        for event in batch:
            told.setdefault(event.call.id, []).append(event)
        made = [
            self._merged(call, there.get(call_hash(call.sdk_app_id, call.id)), told.get(call.id, []))
            for call in calls.values()
        ]
        await upsert(connection, receipts, made)
        self._written = {call.id: set(self._touched.of(call)) for call in calls.values()}

    def committed(self) -> None:
        """What was written last is in the database for good."""
        self._touched.told(self._written)
        self._written = {}

    async def complete(self) -> int:
        """Signs what ended without a signature, as when the key could not be read; returns how many that were."""
        count = 0
        while True:
            async with self._database.writing() as connection:
                bare = select(receipts).where(receipts.c.ended_at.is_not(None), receipts.c.note.is_(None))
                rows = (await connection.execute(bare.limit(MAX_SIGNED_AT_START))).all()
                made = [one for one in (self._signed(_values(row)) for row in rows) if one["note"]]
                await upsert(connection, receipts, made)
            count += len(made)
            if len(made) < MAX_SIGNED_AT_START:
                return count

    async def _ask_others(self, connection: AsyncConnection, batch: Sequence[RoomEvent]) -> None:
        calls = {event.call.id: event.call for event in batch}
        for name, ask in self._seen.items():
            for call_id in await ask(connection, batch) if batch else ():
                self._touched.note(calls[call_id], (name,))

    def _merged(self, call: Call, row: Row[Any] | None, mine: Sequence[RoomEvent]) -> _Values:
        """The row as it is after its events (`mine`), signed where the call is over."""
        made = _values(row) if row is not None else self._begun(call)
        made["stays"] += sum(isinstance(event, ParticipantEntered) for event in mine)
        made["tracks"] += sum(isinstance(event, TrackPublished) for event in mine)
        touched = {*_names(made["touched"]), *self._touched.of(call)}
        made["touched"] = msgspec.json.encode(sorted(touched)).decode()
        for event in mine:
            if isinstance(event, RoomClosed):
                made |= {"ended_at": event.at, "reason": event.reason.value}
        return made if made["ended_at"] is None else self._signed(made)

    def _begun(self, call: Call) -> _Values:
        return {
            "call": call_hash(call.sdk_app_id, call.id), "sdk_app_id": call.sdk_app_id, "node": self._node,
            "begun_at": call.opened_at, "ended_at": None, "reason": None, "stays": 0, "tracks": 0, "touched": "[]", "note": None,
        }  # fmt: skip

    def _signed(self, row: _Values) -> _Values:
        """The row with its note; without one where the key cannot be used, for no call may be lost for want of a signature."""
        try:
            return {**row, "note": sign(receipt_of(row, self._site), self._keys.signer(PURPOSE))}
        except OperatorError as error:
            _log.error("receipt_not_signed", code=error.code)
            return {**row, "note": None}


def receipt_of(row: Mapping[str, Any], site: str) -> Receipt:
    """What a row of an ended call says."""
    data = tuple(
        Lies(dataset, site, store)
        for store, _, dataset in (name.partition("/") for name in _names(row["touched"]))
    )
    return Receipt(
        type=KIND, application=row["sdk_app_id"], begin=row["begun_at"], call=row["call"], data=data, end=row["ended_at"],
        media=(Ran(row["node"], site),), reason=row["reason"], site=site, stays=row["stays"], tracks=row["tracks"],
    )  # fmt: skip


async def note_of(database: Database, call: str) -> str:
    """The receipt of a call, which is named by its id (TRTC's CommId) or by its hash.

    Raises:
        MissingError: there is none, or the call is not over.
    """
    head, _, _ = call.partition("_")
    named = [call, *([call_hash(int(head), call)] if head.isascii() and head.isdigit() else [])]
    return await _note(database, receipts.c.call.in_(named))


class ReceiptBook:
    """Reads receipts for their applications' owners."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database, self._keys = database, keys

    async def note(self, sdk_app_id: int, call: str) -> str:
        """The receipt of a call of this application, which is named by its id (TRTC's CommId) or by its hash.

        Raises:
            MissingError: there is none, or the call is not over.
        """
        named = receipts.c.call.in_([call, call_hash(sdk_app_id, call)])
        return await _note(self._database, named & (receipts.c.sdk_app_id == sdk_app_id))

    def verifiers(self) -> list[str]:
        """The public keys, old ones too, that receipts are signed with, as C2SP writes them."""
        return [str(one) for one in self._keys.verifiers(PURPOSE)]


async def _note(database: Database, wanted: ColumnElement[bool]) -> str:
    found = await database.ask(select(receipts.c.note).where(wanted))
    if not found:
        raise MissingError(
            "receipt_unknown", "There is no receipt of that call here.", "Check the id, and the site."
        )
    if found[0].note is None:
        raise MissingError("receipt_not_made", "The call is not over.", "Ask again when it is.")
    return str(found[0].note)


async def _rows(connection: AsyncConnection, calls: Iterable[Call]) -> dict[str, Row[Any]]:
    names = [call_hash(call.sdk_app_id, call.id) for call in calls]
    found = await connection.execute(select(receipts).where(receipts.c.call.in_(names)))
    return {row.call: row for row in found}


def _values(row: Row[Any]) -> _Values:
    return {column.name: getattr(row, column.name) for column in receipts.columns}


def _names(text: str) -> list[str]:
    return msgspec.json.decode(text, type=list[str])

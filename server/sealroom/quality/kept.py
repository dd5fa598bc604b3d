# SPDX-License-Identifier: Apache-2.0
"""What is kept of one call, for a member of it: drawn from the catalogue, so that what is declared is shown.

**A member is told of his own rows only, and of anybody else nothing that is personal**: whatever a feature declares tomorrow is shown
by these rules, not by a list of what is harmless.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from sqlalchemy import Table, select

from sealroom.catalogue import Catalogue, DataClass, Dataset, Document, Kind, Store, Subject
from sealroom.core.clock import Clock
from sealroom.core.db import AWAY, Database, metadata
from sealroom.core.records import Condition, Equals, Query, Records, RecordsUnavailable
from sealroom.rooms.events import Call
from sealroom.rooms.state import Participant
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.kept import KeptClass, KeptDataset, KeptField, KeptRow, Reading, Value
from sealroom_wire.limits import MAX_KEPT_CHARACTERS, MAX_KEPT_ROWS

_AT_ONCE = 4
"""Members who are answered at the same time. More spread the load of a crowd less evenly over the stores."""
_SECONDS = 1.0
"""For a place, and then for all datasets: the member's line waits meanwhile. What a store that hangs has is said not to be readable."""
_SLACK_MS = 60_000
_UNREADABLE: tuple[type[Exception], ...] = (RecordsUnavailable, *AWAY)
_TOLD = frozenset({DataClass.BACK_END_LOG, DataClass.DASHBOARD, DataClass.FAULT_DIAGNOSIS, DataClass.SDK_LOG})
"""Classes whose values are told. Of all others, keys and bills among them, only the fields."""


class KeptOfCalls:
    """Reads what the stores have. `touched` says which datasets hold something of a call, by store and name."""

    def __init__(
        self,
        catalogue: Catalogue,
        touched: Callable[[Call], set[str]],
        records: Records,
        database: Database,
        clock: Clock,
    ) -> None:
        self._catalogue, self._touched = catalogue, touched
        self._records, self._database, self._clock = records, database, clock
        self._kinds = {catalogue.of(kind).name: kind for kind in catalogue.documents}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self.patience = _SECONDS
        """How long a member waits for a place, and then for the stores."""

    async def of(self, participant: Participant, request: int) -> signalling.Kept:
        """What is kept of the participant's call and of himself. Raises `Refusal(too_many_records)` where too many ask."""
        call = participant.room.call
        names = self._touched(call)
        found = [one for one in self._catalogue if f"{one.store.value}/{one.name}" in names]
        asking = _Asking(call, participant.user_id)
        try:
            async with asyncio.timeout(self.patience):
                await self._places.acquire()
        except TimeoutError:
            raise Refusal(ErrorCode.TOO_MANY_RECORDS) from None
        try:
            until = asyncio.get_running_loop().time() + self.patience
            datasets = [await self._dataset(one, asking, until) for one in found]
        finally:
            self._places.release()
        return signalling.Kept(
            id=request,
            taken_at=self._now(),
            classes=tuple(KeptClass(one.value, one.meaning) for one in DataClass),
            datasets=tuple(datasets),
            others=len(self._catalogue.datasets) - len(found),
        )

    def _now(self) -> int:
        return int(self._clock.unix() * 1000)

    async def _dataset(self, one: Dataset, asking: "_Asking", until: float) -> KeptDataset:
        reading, rows = _reading(one), list[Mapping[str, object]]()
        if reading is Reading.READ:
            try:
                async with asyncio.timeout_at(until):
                    rows = await self._rows(one, asking)
            except _UNREADABLE:
                reading = Reading.UNREADABLE
        return KeptDataset(
            name=one.name, what=_cut(one.what), data_class=one.data_class.value, purpose=one.purpose.meaning,
            kept=_cut(str(one.retention)), place=one.region.meaning, store=one.store.meaning, fields=_fields(one),
            rows=tuple(asking.shown(one, row) for row in rows), reading=reading,
        )  # fmt: skip

    async def _rows(self, one: Dataset, asking: "_Asking") -> list[Mapping[str, object]]:
        if one.store is Store.DB and one.call is not None:
            return await self._of_table(metadata.tables[one.name], one.call, asking)
        return await self._documents(one, asking)

    async def _documents(self, one: Dataset, asking: "_Asking") -> list[Mapping[str, object]]:
        """The newest of him in this call; where there is one for each track, one of each."""
        since, until = asking.call.opened_at - _SLACK_MS, self._now() + _SLACK_MS
        query: Query[Document] = Query(self._kinds[one.name], since, until, asking.conditions(one))
        page = await self._records.search(query, limit=4 * MAX_KEPT_ROWS, newest_first=True)
        rows = [{name: getattr(document, name) for name in one.columns} for document in page.documents]
        return _one_of_each(rows)[:MAX_KEPT_ROWS]

    async def _of_table(self, table: Table, call: str, asking: "_Asking") -> list[Mapping[str, object]]:
        query = select(table).where(table.c[call] == asking.call.id).limit(MAX_KEPT_ROWS)
        if "user_id" in table.c:
            query = query.where(table.c.user_id == asking.user_id)
        async with self._database.reading() as connection:
            return [cast("Mapping[str, object]", row) for row in (await connection.execute(query)).mappings()]


class _Asking:
    """A member and his call: what is his, and what of a row he may see."""

    def __init__(self, call: Call, user_id: str) -> None:
        self.call, self.user_id = call, user_id

    def conditions(self, one: Dataset) -> tuple[Condition, ...]:
        """What finds his documents of this call."""
        names = one.columns.keys()
        call: tuple[Condition, ...] = (
            Equals("sdk_app_id", self.call.sdk_app_id),
            Equals("room", self.call.room.id),
        )
        if "room_kind" in names:
            call += (Equals("room_kind", self.call.room.kind.value),)
        if one.call is not None:
            call = (Equals(one.call, self.call.id),)
        his = (Equals("user_id", self.user_id),) if "user_id" in names else ()
        sent = (Equals("peer_id", ""),) if "peer_id" in names else ()
        return (*call, *his, *sent)

    def shown(self, one: Dataset, row: Mapping[str, object]) -> KeptRow:
        """The row as he may see it: what is personal in it only where it is his, or names him or his call."""
        is_his = one.subject(Subject.USER) is not None and row.get("user_id") == self.user_id
        values: list[Value] = []
        withheld: list[int] = []
        for place, (name, column) in enumerate(one.columns.items()):
            value = row.get(name)
            mine = not column.field.personal or is_his or self._is_own(one, name, value)
            if value is None or (mine and column.kind is not Kind.BYTES):
                values.append(_value(value))
            else:
                values.append(None)
                withheld.append(place)
        return KeptRow(tuple(values), tuple(withheld))

    def _is_own(self, one: Dataset, name: str, value: object) -> bool:
        """Whether the value is his name or that of his call. **Only where such a name stands**: somebody may be called as the room is."""
        if one.columns[name].field.subject is Subject.USER:
            return value == self.user_id
        if name == one.call:
            return value == self.call.id
        return name == "room" and value == self.call.room.id


def _reading(one: Dataset) -> Reading:
    """Whether its rows can be sought at all."""
    if one.data_class not in _TOLD or one.store not in (Store.RECORDS, Store.DB):
        return Reading.NOT_TOLD
    names_room = one.store is Store.RECORDS and "room" in one.columns
    if one.call is None and not names_room:
        return Reading.NOT_FOUND_BY_CALL
    return Reading.READ


def _fields(one: Dataset) -> tuple[KeptField, ...]:
    return tuple(
        KeptField(name, _cut(said.what), said.personal, (said.data_class or one.data_class).value)
        for name, said in ((name, column.field) for name, column in one.columns.items())
    )


def _one_of_each(rows: Iterable[Mapping[str, object]]) -> list[Mapping[str, object]]:
    newest: dict[object, Mapping[str, object]] = {}
    for row in rows:
        newest.setdefault(row.get("track"), row)
    return list(newest.values())


def _value(value: object) -> Value:
    if value is None or isinstance(value, bool | int | float):
        return value
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_KEPT_CHARACTERS else text[: MAX_KEPT_CHARACTERS - 1] + "…"

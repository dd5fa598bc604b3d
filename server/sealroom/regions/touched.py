# SPDX-License-Identifier: Apache-2.0
"""Notes which datasets come to hold something of a call: documents as they are put, rows as they are written.

**A name is noted before its document is put**, and stays until the receipt has it in the database.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sealroom.catalogue import Catalogue, Document, Store, Undeclared
from sealroom.rooms.events import Call, ParticipantEntered, RoomClosed, RoomEvent, RoomOpened

JOURNAL = "journal/journal"
"""Where every durable document waits until the store has it."""


class Keeper(Protocol):
    """What takes documents."""

    def put(self, documents: Sequence[Document]) -> None:
        """Takes samples."""

    async def put_durable(self, documents: Sequence[Document]) -> None:
        """Takes what must last."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What cannot be seen of documents alone. Names are `store/dataset`."""

    opened: tuple[str, ...]
    """Every call is in these."""
    entered: tuple[str, ...]
    """And those in which somebody was."""
    follows: Mapping[str, tuple[str, ...]]
    """What is made of a dataset's documents, and names no call itself."""

    def check(self, catalogue: Catalogue) -> None:
        """Raises `Undeclared` for a name that the catalogue does not have."""
        known = {f"{store.value}/{name}" for store, name in catalogue.datasets}
        told = {
            *self.opened,
            *self.entered,
            *self.follows,
            *(one for more in self.follows.values() for one in more),
        }
        if unknown := sorted(told - known):
            raise Undeclared(f"no feature declared {', '.join(unknown)}")


@dataclass(slots=True)
class _Noted:
    call: Call
    names: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    """Of them, those that its receipt has."""
    closed: bool = False


class Touched:
    """Stands before the writer of records, and listens to rooms."""

    def __init__(self, keeper: Keeper, catalogue: Catalogue, rules: Rules) -> None:
        """Raises `Undeclared` for a rule about what nobody declared."""
        rules.check(catalogue)
        self._keeper, self._catalogue, self._rules = keeper, catalogue, rules
        self._calls: dict[str, _Noted] = {}
        self._untold: set[str] = set()
        """Calls of which receipts do not have all: most calls have nothing new, and are not looked at."""
        self._rooms: dict[tuple[int, str], set[str]] = {}
        """Open calls by application and room: some documents name only the room."""

    def on_room_event(self, event: RoomEvent) -> None:
        """Learns which calls there are. **Told before anybody who puts documents of them.**"""
        match event:
            case RoomOpened():
                self.note(event.call, self._rules.opened)
            case ParticipantEntered():
                self.note(event.call, self._rules.entered)
            case RoomClosed():
                self.note(event.call, ())
                self._calls[event.call.id].closed = True
            case _:
                pass

    def put(self, documents: Sequence[Document]) -> None:
        """Passes samples on."""
        self._see(documents, Store.RECORDS)
        self._keeper.put(documents)

    def expect(self, documents: Sequence[Document]) -> None:
        """These will be put as soon as the ledger's transaction is over, whose receipts must know of it."""
        self._see(documents, Store.RECORDS, JOURNAL)

    async def put_durable(self, documents: Sequence[Document]) -> None:
        """Passes on what must last. Raises what the writer raises; a name that was noted then says too much, never too little."""
        self._see(documents, Store.RECORDS, JOURNAL)
        await self._keeper.put_durable(documents)

    def note(self, call: Call, names: Iterable[str]) -> None:
        """These hold something of the call."""
        noted = self._calls.get(call.id)
        if noted is None:
            noted = self._calls[call.id] = _Noted(call)
            self._rooms.setdefault((call.sdk_app_id, call.room.id), set()).add(call.id)
        self._add(noted, names)

    def untold(self) -> dict[Call, set[str]]:
        """All that receipts do not have yet."""
        return {self._calls[call_id].call: self._calls[call_id].names for call_id in self._untold}

    def of(self, call: Call) -> set[str]:
        """All that was noted of a call in this process."""
        noted = self._calls.get(call.id)
        return set() if noted is None else noted.names

    def told(self, names: Mapping[str, set[str]]) -> None:
        """The receipts of these calls (by id) have so much now, for good. Who has ended and is told of wholly is forgotten."""
        for call_id, known in names.items():
            noted = self._calls.get(call_id)
            if noted is None:
                continue
            noted.told |= known
            if noted.told >= noted.names:
                self._untold.discard(call_id)
            if noted.closed and noted.told >= noted.names:
                del self._calls[call_id]
                key = (noted.call.sdk_app_id, noted.call.room.id)
                self._rooms[key].discard(call_id)
                if not self._rooms[key]:
                    del self._rooms[key]

    def _see(self, documents: Sequence[Document], store: Store, *also: str) -> None:
        for document in documents:
            name = f"{store.value}/{self._catalogue.of(type(document)).name}"
            names = (name, *also, *self._rules.follows.get(name, ()))
            for call_id in self._calls_of(document):
                self._add(self._calls[call_id], names)

    def _add(self, noted: _Noted, names: Iterable[str]) -> None:
        noted.names.update(names)
        if not noted.names <= noted.told:
            self._untold.add(noted.call.id)

    def _calls_of(self, document: Document) -> Iterable[str]:
        """The open call that it names, or those of the room that it names: a number and a word that look alike are two rooms."""
        call_id = getattr(document, "call_id", None)
        if call_id is not None:
            return (call_id,) if call_id in self._calls else ()
        found = self._rooms.get((getattr(document, "sdk_app_id", 0), getattr(document, "room", "")), ())
        kind = getattr(document, "room_kind", None)
        return [one for one in found if kind in (None, self._calls[one].call.room.kind)]

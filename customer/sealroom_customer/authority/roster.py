# SPDX-License-Identifier: Apache-2.0
"""Who is in a room, by index, user and line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from sealroom_customer.sealing.schedule import LAST_INDEX
from sealroom_wire.authority import Member, MemberRole

_LATELY = 4096
"""Departures whose indices nobody gets. More than can happen in the 5 s in which late frames of a leaver still open."""


class _Comer(Protocol):
    @property
    def role(self) -> MemberRole: ...
    @property
    def key(self) -> str: ...


@dataclass(slots=True)
class Entry:
    """A member, its line (None while absent), when it was last heard and when its grant ends (both monotonic seconds). `suites` are
    those it offered, `epoch` is the newest whose secret it was sent."""

    member: Member
    public_key: ec.EllipticCurvePublicKey = field(repr=False)
    line: int | None
    heard: float
    expires: float
    suites: tuple[int, ...]
    epoch: int = 0

    @property
    def index(self) -> int:
        """The member's place in key ids."""
        return self.member.index

    def due(self, silence: float) -> float:
        """When the member is lost or expires if nothing is heard."""
        return min(self.heard + silence, self.expires)

    def resumed_by(self, comer: _Comer) -> bool:
        """Whether somebody of the same user is this very member, back on another line."""
        return self.member.key == comer.key and self.member.role == comer.role


class Roster:
    """Entries by index, user and line.

    **An index is given to nobody else until all 65,536 were used, and then to nobody while its last holder has just left**, so that
    a late frame is never taken for the frame of the member who came after.
    """

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._users: dict[str, Entry] = {}
        self._lines: dict[int, Entry] = {}
        self._left: dict[int, None] = {}
        """Indices of the latest departures, oldest first."""
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def at(self, index: int) -> Entry:
        """The member at an index; raises KeyError when there is none."""
        return self._entries[index]

    def of_user(self, user: str) -> Entry | None:
        """The member of a user."""
        return self._users.get(user)

    def of_line(self, line: int) -> Entry | None:
        """The member on a line."""
        return self._lines.get(line)

    def has_room(self, count: int) -> bool:
        """Whether `count` more can be numbered without using an index again."""
        taken = sum(1 for index in (*self._entries, *self._left) if index >= self._next)
        return self._next + taken + count <= LAST_INDEX + 1

    def number_anew(self) -> None:
        """Starts at 0 again, past those in use; only with a new epoch."""
        self._next = 0

    def add(
        self,
        member: Member,
        public_key: ec.EllipticCurvePublicKey,
        line: int,
        *,
        heard: float,
        expires: float,
        suites: tuple[int, ...],
    ) -> Entry:
        """Adds a member under the next free index."""
        while self._next in self._entries or self._next in self._left:
            self._next += 1
        numbered = msgspec.structs.replace(member, index=self._next)
        self._next += 1
        entry = Entry(numbered, public_key, line, heard, expires, suites)
        self._entries[entry.index] = self._users[member.user] = self._lines[line] = entry
        return entry

    def drop(self, index: int) -> None:
        """Takes a member off. Its entry still names its line, so that the line can be told."""
        entry = self._entries.pop(index)
        self._left[index] = None
        if len(self._left) > _LATELY:
            del self._left[next(iter(self._left))]
        del self._users[entry.member.user]
        if entry.line is not None:
            del self._lines[entry.line]

    def attach(self, entry: Entry, line: int) -> None:
        """The member goes on with another line."""
        self.detach(entry)
        entry.line = line
        self._lines[line] = entry

    def detach(self, entry: Entry) -> None:
        """The member's line is gone."""
        if entry.line is not None:
            del self._lines[entry.line]
            entry.line = None

# SPDX-License-Identifier: Apache-2.0
"""Rooms by application and id, the lines of their members, and the timers that drive them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealroom_customer.authority.admission import Admission
from sealroom_customer.authority.dispatch import Dispatch, Outlet
from sealroom_customer.authority.exchange import Happening, LineId, Newcomer
from sealroom_customer.authority.identity import public_text
from sealroom_customer.authority.room import Room
from sealroom_customer.clock import Clock, Timer
from sealroom_customer.logging import get_logger
from sealroom_customer.sealing.hpke import decode_member_key
from sealroom_customer.sealing.schedule import SUITES, SuiteId
from sealroom_customer.signing.grants import room_of
from sealroom_wire import PROTOCOL_VERSION
from sealroom_wire.authority import GrantClaims, Join, Member, Place, Renew
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId
from sealroom_wire.limits import MAX_SEALED_MEMBERS

RoomKey: TypeAlias = tuple[int, RoomId]


class Watcher(Protocol):
    """Is told what happens in every room, in order; returns without waiting and never raises."""

    def happened(self, place: Place, happening: Happening) -> None:
        """One admission, departure or epoch."""


@dataclass(frozen=True, slots=True)
class RoomView:
    """A room as it stands. `absent`: members whose line is broken just now."""

    place: Place
    epoch: int
    step: int
    members: tuple[Member, ...]
    absent: int


@dataclass(slots=True)
class _Home:
    """Where a line belongs once its member was admitted."""

    claims: GrantClaims
    member_key: str
    room: Room
    outlet: Outlet = field(repr=False)

    @property
    def key(self) -> RoomKey:
        return self.claims.app, room_of(self.claims)


class Authority:
    """All rooms of one authority. Every method is called from one event loop and returns without waiting."""

    def __init__(
        self,
        admission: Admission,
        signing_key: Ed25519PrivateKey,
        clock: Clock,
        *,
        key_before: Ed25519PrivateKey | None = None,
        max_members: int = MAX_SEALED_MEMBERS,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        """`key_before` still counts during a rotation, for grants that name it and rooms that began with it."""
        self._admission = admission
        self._newest = public_text(signing_key)
        self._signing_keys = {self._newest: signing_key}
        if key_before is not None:
            self._signing_keys.setdefault(public_text(key_before), key_before)
        self._watchers = tuple(watchers)
        self._clock = clock
        self._max_members = max_members
        self._rooms: dict[RoomKey, Room] = {}
        self._room_keys: dict[RoomKey, str] = {}
        """Which of our keys signs a room: the one that its first member's grant names."""
        self._timers: dict[RoomKey, Timer] = {}
        self._homes: dict[LineId, _Home] = {}
        self._dispatch = Dispatch(clock, self._outlet_of, self._homes.__delitem__)

    def join(self, line: LineId, outlet: Outlet, message: Join) -> None:
        """Admits whoever shows a good grant.

        Raises:
            Refusal: version, member key, suite, grant, a key of ours that the room has left behind, or a full room.
        """
        if message.version != PROTOCOL_VERSION:
            raise Refusal(ErrorCode.VERSION_NOT_SUPPORTED)
        try:
            public_key = decode_member_key(message.member_key)
        except ValueError:
            raise Refusal(ErrorCode.MEMBER_KEY_INVALID) from None
        unix = self._clock.unix()
        suite = _common_suite(message.suites)
        shown = self._admission.admit(message.grant, message.member_key, int(unix))
        claims = shown.claims
        now = self._clock.monotonic()
        newcomer = Newcomer(
            line=line,
            user=claims.sub,
            role=claims.role,
            key=message.member_key,
            public_key=public_key,
            expires=now + claims.exp - unix,
            since=int(unix),
            again=shown.again,
            suites=message.suites,
        )
        key = claims.app, room_of(claims)
        self._move_on(key, claims.auk)
        room = self._rooms.get(key) or Room(*key, suite, self._signing_keys[claims.auk])
        if room.suite not in message.suites:
            raise Refusal(ErrorCode.SUITE_NOT_SUPPORTED)
        room.join(now, newcomer, self._max_members)
        if key not in self._rooms:
            self._rooms[key] = room
            self._room_keys[key] = claims.auk
            get_logger().info("room_opened", suite=suite)
        self._homes[line] = _Home(claims, message.member_key, room, outlet)
        self._settle(key, room)

    def renew(self, line: LineId, message: Renew) -> None:
        """Takes a grant in place of the one before. Raises Refusal when it is not for the same member."""
        home = self._homes.get(line)
        if home is None:
            raise Refusal(ErrorCode.ENTER_FIRST)
        unix = self._clock.unix()
        claims = self._admission.admit(message.grant, home.member_key, int(unix)).claims
        before = home.claims
        if (claims.app, claims.room, claims.sub, claims.role, claims.auk) != (
            before.app,
            before.room,
            before.sub,
            before.role,
            before.auk,
        ):
            raise Refusal(ErrorCode.GRANT_NOT_FOR_US)
        home.claims = claims
        now = self._clock.monotonic()
        home.room.renew(now, line, now + claims.exp - unix)
        self._settle(home.key, home.room)

    def heard(self, line: LineId, nonce: str) -> None:
        """A `ping` came on the line. Who is not on a roster yet gets no answer."""
        home = self._homes.get(line)
        if home is not None:
            home.room.heard(self._clock.monotonic(), line, nonce)
            self._settle(home.key, home.room)

    def left(self, line: LineId) -> None:
        """The device closed the line, or broke the protocol."""
        home = self._homes.pop(line, None)
        if home is not None:
            home.room.left(self._clock.monotonic(), line)
            self._settle(home.key, home.room)

    def broke(self, line: LineId) -> None:
        """The line broke."""
        home = self._homes.pop(line, None)
        if home is not None:
            home.room.broke(self._clock.monotonic(), line)
            self._settle(home.key, home.room)

    def remove(self, application: int, room_id: RoomId, user: str) -> bool:
        """Puts a user out of a room, at once, and refuses every grant of his for it that was issued up to now.

        Returns whether he was there.
        """
        self._admission.put_out(application, room_id, user, int(self._clock.unix()))
        room = self._rooms.get((application, room_id))
        if room is None:
            return False
        removed = room.remove(self._clock.monotonic(), user)
        self._settle((application, room_id), room)
        return removed

    def hint(self, application: int, room_id: RoomId, user: str | None) -> bool:
        """The operator says that a user, or with None everybody, is out of the call. Returns whether keys change sooner by that."""
        room = self._rooms.get((application, room_id))
        if room is None:
            return False
        sooner = room.hint(self._clock.monotonic(), user)
        self._settle((application, room_id), room)
        return sooner

    def rooms(self) -> Iterable[RoomView]:
        """Every room as it stands."""
        for room in self._rooms.values():
            yield RoomView(room.place, *room.version, room.members, room.absent)

    def _move_on(self, key: RoomKey, named: str) -> None:
        """A room whose members know another key of ours than the one a newcomer's grant names: the newest one wins.

        With two keys in one room no two members would see the same authentication string. When the newest is named, the room
        ends as in a restart, and its members come again with grants that name it too.
        """
        room = self._rooms.get(key)
        if room is None or self._room_keys[key] == named:
            return
        if named != self._newest:
            raise Refusal(ErrorCode.AUTHORITY_KEY_RETIRED)
        room.dissolve()
        self._settle(key, room)

    def _settle(self, key: RoomKey, room: Room) -> None:
        """Sends what the room says, then lets it sleep until its deadline, or go.

        A room that is over is spoken to as long as its last letters are on their way; it has nothing to say then.
        """
        if self._rooms.get(key) is not room:
            return
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        for happening in room.take_happened():
            for watcher in self._watchers:
                watcher.happened(room.place, happening)
        self._dispatch.send(room)
        if room.empty:
            del self._rooms[key], self._room_keys[key]
            get_logger().info("room_closed")
            return
        deadline = room.deadline()
        if deadline is not None:
            wait = max(0.0, deadline - self._clock.monotonic())
            self._timers[key] = self._clock.call_later(wait, lambda: self._wake(key, room))

    def _outlet_of(self, line: LineId) -> Outlet | None:
        home = self._homes.get(line)
        return None if home is None else home.outlet

    def _wake(self, key: RoomKey, room: Room) -> None:
        room.on_deadline(self._clock.monotonic())
        self._settle(key, room)


def _common_suite(offered: tuple[int, ...]) -> SuiteId:
    """The first of ours that the device offers; a room keeps that of its first member."""
    for suite in SUITES:
        if suite in offered:
            return suite
    raise Refusal(ErrorCode.SUITE_NOT_SUPPORTED)

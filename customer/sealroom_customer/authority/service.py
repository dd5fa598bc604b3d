# SPDX-License-Identifier: Apache-2.0
"""The authority's rooms: lines in, messages out. Knows no socket; the caller gives the time and sends what it is told."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealroom_customer.authority.grants import Verifier
from sealroom_customer.authority.room import Room
from sealroom_customer.authority.schedule import SUITES
from sealroom_wire import authority as wire
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId

Send = Callable[[str], None]
"""Queues one text message on a line; must not block."""
Close = Callable[[ErrorCode], None]
"""Ends a line with a refusal."""
RoomKey = tuple[int, RoomId]

_DEVICE = msgspec.json.Decoder(wire.DeviceMessage)
_PONG = msgspec.json.encode(wire.Pong()).decode()


@dataclass(eq=False, slots=True)
class Line:
    """One device's connection."""

    send: Send
    close: Close
    room: RoomKey | None = None
    user: str = ""


@dataclass(slots=True)
class AuthorityService:
    """All rooms of one authority process. `now`: monotonic seconds, `unix`: Unix seconds; both arguments."""

    signing_key: Ed25519PrivateKey = field(repr=False)
    verifier: Verifier
    _rooms: dict[RoomKey, Room[Line]] = field(default_factory=dict, repr=False)
    _used: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)
    """Grants by id: the member key that showed it, and when it is over."""

    def receive(self, line: Line, text: str, now: float, unix: float) -> None:
        """Takes one message of a device. Raises `Refusal` if the line is to be closed for it."""
        try:
            message = _DEVICE.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise Refusal(ErrorCode.MALFORMED_MESSAGE) from error
        match message:
            case wire.Ping():
                line.send(_PONG)
            case wire.Join():
                self._join(line, message, now, unix)
            case wire.Renew():
                self._renew(line, message, unix)

    def _join(self, line: Line, message: wire.Join, now: float, unix: float) -> None:
        if line.room is not None:
            raise Refusal(ErrorCode.ALREADY_ENTERED)
        if message.version != 1:
            raise Refusal(ErrorCode.VERSION_NOT_SUPPORTED)
        claims = self.verifier.verify(message.grant, int(unix))
        self._use_once(claims, message.member_key, unix)
        key = (claims.app, RoomId(claims.room.kind, claims.room.id))
        room = self._rooms.get(key)
        suites = [room.suite] if room else [suite for suite in message.suites if suite in SUITES]
        if not suites or suites[0] not in message.suites:
            raise Refusal(ErrorCode.SUITE_NOT_SUPPORTED)
        if room is None:
            room = self._rooms[key] = Room(claims.app, key[1], suites[0], self.signing_key.sign)
        earlier = room.line_of(claims.sub)
        room.join(now, unix, line, claims.sub, claims.role, _point(message.member_key), claims.exp)
        line.room, line.user = key, claims.sub
        self._deliver(room)
        if earlier is not None:
            earlier.room = None
            earlier.close(ErrorCode.REPLACED_BY_NEW_ENTRY)

    def _use_once(self, claims: wire.GrantClaims, member_key: str, unix: float) -> None:
        """A grant admits one member key; the same key may show it again on another line."""
        for jti in [jti for jti, (_, over) in self._used.items() if over <= unix]:
            del self._used[jti]
        shown, _ = self._used.setdefault(claims.jti, (member_key, claims.exp))
        if shown != member_key:
            raise Refusal(ErrorCode.GRANT_REPLAYED)

    def _renew(self, line: Line, message: wire.Renew, unix: float) -> None:
        if line.room is None:
            raise Refusal(ErrorCode.ENTER_FIRST)
        claims = self.verifier.verify(message.grant, int(unix))
        if (claims.app, RoomId(claims.room.kind, claims.room.id)) != line.room or claims.sub != line.user:
            raise Refusal(ErrorCode.GRANT_NOT_FOR_US)
        self._rooms[line.room].renew(line, claims.exp)

    def gone(self, line: Line, now: float, reason: wire.LeftReason) -> None:
        """A line ended. Nothing happens for one that is no member."""
        if line.room is None:
            return
        room = self._rooms[line.room]
        room.leave(now, line, reason)
        self._deliver(room)
        if not room.members:
            del self._rooms[line.room]
        line.room = None

    def remove(self, app: int, room_id: RoomId, user: str, now: float) -> None:
        """The customer's backend ends a membership, at once. Raises `Refusal(member_unknown)` if there is none."""
        room = self._rooms.get((app, room_id))
        line = room.line_of(user) if room else None
        if line is None:
            raise Refusal(ErrorCode.MEMBER_UNKNOWN)
        self.gone(line, now, wire.LeftReason.REMOVED)
        line.close(ErrorCode.GRANT_EXPIRED)

    def deadline(self) -> float | None:
        """When `on_deadline` wants to be called."""
        return min(
            (due for room in self._rooms.values() if (due := room.deadline()) is not None), default=None
        )

    def on_deadline(self, now: float) -> None:
        """Does what is due in every room."""
        for key, room in list(self._rooms.items()):
            expired = room.on_deadline(now)
            self._deliver(room)
            for line in expired:
                line.room = None
                line.close(ErrorCode.GRANT_EXPIRED)
            if not room.members:
                del self._rooms[key]

    def _deliver(self, room: Room[Line]) -> None:
        for line, text in room.take_messages():
            line.send(text)


def _point(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except ValueError as error:
        raise Refusal(ErrorCode.MEMBER_KEY_INVALID) from error

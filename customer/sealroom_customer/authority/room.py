# SPDX-License-Identifier: Apache-2.0
"""One room of the authority, without I/O and without a clock: who is a member, which secret is in force, what is said to whom.

Time is an argument, in seconds of a monotonic clock; Unix time only where it is written into a message or read from a
grant. **After each call send what `take_messages` gives, in its order, and call `on_deadline` when `deadline` has come.**
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from sealroom_customer.authority import hpke
from sealroom_customer.authority.schedule import LAST_INDEX, LAST_STEP, SUITES, RoomContext
from sealroom_wire import authority as wire
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId
from sealroom_wire.limits import MAX_SEALED_MEMBERS

JOIN_WINDOW = 0.2
"""Joins within this time share a step. Longer saves signatures in a storm and makes a newcomer wait."""
LEAVE_WINDOW = 1.0
"""At most one epoch per this time for leaves and lost lines. Longer lets a leaver read on for as long."""
EPOCH_LIFE = 600.0
"""A new epoch at the latest after this time, so that a stolen secret is of use for no longer."""

Line = TypeVar("Line")
Sign = Callable[[bytes], bytes]
Random = Callable[[int], bytes]


@dataclass(slots=True)
class _Member(Generic[Line]):
    line: Line
    entry: wire.Member
    key: EllipticCurvePublicKey
    expires: int
    """Unix seconds; then the grant is over."""
    fresh: bool = True
    """Not yet announced: has not got its snapshot."""


@dataclass(slots=True)
class Room(Generic[Line]):
    """A room in one life of the authority. `Line` names a device's connection."""

    app: int
    room: RoomId
    suite: int
    sign: Sign = field(repr=False)
    random: Random = field(default=secrets.token_bytes, repr=False)
    epoch: int = 0
    step: int = 0
    _context: RoomContext = field(init=False, repr=False)
    _place: wire.Place = field(init=False, repr=False)
    _secret: bytes = field(default=b"", init=False, repr=False)
    _head: str = field(default=wire.ZERO_HEAD, init=False)
    _members: dict[int, _Member[Line]] = field(default_factory=dict, init=False, repr=False)
    _by_line: dict[Line, int] = field(default_factory=dict, init=False, repr=False)
    _next_index: int = field(default=0, init=False)
    _left: list[wire.Departure] = field(default_factory=list, init=False)
    _urgent: bool = field(default=False, init=False)
    _last_change: float = field(default=float("-inf"), init=False)
    _epoch_began: float = field(default=float("-inf"), init=False)
    _clock_offset: float = field(default=0.0, init=False)
    _out: list[tuple[Line, str]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self._begin_instance()

    def _begin_instance(self) -> None:
        instance = self.random(16)
        self._context = RoomContext(SUITES[self.suite], self.app, self.room, instance)
        self._place = wire.Place(self.app, self.room.kind, self.room.id, _b64u(instance))

    @property
    def members(self) -> list[wire.Member]:
        """The roster as it stands, newcomers that wait for their step included."""
        return [member.entry for member in self._members.values()]

    def join(
        self, now: float, unix: float, line: Line, user: str, role: wire.MemberRole, key: bytes, expires: int
    ) -> int:
        """Admits a device whose grant was verified; an older line of the same user is replaced. Returns the index.

        Raises:
            Refusal: the room is full, out of indices, or the member key is not on the curve.
        """
        self._clock_offset = unix - now
        point = hpke.public_key(key)
        earlier = [index for index, member in self._members.items() if member.entry.user == user]
        if len(self._members) - len(earlier) >= MAX_SEALED_MEMBERS or self._next_index > LAST_INDEX:
            raise Refusal(ErrorCode.ROOM_FULL)
        for index in earlier:
            self._drop(index, wire.LeftReason.REPLACED, urgent=True)
        index, self._next_index = self._next_index, self._next_index + 1
        entry = wire.Member(index, user, role, _b64u(key), int(unix))
        self._members[index] = _Member(line, entry, point, expires)
        self._by_line[line] = index
        self._settle(now)
        return index

    def renew(self, line: Line, expires: int) -> None:
        """A later grant of the member on `line` was verified."""
        if (index := self._by_line.get(line)) is not None:
            self._members[index].expires = expires

    def leave(self, now: float, line: Line, reason: wire.LeftReason) -> None:
        """The device on `line` is gone; a removal takes effect at once. Nothing happens for a line that is no member."""
        index = self._by_line.get(line)
        if index is None:
            return
        self._drop(index, reason, urgent=reason in {wire.LeftReason.REMOVED, wire.LeftReason.EXPIRED})
        self._settle(now)

    def line_of(self, user: str) -> Line | None:
        """The line on which a user is a member."""
        return next((member.line for member in self._members.values() if member.entry.user == user), None)

    def deadline(self) -> float | None:
        """When `on_deadline` wants to be called; None for an empty room."""
        if not self._members:
            return None
        due = [self._epoch_began + EPOCH_LIFE]
        due += [member.expires - self._clock_offset for member in self._members.values()]
        if self._left:
            due.append(self._epoch_began + LEAVE_WINDOW)
        if any(member.fresh for member in self._members.values()):
            due.append(self._last_change + JOIN_WINDOW)
        return min(due)

    def on_deadline(self, now: float) -> list[Line]:
        """Does what is due. Returns the lines whose grants have expired: they are to be closed."""
        over = [
            index for index, member in self._members.items() if member.expires - self._clock_offset <= now
        ]
        lines = [self._members[index].line for index in over]
        for index in over:
            self._drop(index, wire.LeftReason.EXPIRED, urgent=True)
        self._settle(now)
        return lines

    def take_messages(self) -> list[tuple[Line, str]]:
        """Everything to be sent since the last call, in order."""
        out, self._out = self._out, []
        return out

    def _drop(self, index: int, reason: wire.LeftReason, *, urgent: bool) -> None:
        member = self._members.pop(index)
        del self._by_line[member.line]
        if member.fresh:
            return  # nobody has heard of it
        self._left.append(wire.Departure(index, reason))
        self._urgent = self._urgent or urgent

    def _settle(self, now: float) -> None:
        """Begins an epoch or a step if something waits for it and its window allows."""
        if not self._members:
            self._empty()
            return
        fresh = any(member.fresh for member in self._members.values())
        first = not self._secret
        leave_due = bool(self._left) and (self._urgent or now >= self._epoch_began + LEAVE_WINDOW)
        join_due = fresh and (first or now >= self._last_change + JOIN_WINDOW)
        timer_due = not first and now >= self._epoch_began + EPOCH_LIFE
        if first or leave_due or timer_due or (join_due and (self._left or self.step == LAST_STEP)):
            self._begin_epoch(now)
        elif join_due:
            self._begin_step(now)

    def _empty(self) -> None:
        """The last member is gone: nothing of the room is kept, and who comes next gets another instance."""
        if self._secret or self._left:
            self._secret, self._head = b"", wire.ZERO_HEAD
            self._left, self._urgent, self._next_index, self.epoch, self.step = [], False, 0, 0, 0
            self._last_change = self._epoch_began = float("-inf")
            self._begin_instance()

    def _begin_epoch(self, now: float) -> None:
        removal = any(
            gone.reason in {wire.LeftReason.REMOVED, wire.LeftReason.EXPIRED} for gone in self._left
        )
        reason = wire.SecretReason.TIMER
        if self._left:
            reason = wire.SecretReason.REMOVAL if removal else wire.SecretReason.LEAVE
        self.epoch, self.step = self.epoch + 1, 0
        self._secret = self._context.first_secret(self.epoch, self.random(self._context.suite.secret_length))
        self._epoch_began = now
        stayers = self._announce(now)
        for member in stayers:
            self._send_secret(member, reason)

    def _begin_step(self, now: float) -> None:
        self.step += 1
        self._secret = self._context.next_secret(self._secret)
        self._announce(now)

    def _announce(self, now: float) -> list[_Member[Line]]:
        """Tells the change to those who are there, and everything to newcomers. Returns those who are there."""
        newcomers = [member for member in self._members.values() if member.fresh]
        stayers = [member for member in self._members.values() if not member.fresh]
        joined = tuple(member.entry for member in newcomers)
        text = _text(wire.Change(self._place, self.epoch, self.step, joined, tuple(self._left), self._head))
        signed = self._signed(text)
        self._head = _b64u(hashlib.sha256(text.encode()).digest())
        self._left, self._urgent, self._last_change = [], False, now
        for member in stayers:
            self._out.append((member.line, signed))
        for member in newcomers:
            member.fresh = False
            snapshot = wire.Snapshot(
                self._place,
                self.epoch,
                self.step,
                self.suite,
                member.entry.index,
                tuple(self.members),
                self._head,
            )
            self._out.append((member.line, self._signed(_text(snapshot))))
            self._send_secret(member, wire.SecretReason.JOIN)
        return stayers

    def _send_secret(self, member: _Member[Line], reason: wire.SecretReason) -> None:
        index = member.entry.index
        info = self._context.hpke_info(self.epoch, self.step, index)
        enc, ciphertext = hpke.seal(self._secret, member.key, info)
        body = wire.Secret(
            self._place, self.epoch, self.step, index, reason, _b64u(enc), _b64u(ciphertext), self._head
        )
        self._out.append((member.line, self._signed(_text(body))))

    def _signed(self, body: str) -> str:
        signature = self.sign(wire.SIGNATURE_PREFIX + body.encode())
        return msgspec.json.encode(wire.Signed(body, _b64u(signature))).decode()


def _text(body: wire.SignedBody) -> str:
    return msgspec.json.encode(body).decode()


def _b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

# SPDX-License-Identifier: Apache-2.0
"""Media of a call as in `call.py`, but through the operator's engine: each member is a `str0m` client that is answered, connects and is
forwarded to."""

from collections import Counter
from typing import Literal

from tests.virtual.account import Account
from tests.virtual.phone import Phone
from tests.virtual.room import VirtualRoom

_RTP_TICKS = 960


class Stack:
    """Members' media through an engine, with the face of `sealroom_sim.Mesh`."""

    def __init__(self, seed: int) -> None:
        self.room = VirtualRoom(seed, jitter_ms=15)
        self._world = self.room.world
        self._sent: Counter[int] = Counter()

    def add(self) -> int:
        return self.room.enter(dtls="1.2")

    def set_link(self, _source: int, _to: int, _delay_ms: int, _jitter_ms: int) -> None:
        """The way leads through the engine, which delays by itself."""

    def set_room(
        self, member: int, suite: int, app: int, kind: Literal["number", "string"], room: str, instance: bytes, index: int
    ) -> None:  # fmt: skip
        self._world.enter_room(member, suite, app, kind, room, instance, index)

    def add_secret(
        self, member: int, epoch: int, step: int, secret: bytes, after_removal: bool, use_after_ms: int
    ) -> bool:
        return self._world.add_secret(member, epoch, step, secret, after_removal, use_after_ms)

    def step(self, member: int, epoch: int, step: int) -> bool:
        return self._world.step(member, epoch, step)

    def talk(self, member: int) -> tuple[int, bytes] | None:
        """What was sealed is not told here."""
        number = self._sent[member]
        frame = body(member, number)
        if not self._world.send(member, "audio", frame, number * _RTP_TICKS):
            return None
        self._sent[member] += 1
        return number, b""

    def run_to(self, milliseconds: float) -> list[tuple[float, int, int, int, int, str]]:
        behind = milliseconds - self._world.now * 1_000
        if behind >= 1:
            self._world.run(int(behind))
        return [
            (milliseconds, receiver, event[6][0], int.from_bytes(event[6][1:5], "big"), event[2], "")
            for receiver in range(len(self.room.members))
            for event in self._world.client_events(receiver)
            if event[0] == "frame"
        ]


def body(member: int, number: int) -> bytes:
    """A frame of one packet that says whose and which it is."""
    return bytes([member, *number.to_bytes(4, "big")]) * 8


class StackAccount(Account):
    """Knows no header of what was sealed, and so judges only what opened: names, and who was a member."""

    def sent(self, phone: Phone, number: int, sealed: bytes) -> None:
        """Nothing to be judged."""

    def came(self, at: float, receiver: int, sender: int, number: int, index: int, reason: str) -> None:
        to, source = self._stories[receiver].phone, self._stories[sender].phone
        member = to.membership.member_at(index)
        if member is not None and member.user != source.user:
            self._breach(f"a frame of {source.user} opened as one of {member.user}")
        if member is not None:
            self.opened[receiver, sender] += 1

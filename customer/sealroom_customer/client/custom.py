# SPDX-License-Identifier: Apache-2.0
"""Custom messages of a member: sealed as frames of the track `data` (`protocol/sealing.md` section 10).

**Whose a message is says the key id through the signed roster, never the operator**; where the two differ it is refused.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sealroom_customer.client.events import CustomMessage, FrameRefused
from sealroom_wire.authority import Member, MemberRole
from sealroom_wire.base64url import b64u, from_b64u
from sealroom_wire.custom import CustomBody, read_custom, write_custom
from sealroom_wire.errors import Refusal
from sealroom_wire.frame_header import read_frame_header, read_key_id

WAIT_SECONDS = 0.3
WAITING_MESSAGES = 32
"""What came before its key waits so long and so many, as media does."""


class CustomCipher(Protocol):
    """Where messages are sealed and opened: the native core."""

    def seal_custom(self, body: bytes) -> bytes | None:
        """The sealed body; None before the first secret."""

    def open_custom(self, frame: bytes) -> tuple[int, bytes] | str:
        """(index, body), or why it did not open."""


class Roster(Protocol):
    """Who is a member."""

    def member_at(self, index: int) -> Member | None:
        """The member at a place of the roster."""


@dataclass(slots=True)
class _Waiting:
    user: str
    frame: bytes = field(repr=False)
    until: float


class CustomMessages:
    """What one member sends and is sent."""

    def __init__(
        self,
        user: str,
        cipher: CustomCipher,
        roster: Roster,
        tell: Callable[[CustomMessage | FrameRefused], None],
    ) -> None:
        self._user, self._cipher, self._roster, self._tell = user, cipher, roster, tell
        self.refused: Counter[str] = Counter()
        """Messages that were not told, by reason."""
        self._sequences: Counter[int] = Counter()
        self._waiting: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None

    def seal(self, command: int, data: bytes) -> str | None:
        """A message as it goes to the operator; None before the first secret. Raises `Refusal` for what may not be sent."""
        sequence = (self._sequences[command] + 1) % 2**32
        frame = self._cipher.seal_custom(write_custom(CustomBody(command, sequence, data)))
        if frame is None:
            return None
        self._sequences[command] = sequence
        return b64u(frame)

    def take(self, user: str, text: str) -> None:
        """A message that the operator says is of `user`: told, refused, or kept for a moment until its key is here."""
        try:
            frame = from_b64u(text)
        except ValueError:
            self._refuse("malformed")
            return
        self._judge(_Waiting(user, frame, asyncio.get_running_loop().time() + WAIT_SECONDS))

    def retry(self) -> None:
        """Keys or roster changed, or time has passed: what waits is tried again, in the order it came."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            self._judge(one)

    def close(self) -> None:
        """Forgets what waits."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _judge(self, one: _Waiting) -> None:
        found = self._open(one)
        if isinstance(found, CustomMessage):
            self._tell(found)
            return
        reason, may_come = found
        loop = asyncio.get_running_loop()
        if may_come and loop.time() < one.until and len(self._waiting) < WAITING_MESSAGES:
            self._waiting.append(one)
            self._wake_at(loop, self._waiting[0].until)
        else:
            self._refuse(reason)

    def _refuse(self, reason: str) -> None:
        self.refused[reason] += 1
        self._tell(FrameRefused(reason))

    def _wake_at(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(when, self.retry)

    def _open(self, one: _Waiting) -> CustomMessage | tuple[str, bool]:
        """The message, or why not and whether that may change."""
        sender = self._sender(one.frame)
        if sender is None:
            return "wrong_sender", True
        if isinstance(sender, Member) and self._is_other(sender, one.user):
            return "wrong_sender", False
        opened = self._cipher.open_custom(one.frame)
        if isinstance(opened, str):
            return opened, opened == "no_key"
        try:
            body = read_custom(opened[1])
        except Refusal:
            return "malformed", False
        return CustomMessage(one.user, body.command, body.sequence, body.data)

    def _is_other(self, sender: Member, said: str) -> bool:
        """Whether it is not of whom the operator says, of one who may not send, or a message of ours that comes back."""
        return sender.user != said or sender.role is not MemberRole.PUBLISH or sender.user == self._user

    def _sender(self, frame: bytes) -> Member | str | None:
        """Who it claims to be from; None if that is nobody yet, a reason if the header says nothing."""
        try:
            index = read_key_id(read_frame_header(frame).key_id).index
        except ValueError:
            return "unreadable"
        return self._roster.member_at(index)

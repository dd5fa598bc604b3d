# SPDX-License-Identifier: Apache-2.0
"""What was refused to somebody in a call, on its way to whoever keeps the call's events: bounded, and yet nothing uncounted."""

from typing import Protocol

from sealroom.core.clock import Clock
from sealroom.rooms.state import Participant
from sealroom.signalling import limits
from sealroom_wire.errors import ErrorCode, Refusal


class RefusalListener(Protocol):
    """Is told what was refused in calls."""

    def on_refusal(self, participant: Participant, code: ErrorCode, count: int) -> None:
        """The participant was refused something, with that code; `count` refusals since he was told of last. Must not wait or raise."""


class Refusals:
    """Of one participant's line. **Whoever asks for what he cannot have, over and over, makes few events**: they say how many they stand for."""

    def __init__(self, participant: Participant, listener: RefusalListener | None, clock: Clock) -> None:
        self._participant, self._listener = participant, listener
        self._events = limits.Bucket(limits.REFUSALS_PER_SECOND, limits.REFUSAL_BURST, clock)
        self._last: ErrorCode | None = None
        self._count = 0

    def note(self, code: ErrorCode) -> None:
        """This was refused now."""
        if self._participant.gone:
            return
        self._last, self._count = code, self._count + 1
        try:
            self._events.take()
        except Refusal:
            return
        self.settle()

    def settle(self) -> None:
        """Tells what was not told for being too much: the line is at its end."""
        if self._listener is not None and self._last is not None:
            self._listener.on_refusal(self._participant, self._last, self._count)
        self._last, self._count = None, 0

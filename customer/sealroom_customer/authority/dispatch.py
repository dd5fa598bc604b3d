# SPDX-License-Identifier: Apache-2.0
"""Brings what rooms say to their lines, in order, without holding up everybody else.

A new epoch is one letter for each member, sealed to its key and signed: for 500 members some 100 ms of work. It is done in slices,
between which the loop serves every other line. **What a room says goes out in the order in which it was said**: while letters of a
room wait, everything else it says waits behind them. Rooms take turns.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from sealroom_customer.authority.exchange import Hang, LineId, Output, Post
from sealroom_customer.authority.room import Room
from sealroom_customer.clock import Clock

SLICE = 16
"""Letters written in one turn of the loop: some 4 ms. More gets an epoch out sooner, fewer lets others wait less."""


class Outlet(Protocol):
    """The sending half of a line."""

    def post(self, text: str) -> None:
        """Sends, in order, without waiting."""

    def hang_up(self) -> None:
        """Closes after what was posted."""


class Dispatch:
    """What waits to be written and sent, room by room."""

    def __init__(
        self, clock: Clock, outlet: Callable[[LineId], Outlet | None], hung_up: Callable[[LineId], None]
    ) -> None:
        """`outlet` finds a line that is there; `hung_up` is told of each that was ended."""
        self._clock = clock
        self._outlet = outlet
        self._hung_up = hung_up
        self._waiting: dict[Room, deque[Output]] = {}
        """In the order of their turns."""

    def send(self, room: Room) -> None:
        """Takes what the room says. The first slice goes out at once."""
        outputs = room.take()
        waiting = self._waiting.get(room)
        if waiting is not None:
            waiting.extend(outputs)
            return
        fresh = deque(outputs)
        self._slice(room, fresh)
        if fresh:
            if not self._waiting:
                self._clock.call_later(0, self._turn)
            self._waiting[room] = fresh

    def _turn(self) -> None:
        room = next(iter(self._waiting))
        waiting = self._waiting.pop(room)
        self._slice(room, waiting)
        if waiting:
            self._waiting[room] = waiting
        if self._waiting:
            self._clock.call_later(0, self._turn)

    def _slice(self, room: Room, waiting: deque[Output]) -> None:
        left = SLICE
        while waiting and left:
            output = waiting.popleft()
            outlet = self._outlet(output.line)
            if outlet is None:
                continue
            if isinstance(output, Post):
                outlet.post(output.text)
            elif isinstance(output, Hang):
                self._hung_up(output.line)
                outlet.hang_up()
            elif (text := room.write(output)) is not None:
                left -= 1
                outlet.post(text)

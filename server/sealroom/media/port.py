# SPDX-License-Identifier: Apache-2.0
"""The engine as rooms see it: `engine.MediaEngine` is one, the tests have another that keeps the same rules."""

from collections.abc import Iterable
from typing import Protocol

from sealroom.media import control
from sealroom.media.measures import RoomMeasures
from sealroom.media.session import Session
from sealroom_wire.signalling import Track


class EngineFailure(Exception):  # noqa: N818 - what the engine calls it
    """A command was not done. `code` is stable; the text says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Engine(Protocol):
    """Commands to the engine. Each is queued when it is called, and raises `EngineFailure` where it is not done."""

    async def add_room(self, room: int, *, sealing_required: bool) -> None:
        """Opens a room."""

    async def close_room(self, room: int) -> None:
        """Closes a room and every peer in it."""

    async def add_peer(self, room: int, peer: int, session: Session, *, muted: Iterable[Track] = ()) -> None:
        """Lets a peer into a room; its datagrams are taken when this returns. Nothing is forwarded of what begins `muted`."""

    async def update_peer(self, peer: int, session: Session) -> None:
        """Gives a peer its new session: more slots, or new ICE credentials."""

    async def remove_peer(self, peer: int) -> None:
        """Ends a peer."""

    async def bind(self, peer: int, bindings: tuple[control.SlotBinding, ...]) -> None:
        """Binds video slots of a subscriber."""

    async def set_rights(self, peer: int, rights: int) -> None:
        """Changes what a peer may do, from the next packet on. `rights`: bits of a PrivateMapKey."""

    async def set_muted(self, peer: int, track: Track, *, muted: bool) -> None:
        """Stops or resumes the forwarding of a track."""

    async def request_key_frame(self, peer: int, slot: int) -> None:
        """Asks the publisher shown in a slot for a key frame."""

    async def record(self, room: int) -> control.RoomRecord:
        """What was counted and seen of one room."""

    async def measures(self, room: int) -> RoomMeasures:
        """What is measured of the peers of one room, taken at one moment."""

    async def all_measures(self) -> tuple[RoomMeasures, ...]:
        """The same of every room. Cheap enough to ask every 2 s."""

    async def stats(self) -> control.Stats:
        """All counters."""

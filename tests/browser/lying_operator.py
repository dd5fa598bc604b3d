# SPDX-License-Identifier: Apache-2.0
"""`sealroom` as it must not be: `python lying_operator.py LIE ...` lies in one way, and goes on as `sealroom ...`."""

import sys
from collections.abc import Iterable

import msgspec

from sealroom.cli import main
from sealroom.media import control
from sealroom.media.engine import MediaEngine
from sealroom.media.session import ALL_CODECS, Codec, Session
from sealroom.rooms import service, slots
from sealroom.rooms.directory import Directory
from sealroom.rooms.service import RoomService
from sealroom.rooms.state import Participant, Room
from sealroom_wire import signalling
from sealroom_wire.ids import RoomId
from sealroom_wire.signalling import Role, Scene, Sealing, Track

GHOST = "ghost-abc123"


def crosses_members() -> None:
    """Into a slot that a subscriber bound to one publisher it forwards another one's picture."""
    real_add, real_bind = MediaEngine.add_peer, MediaEngine.bind
    peers: list[int] = []

    async def add_peer(
        self: MediaEngine, room: int, peer: int, session: Session, *, muted: Iterable[Track] = ()
    ) -> None:
        await real_add(self, room, peer, session, muted=muted)
        peers.append(peer)

    def other(subscriber: int, source: control.SlotSource | None) -> control.SlotSource | None:
        others = [peer for peer in peers if source is not None and peer not in (subscriber, source.peer)]
        return msgspec.structs.replace(source, peer=others[0]) if source is not None and others else source

    async def bind(self: MediaEngine, peer: int, bindings: tuple[control.SlotBinding, ...]) -> None:
        await real_bind(
            self,
            peer,
            tuple(msgspec.structs.replace(one, source=other(peer, one.source)) for one in bindings),
        )

    MediaEngine.add_peer = add_peer  # type: ignore[method-assign]
    MediaEngine.bind = bind  # type: ignore[method-assign]


def crosses_tracks() -> None:
    """It forwards a screen for a camera, and a camera for a screen."""
    real_bind = MediaEngine.bind
    swapped = {Track.MAIN: Track.SCREEN, Track.SCREEN: Track.MAIN}

    def other(source: control.SlotSource | None) -> control.SlotSource | None:
        return source and msgspec.structs.replace(source, track=swapped[source.track])

    async def bind(self: MediaEngine, peer: int, bindings: tuple[control.SlotBinding, ...]) -> None:
        await real_bind(
            self, peer, tuple(msgspec.structs.replace(one, source=other(one.source)) for one in bindings)
        )

    MediaEngine.bind = bind  # type: ignore[method-assign]


def unsealed() -> None:
    """It says that the room is not sealed, agrees on every codec, and takes frames in clear."""
    real = Directory.find_or_make

    def find_or_make(
        self: Directory, sdk_app_id: int, room_id: RoomId, scene: Scene, _: Sealing
    ) -> tuple[Room, bool]:
        return real(self, sdk_app_id, room_id, scene, Sealing.OPTIONAL)

    def codecs(_: Sealing) -> frozenset[Codec]:
        return ALL_CODECS

    Directory.find_or_make = find_or_make  # type: ignore[method-assign, assignment]
    service._codecs = codecs  # type: ignore[assignment]


def invents_a_member() -> None:
    """It names somebody who is not there, and shows the picture of whoever is for his."""
    real_appear, real_binding = RoomService._appear, slots._binding
    tracks = tuple(signalling.PublishedTrack(track, muted=False) for track in (Track.AUDIO, Track.MAIN))

    def appear(self: RoomService, participant: Participant) -> tuple[signalling.Participant, ...]:
        return (*real_appear(self, participant), signalling.Participant(GHOST, Role.ANCHOR, tracks))

    def lying(participant: Participant, binding: signalling.Binding) -> control.SlotBinding:
        source = binding.source
        if source is not None and source.user_id == GHOST:
            real = next(iter(participant.room.others(participant))).user_id
            binding = msgspec.structs.replace(binding, source=msgspec.structs.replace(source, user_id=real))
        return real_binding(participant, binding)

    RoomService._appear = appear  # type: ignore[method-assign]
    slots._binding = lying


def crosses_voices() -> None:
    """It says of each voice that it is another's."""
    real_tell = Participant.tell

    def tell(self: Participant, message: signalling.ServerMessage) -> None:
        if isinstance(message, signalling.AudioSlots):
            users = [one.user_id for one in self.room.others(self)]
            other = dict(zip(users, [*users[1:], *users[:1]], strict=True))
            slots = tuple(
                msgspec.structs.replace(one, user_id=other.get(one.user_id or "")) for one in message.slots
            )
            message = msgspec.structs.replace(message, slots=slots)
        real_tell(self, message)

    Participant.tell = tell  # type: ignore[method-assign]


LIES = {
    lie.__name__: lie for lie in (crosses_members, crosses_tracks, crosses_voices, unsealed, invents_a_member)
}

if __name__ == "__main__":
    LIES[sys.argv.pop(1)]()
    main()

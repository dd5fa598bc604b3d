# SPDX-License-Identifier: Apache-2.0
"""A sealed room on a virtual network: the real answerer, the real engine, clients on `str0m`."""

import random
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from sealroom_sim import World

from sealroom.core.ids import Ids
from sealroom.media import control
from sealroom.media.sdp.answer import Agreement, Server, answer_again, answer_first
from sealroom.media.session import SEALABLE_CODECS
from sealroom_wire.signalling import Track
from tests.browser import dump
from tests.one_body import Witness

ALL_RIGHTS = 255
ROOM = 1
AUDIO_SLOTS = 3
FRAME_MS = 20
KEY_FRAME_EVERY = 10

_EVENTS = msgspec.json.Decoder(control.Event)


def video(sender: int, number: int) -> bytes:
    """A frame of three packets; every tenth claims to be a key frame."""
    first = 0x10 if number % KEY_FRAME_EVERY == 0 else 0x11
    return bytes([first, *((sender * 31 + number * 7 + place) % 256 for place in range(2_500))])


def audio(sender: int, number: int) -> bytes:
    """A frame of one packet."""
    return bytes([sender, number % 256] * 30)


@dataclass
class Member:
    """What a client did so far."""

    agreement: Agreement
    connected: bool = False
    closed: bool = False
    opened: dict[tuple[int, str], list[bytes]] = field(default_factory=dict)
    refused: int = 0
    asked: int = 0
    """Key frames asked of it."""


class VirtualRoom:
    """A room; a member's number is its place in the roster, and one less than its peer's."""

    def __init__(self, seed: int, *, loss: int = 0, jitter_ms: int = 0) -> None:
        self.world = World(seed, loss=loss, jitter_ms=jitter_ms)
        self.ids = Ids(random.Random(seed))
        self.members: list[Member] = []
        self.said: list[control.Event] = []
        self.witness = Witness()
        self.token = 0
        self.order(control.AddRoom(self._next(), ROOM, sealing_required=True))

    def join(
        self, *, dtls: Literal["1.2", "1.3"] = "1.2", rights: int = ALL_RIGHTS, index: int | None = None
    ) -> int:
        """A client that has been answered and has the room's secret. `index` is another place in the roster than its number."""
        number = self.enter(dtls=dtls, rights=rights)
        self.world.set_room(number, "virtual", number if index is None else index)
        assert self.world.add_secret(number, 1, 0, bytes([5] * 64), after_removal=False, use_after_ms=0)
        return number

    def enter(self, *, dtls: Literal["1.2", "1.3"] = "1.2", rights: int = ALL_RIGHTS) -> int:
        """A client that has been answered, and has no secret."""
        world = self.world
        number = world.add_client(audio_slots=AUDIO_SLOTS, video_slots=4, dtls=dtls)
        tracks = {mid: Track(track) for mid, track in world.sends(number)}
        agreement = answer_first(
            world.offer(number), tracks, rights=rights, codecs=SEALABLE_CODECS, server=self._server(dtls), ids=self.ids
        )  # fmt: skip
        self.order(control.AddPeer(self._next(), ROOM, number + 1, agreement.session.encoded()))
        world.accept(number, agreement.sdp)
        self.members.append(Member(agreement))
        return number

    def restart_ice(self, number: int) -> None:
        """The client changes its network."""
        member = self.members[number]
        self.world.restart_ice(number)
        member.agreement = answer_again(
            self.world.offer(number), member.agreement, codecs=SEALABLE_CODECS, server=self._server("1.2"), ids=self.ids
        )  # fmt: skip
        self.order(control.UpdatePeer(self._next(), number + 1, member.agreement.session.encoded()))
        self.world.accept(number, member.agreement.sdp)

    def bind(self, to: int, source: int, place: int = 0) -> None:
        """Shows `to` the camera of `source` in its video slot `place`."""
        self.forward(to, source, place)
        self.world.bind(to, AUDIO_SLOTS + place, source, "main")

    def forward(self, to: int, source: int, place: int = 0) -> None:
        """Lets the engine forward the camera of `source`, whatever `to` has bound its slot to."""
        slot = AUDIO_SLOTS + place
        binding = control.SlotBinding(slot, 1, control.SlotSource(source + 1, Track.MAIN, 0))
        self.order(control.Bind(self._next(), to + 1, (binding,)))

    def remove(self, number: int) -> None:
        """The operator ends a peer."""
        self.order(control.RemovePeer(self._next(), number + 1))

    def order(self, command: control.Command) -> None:
        """Gives the engine a command."""
        self.world.command(command.encode())

    def run(self, milliseconds: int) -> None:
        """Lets time pass and notes what came of it."""
        self.world.run(milliseconds)
        self.witness.watch(dump.records(self.world.forwarded()))
        self.said += [_EVENTS.decode(event) for event in self.world.events()]
        for number, member in enumerate(self.members):
            for event in self.world.client_events(number):
                match event:
                    case ("connected",):
                        member.connected = True
                    case ("closed", _):
                        member.closed = True
                    case ("key_frame", _, _):
                        member.asked += 1
                    case ("refused", _, _):
                        member.refused += 1
                    case ("frame", _, index, track, _, _, data):
                        member.opened.setdefault((index, track), []).append(data)

    def talk(self, frames: int) -> None:
        """Everybody sends a picture and a sound each 20 ms, numbered from 0."""
        for number in range(frames):
            for sender in range(len(self.members)):
                self.world.send(sender, "main", video(sender, number), number * 1_800)
                self.world.send(sender, "audio", audio(sender, number), number * 960)
            self.run(FRAME_MS)

    def opened(self, at: int, source: int, track: str = "main") -> list[bytes]:
        """The bodies of `source` that opened at `at`."""
        return self.members[at].opened.get((source, track), [])

    def failures(self) -> list[control.Failure]:
        """Commands that were not done."""
        return [event.error for event in self.said if isinstance(event, control.Result) and event.error]

    def _server(self, dtls: Literal["1.2", "1.3"]) -> Server:
        return Server(self.world.fingerprint, (self.world.address,), dtls)

    def _next(self) -> int:
        self.token += 1
        return self.token

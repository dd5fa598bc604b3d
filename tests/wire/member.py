# SPDX-License-Identifier: Apache-2.0
"""A member made by hand from the client core: says on the signalling line what a test wants said, and pushes media regardless."""

import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from sealroom_customer.client import _native
from sealroom_wire import PROTOCOL_VERSION, signalling
from sealroom_wire.ids import room_string
from sealroom_wire.usersig import Privilege, sign_private_map_key, sign_user_sig

ROOM = "rights"
SECRET = bytes(range(64))
"""The room's secret, the same for all members of a test: keys are not what is tested here."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application of the operator under test."""

    endpoint: str
    sdk_app_id: int
    secret_key: str


def from_address(address: str | None) -> dict[str, Any]:
    """What `connect` takes so that a line comes from there: on Linux any of 127.0.0.0/8 is this machine's."""
    return {} if address is None else {"local_addr": (address, 0)}


@dataclass
class Member:
    """One member in the room."""

    user: str
    index: int
    core: _native.Client
    line: ClientConnection
    slots: tuple[signalling.ReceiveSlot, ...]
    heard: list[signalling.ServerMessage] = field(default_factory=list)
    received: Counter[str] = field(default_factory=Counter)
    last_id: int = 1

    @classmethod
    async def enter(
        cls, application: Application, user: str, index: int, rights: Privilege, *, room: str = ROOM,
        client: signalling.ClientInfo | None = None, takes: tuple[signalling.Takes, ...] = (), headers: dict[str, str] | None = None,
        address: str | None = None,
    ) -> "Member | signalling.Refused":  # fmt: skip
        """Enters with these rights, from a local `address` where one is given; returns the refusal if there is one."""
        core = _native.Client()
        query = "&".join(f"takes={one.value}" for one in takes)
        line = await connect(
            f"{application.endpoint}?{query}", additional_headers=headers, **from_address(address)
        )
        now = int(time.time())
        common: dict[str, Any] = {
            "secret_key": application.secret_key, "sdk_app_id": application.sdk_app_id, "user_id": user,
            "issued_at": now, "expire": 300,
        }  # fmt: skip
        message = signalling.Enter(
            id=1, version=PROTOCOL_VERSION, sdk_app_id=application.sdk_app_id, user_id=user,
            user_sig=sign_user_sig(**common), str_room_id=room, sdp=core.offer(),
            private_map_key=sign_private_map_key(room=room_string(room), privileges=rights, **common),
            sends=tuple(signalling.SendSection(mid, signalling.Track(track)) for mid, track in core.sends()),
            client=client or signalling.ClientInfo(),
        )  # fmt: skip
        await line.send(msgspec.json.encode(message).decode())
        answer = msgspec.json.decode(await line.recv(), type=signalling.ServerMessage)
        if isinstance(answer, signalling.Refused):
            core.close()
            await line.close()
            return answer
        assert isinstance(answer, signalling.Entered)
        core.accept(answer.sdp)
        core.set_room(5, application.sdk_app_id, "string", room, bytes(16), index)
        core.add_secret(1, 0, SECRET, False, 0)
        return cls(user, index, core, line, answer.slots)

    async def connected(self) -> None:
        """Waits until media may flow."""
        async with asyncio.timeout(20):
            while not any(event[0] == "connected" for event in self.core.drain()):  # noqa: ASYNC110 - events are polled
                await asyncio.sleep(0.01)

    async def ask(self, message: signalling.ClientMessage) -> signalling.ServerMessage:
        """Sends a request and returns its answer; what the server says meanwhile is kept in `heard`."""
        await self.line.send(msgspec.json.encode(message).decode())
        async with asyncio.timeout(10):
            while True:
                said: signalling.ServerMessage = msgspec.json.decode(
                    await self.line.recv(), type=signalling.ServerMessage
                )
                if getattr(said, "id", None) == message.id:
                    return said
                self.heard.append(said)

    def number(self) -> int:
        """The id of the next request."""
        self.last_id += 1
        return self.last_id

    async def publish(self, track: signalling.Track) -> signalling.ServerMessage:
        """Announces a track."""
        return await self.ask(signalling.Publish(id=self.number(), track=track))

    async def bind(self, other: "Member", track: signalling.Track, place: int) -> signalling.ServerMessage:
        """Binds the video slot at `place` to another member's track."""
        slot = [slot for slot in self.slots if slot.kind is signalling.SlotKind.VIDEO][place]
        self.core.bind(slot.slot, other.index, track.value)
        binding = signalling.Binding(slot.slot, 1, signalling.Source(other.user, track))
        return await self.ask(signalling.Bind(id=self.number(), bindings=(binding,)))

    def push(self, number: int) -> None:
        """Sends one frame of each track, whatever was said on the line."""
        for track in ("main", "screen"):
            head = b"\x10" if number % 10 == 0 else b"\x11"
            self.core.send(track, "vp8", head + os.urandom(2000), number * 3000)
        self.core.send("audio", "opus", os.urandom(60), number * 960)

    def collect(self) -> None:
        """Counts the frames that came, by track."""
        for event in self.core.drain():
            if event[0] == "frame":
                self.received[event[3]] += 1

    async def leave(self) -> None:
        """Ends both lines."""
        self.core.close()
        await self.line.close()

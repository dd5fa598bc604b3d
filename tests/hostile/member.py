# SPDX-License-Identifier: Apache-2.0
"""Two members in one process, for a test that searches memory: `python member.py PAGE SENDER`.

They send and receive while they live. On standard output comes one line of JSON a second: the room, our index, and every secret
that was ever given to the first of them, in hexadecimal, so that this text is no copy of the octets that are searched for.
"""

import asyncio
import contextlib
import json
import sys
import time
import urllib.request
from typing import Any, Literal

from sealroom_customer.client import Client, Entry
from sealroom_customer.client import client as client_module
from sealroom_customer.client.events import TrackName
from sealroom_customer.client.membership import KeySink, Membership
from sealroom_customer.demo import synthetic
from sealroom_wire.ids import RoomId, room_string

ROOM = "memory"


class Watched:
    """A key sink that writes down what passes through it."""

    def __init__(self, core: Any) -> None:
        self.core = core
        self.room: dict[str, Any] = {}
        self.secrets: list[tuple[int, int, str]] = []

    def set_room(
        self, suite: int, app: int, kind: Literal["number", "string"], room: str, instance: bytes, index: int
    ) -> None:
        self.room = {
            "suite": suite,
            "app": app,
            "kind": kind,
            "room": room,
            "instance": instance.hex(),
            "index": index,
        }
        self.core.set_room(suite, app, kind, room, instance, index)

    def add_secret(
        self, epoch: int, step: int, secret: bytes, after_removal: bool, use_after_ms: int
    ) -> None:
        self.secrets.append((epoch, step, secret.hex()))
        self.core.add_secret(epoch, step, secret, after_removal, use_after_ms)

    def step(self, epoch: int, step: int) -> None:
        self.core.step(epoch, step)


class Watching(Membership):
    """A membership whose sink is watched from the first secret on."""

    def __init__(self, application: int, room: RoomId, user: str, sink: KeySink) -> None:
        super().__init__(application, room, user, Watched(sink))


def entry(page: str, user: str) -> Entry:
    """What the demo's backend gives to `user`."""
    tokens = _ask(page, "tokens", user)

    async def grant() -> str:
        answer = await asyncio.to_thread(_ask, page, "grants", user)
        return str(answer["grant"])

    return Entry(
        operator=tokens["operator"],
        sdk_app_id=tokens["sdkAppId"],
        user_id=user,
        user_sig=tokens["userSig"],
        room=room_string(ROOM),
        authority=tokens["authority"],
        grant=grant,
    )


def _ask(page: str, what: str, user: str) -> dict[str, Any]:
    body = json.dumps({"user": user, "room": ROOM}).encode()
    request = urllib.request.Request(f"{page}api/{what}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


async def main(page: str, user: str) -> None:
    """Until the process is told to stop."""
    client_module.Membership = Watching  # type: ignore[attr-defined]
    async with Client.enter(entry(page, user)) as alice:
        watched = alice._membership._sink
        assert isinstance(watched, Watched)
        async with Client.enter(entry(page, f"{user}-2")) as bob:
            work = [_listen(bob, user), _send(alice, user), _tell(watched, bob)]
            await asyncio.gather(_listen(alice, f"{user}-2"), *work)


async def _listen(client: Client, other: str) -> None:
    with contextlib.suppress(Exception):
        await client.connected()
        await client.watch(other)
    async for _ in client.events():
        pass


async def _send(client: Client, user: str) -> None:
    tracks: tuple[TrackName, ...] = ("audio", "main")
    await client.connected()
    for track in tracks:
        await client.publish(track)
    for number in range(1_000_000):
        for track, ticks in zip(tracks, (1920, 3600), strict=True):
            frame = synthetic.make(user, track, number, key=number % 25 == 0)
            client.send(track, synthetic.codec_of(track), frame, number * ticks)
        await asyncio.sleep(0.04)


async def _tell(watched: Watched, bob: Client) -> None:
    while True:
        await asyncio.sleep(1)
        told = {"room": watched.room, "secrets": watched.secrets, "opened": bob.stats()["frames_opened"]}
        print(json.dumps(told | {"at": time.time()}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

# SPDX-License-Identifier: Apache-2.0
"""The operator's real webhooks into a real authority: who left and whose line broke has no key of what follows, 10 s sooner."""

import asyncio
import json
import time
from pathlib import Path

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from customer.tests.authority.test_process import Place, joined
from customer.tests.desk import APP
from customer.tests.device import Device
from sealroom.apps.models import ApplicationSpec
from sealroom_customer.authority.room import SILENCE_SECONDS
from sealroom_customer.authority.webhooks import WEBHOOK_PATH
from sealroom_wire import PROTOCOL_VERSION
from sealroom_wire.authority import Join, SecretReason
from server.tests.webhooks.sink import Sink
from tests.deployment import make_application
from tests.wire.test_webhooks import KEY, command, entered, started, told

HOOK_KEY = "0123456789abcdef0123456789abcdef"


def authority_of(folder: Path) -> Place:
    """One whose operator may tell it of exits."""
    folder.mkdir()
    place = Place(folder)
    (folder / "webhook-key").write_text(HOOK_KEY)
    with place.config.open("a") as file:
        file.write('[webhooks]\nkey = "webhook-key"\n')
    return place


async def member(place: Place, user: str) -> tuple[Device, ClientConnection]:
    """Somebody with keys, whose line can be cut."""
    device = place.desk.device(user)
    socket = await connect(place.urls["authority"])
    grant = place.desk.grant(user, now=int(time.time()))
    join = Join(version=PROTOCOL_VERSION, grant=grant, member_key=device.member_key, suites=(5,))
    await socket.send(msgspec.json.encode(join).decode())
    while not device.secrets:
        device.take(str(await socket.recv()))
    return device, socket


async def absent(place: Place) -> int:
    _, body = await asyncio.to_thread(place.probe, "/rooms", place.credential)
    (room,) = json.loads(body)
    return int(room["absent"])


async def test_an_exit_that_the_operator_tells_keeps_the_next_keys_from_who_left(tmp_path: Path) -> None:
    place, state, config = authority_of(tmp_path / "customer"), tmp_path / "state", tmp_path / "sealroom.toml"
    await asyncio.to_thread(make_application, state, ApplicationSpec("hooks"), APP, KEY)
    config.write_text('[webhooks]\nallow = ["127.0.0.0/8"]\n')
    async with Sink() as backend, asyncio.timeout(120):
        operator, endpoint = await asyncio.to_thread(started, state, config)
        try:
            with place.running():
                origin = place.urls["authority"].replace("ws", "http", 1).removesuffix("/authority/v1")
                set_it = ("webhook", "set", str(APP), "room")
                authority = ("--key-file", str(place.folder / "webhook-key"), "--subscriber", "authority")
                await asyncio.to_thread(
                    command, state, config, *set_it, f"http://127.0.0.1:{backend.port}/hook"
                )
                await asyncio.to_thread(
                    command, state, config, *set_it, f"{origin}{WEBHOOK_PATH}", *authority
                )
                test_it = ("webhook", "test", str(APP), "room", "--subscriber", "authority")
                assert "took it" in await asyncio.to_thread(command, state, config, *test_it)
                calls = [await entered(endpoint, "r", user, APP) for user in ("alice", "bob")]
                async with joined(place, "alice") as alice:
                    bob, socket = await member(place, "bob")
                    broke = time.monotonic()
                    socket.transport.abort()
                    while not await absent(place):  # noqa: ASYNC110 - another process sees it
                        await asyncio.sleep(0.01)
                    await calls[1].close()
                    while alice.reasons[-1] is not SecretReason.LEAVE:  # noqa: ASYNC110 - a device in the background
                        await asyncio.sleep(0.01)
                    assert time.monotonic() - broke < SILENCE_SECONDS - 1, (
                        "it would have been lost by then anyway"
                    )
                    assert alice.secret not in bob.derivable()
                    assert len(alice.roster) == 2, "the operator takes nobody off the roster"
                    # The backend heard of the same exit, under its own order and without the authority's key.
                    exits = [told(one) for one in backend.requests if told(one)[1] == 104]
                    assert [info["UserId"] for _, _, info in exits] == ["bob"]
                    assert "Sign" not in backend.requests[0].headers
                    counted = (await asyncio.to_thread(place.probe, "/metrics"))[1].decode()
                    assert 'sealroom_authority_webhooks_total{outcome="sooner"} 1.0' in counted
                await calls[0].close()
        finally:
            await asyncio.to_thread(operator.stop)

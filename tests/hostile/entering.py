# SPDX-License-Identifier: Apache-2.0
"""Enters a room with a hand-made offer and keeps the line open: the attacker as a legitimate user.

Run as `python -m tests.hostile.entering HAND_OVER_FILE ROOM USER`: prints one JSON line with what the answer gave, then stays in
the room until its standard input closes.
"""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from sealroom_wire import PROTOCOL_VERSION, signalling
from sealroom_wire.usersig import sign_user_sig

OFFER = "\r\n".join(
    [
        "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1", "a=extmap-allow-mixed",
        *(
            line
            for mid, direction in ((0, "sendonly"), (1, "recvonly"))
            for line in (
                "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0", "a=ice-ufrag:atkr",
                "a=ice-pwd:attackersattackersatta", "a=fingerprint:sha-256 " + ":".join(["AB"] * 32), "a=setup:actpass",
                f"a=mid:{mid}", f"a={direction}", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2",
                "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
            )
        ),
        "",
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entered:
    """What the answer gave: the server's ICE credentials and media addresses."""

    ufrag: str
    password: str
    addresses: list[tuple[str, int]]


def read_answer(sdp: str) -> Entered:
    """Takes the server's ICE parameters out of an answer."""
    ufrag = re.search(r"^a=ice-ufrag:(\S+)", sdp, re.M)
    password = re.search(r"^a=ice-pwd:(\S+)", sdp, re.M)
    assert ufrag is not None
    assert password is not None
    found = re.findall(r"^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", sdp, re.M | re.I)
    return Entered(
        ufrag.group(1), password.group(1), [(address, int(port)) for address, port in dict.fromkeys(found)]
    )


def enter_message(application: dict[str, object], room: str, user: str, sdp: str = OFFER) -> bytes:
    """An `enter` of `user` with a fresh UserSig."""
    app, key = int(str(application["sdk_app_id"])), str(application["secret_key"])
    token = sign_user_sig(
        secret_key=key, sdk_app_id=app, user_id=user, issued_at=int(time.time()), expire=600
    )
    message = signalling.Enter(
        id=1, version=PROTOCOL_VERSION, sdk_app_id=app, user_id=user, user_sig=token, sdp=sdp, str_room_id=room,
        sends=(signalling.SendSection("0", signalling.Track.AUDIO),),
    )  # fmt: skip
    return msgspec.json.encode(message)


@asynccontextmanager
async def entered(
    application: dict[str, object], room: str, user: str
) -> AsyncIterator[tuple[ClientConnection, Entered]]:
    """Enters, yields the line and what the answer gave, and leaves."""
    async with connect(str(application["endpoint"])) as line:
        await line.send(enter_message(application, room, user).decode())
        answer = msgspec.json.decode(await line.recv(), type=signalling.ServerMessage)
        assert isinstance(answer, signalling.Entered), answer
        yield line, read_answer(answer.sdp)


async def main(application: dict[str, object], room: str, user: str) -> None:
    """Enters, says what it got, stays until standard input closes."""
    async with entered(application, room, user) as (_, got):
        print(msgspec.json.encode(got).decode(), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(
        main(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=dict[str, object]), *sys.argv[2:4])
    )

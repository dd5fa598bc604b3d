# SPDX-License-Identifier: Apache-2.0
"""200 joins a second with UserSig over TLS and a browser's recorded offer: what the server's Python pays, with rooms, history and events."""

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import msgspec
from websockets.asyncio.client import connect

from sealroom_wire import PROTOCOL_VERSION, signalling
from sealroom_wire.usersig import sign_user_sig
from server.tests.certificates import make_certificate

RATE, SECONDS, WARM = 200, 15, 3
ROOM_SIZE = 10
OFFER = Path(__file__).resolve().parents[2] / "server" / "tests" / "fixtures" / "chromium_first.sdp"
_TICKS = os.sysconf("SC_CLK_TCK")
_SENDS = re.compile(
    r"m=(audio|video)[^\n]*\n(?:(?!m=)[^\n]*\n)*?a=mid:(\w+)\r?\n(?:(?!m=)[^\n]*\n)*?a=send", re.M
)


def measure() -> dict[str, Any]:
    """Joins, and counts processor time of the server's threads but the media engine's."""
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as (process, demo, trust):
        return asyncio.run(_measure(process, demo, trust))


async def _measure(
    process: "subprocess.Popen[bytes]", demo: dict[str, Any], trust: ssl.SSLContext
) -> dict[str, Any]:
    offer = OFFER.read_bytes().decode()
    sends = _sends(offer)
    waits: list[float] = []
    lines: list[Any] = []

    async def join(number: int) -> None:
        user, now = f"user{number}", int(time.time())
        user_sig = sign_user_sig(
            secret_key=demo["secret_key"],
            sdk_app_id=demo["sdk_app_id"],
            user_id=user,
            issued_at=now,
            expire=300,
        )
        message = signalling.Enter(
            id=1, version=PROTOCOL_VERSION, sdk_app_id=demo["sdk_app_id"], user_id=user, user_sig=user_sig,
            str_room_id=f"room{number // ROOM_SIZE}", sdp=offer, sends=sends,
            client=signalling.ClientInfo(sdk="bench", version="1", os="Linux"),
        )  # fmt: skip
        begin = time.monotonic()
        line = await connect(demo["endpoint"], ssl=trust, compression=None)
        await line.send(msgspec.json.encode(message).decode())
        answer = msgspec.json.decode(await line.recv(), type=signalling.ServerMessage)
        if not isinstance(answer, signalling.Entered):
            raise TypeError(f"not let in: {answer}")
        if number >= RATE * WARM:
            waits.append(time.monotonic() - begin)
        lines.append(line)

    begin, began = time.monotonic(), 0.0
    spent: dict[str, float] = {}
    async with asyncio.TaskGroup() as group:
        for number in range(RATE * (WARM + SECONDS)):
            if number == RATE * WARM:
                spent, began = _seconds_by_kind(process.pid), time.monotonic()
            group.create_task(join(number))
            await asyncio.sleep(max(0.0, begin + (number + 1) / RATE - time.monotonic()))
    took = time.monotonic() - began
    spent = {kind: seconds - spent.get(kind, 0.0) for kind, seconds in _seconds_by_kind(process.pid).items()}
    await asyncio.gather(*(line.close() for line in lines), return_exceptions=True)
    cuts = quantiles(waits, n=100)
    joins = len(waits)
    return {
        "joins": joins, "seconds": took, "rate": joins / took, "p50_ms": 1000 * cuts[49], "p99_ms": 1000 * cuts[98],
        "milliseconds_each": {kind: 1000 * seconds / joins for kind, seconds in spent.items()},
        "bars": [
            {"name": f"cores of Python at {RATE} joins a second", "value": spent["python"] / joins * RATE, "most": 0.5, "unit": ""}
        ],
    }  # fmt: skip


def _sends(offer: str) -> tuple[signalling.SendSection, ...]:
    tracks = {"audio": [signalling.Track.AUDIO], "video": [signalling.Track.MAIN, signalling.Track.SCREEN]}
    return tuple(signalling.SendSection(mid, tracks[kind].pop(0)) for kind, mid in _SENDS.findall(offer))


def _seconds_by_kind(pid: int) -> dict[str, float]:
    """Processor time of the media engine's thread, of that which holds the clients' connections, and of all others: Python's."""
    total = {"engine": 0.0, "connections": 0.0, "python": 0.0}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name, _, fields = (task / "stat").read_text().partition("(")[2].rpartition(")")
        kind = "engine" if name.startswith("shard") else "connections" if name == "wss" else "python"
        user, system = fields.split()[11:13]
        total[kind] += (int(user) + int(system)) / _TICKS
    return total


@contextmanager
def _server(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", dict[str, Any], ssl.SSLContext]]:
    certificate, key = make_certificate(folder, "localhost")
    trust = ssl.create_default_context(cafile=certificate)
    (folder / "sealroom.toml").write_text(
        f'[signalling]\nlisten = "127.0.0.1:0"\ncertificate = "{certificate}"\nkey = "{key}"\nenter_timeout = 30.0\nmax_waiting_per_address = 4096\n'
        'max_connections_per_address = 20000\n[admin]\nlisten = "127.0.0.1:0"\n[api]\nlisten = "127.0.0.1:0"\n'
        f'[log]\nlevel = "warning"\n[state]\ndirectory = "{folder / "state"}"\n'
    )
    demo = folder / "demo.json"
    program = Path(sys.executable).parent / "sealroom"
    command = [str(program), "dev", "--config", str(folder / "sealroom.toml"), "--demo-out", str(demo)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + 60
        while not demo.exists():
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("the server did not start")
            time.sleep(0.05)
        found = json.loads(demo.read_bytes())
        found["endpoint"] = found["endpoint"].replace("127.0.0.1", "localhost")
        yield process, found, trust
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)

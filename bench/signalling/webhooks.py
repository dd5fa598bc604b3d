# SPDX-License-Identifier: Apache-2.0
"""Webhooks: from the event in a room to the customer's endpoint, which is a process of its own: this module with the file it writes to."""

import asyncio
import contextlib
import ipaddress
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import quantiles
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import uvloop

from sealroom.audit.events import Actor
from sealroom.audit.service import AuditLog
from sealroom.core.clock import SystemClock
from sealroom.core.config.schema import KeySettings
from sealroom.core.db import Database
from sealroom.core.ids import Ids
from sealroom.core.keys import Envelope, FileKeys, master_keys
from sealroom.core.metrics import Metrics
from sealroom.core.state import StateDirectory
from sealroom.rooms.events import Call, TrackPublished
from sealroom.rooms.ledger import Ledger, LedgerMetrics
from sealroom.webhooks.address import Addresses
from sealroom.webhooks.client import Client
from sealroom.webhooks.delivery import Deliverer
from sealroom.webhooks.endpoints import Endpoints
from sealroom.webhooks.metrics import WebhookMetrics
from sealroom.webhooks.models import Group
from sealroom.webhooks.outbox import Outbox
from sealroom_wire.ids import room_string
from sealroom_wire.participant import Role, Track

APP = 1_400_000_001
ROOMS = 200
TICK_SECONDS = 0.005
WARM_SECONDS = 2.0
MOST_P99_MS = 200.0

Measured = dict[str, Any]

_LENGTH = re.compile(rb"Content-Length: (\d+)")
_ID = re.compile(rb"X-Sealroom-Event-Id: (\w+)")


def measure(seconds: float = 20.0, rate: int = 1_000) -> Measured:
    """Runs both processes; milliseconds from event to endpoint."""
    with tempfile.TemporaryDirectory() as folder:
        seen = Path(folder) / "seen"
        command = [sys.executable, __file__, str(seen)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sink:
            assert sink.stdout is not None
            port = int(sink.stdout.readline())
            try:
                sent, cpu, wall = uvloop.run(_send(Path(folder), port, seconds, rate))
            finally:
                sink.terminate()
        came = [line.split() for line in seen.read_text().splitlines()]
    return _measured(sent, {name: float(moment) for name, moment in came}, len(came), cpu / wall, rate)


def _measured(
    sent: dict[str, float], came: dict[str, float], requests: int, cores: float, rate: int
) -> Measured:
    begin = min(sent.values()) + WARM_SECONDS
    counted = {name: moment for name, moment in sent.items() if moment >= begin}
    delays = sorted((came[name] - moment) * 1000 for name, moment in counted.items() if name in came)
    if len(delays) < 1000:
        raise RuntimeError(f"only {len(delays)} events reached the endpoint")
    cuts = quantiles(delays, n=1000)
    missing, twice = len(sent) - len(came), requests - len(came)
    span = max(came.values()) - min(sent.values())
    return {
        "events": len(sent), "missing": missing, "twice": twice, "rate": rate, "delivered_per_second": len(came) / span,
        "p50_ms": cuts[499], "p99_ms": cuts[989], "p999_ms": cuts[998], "longest_ms": delays[-1], "cores": cores,
        "bars": [
            {"name": f"p99 at {rate} events/s", "value": cuts[989], "most": MOST_P99_MS, "unit": "ms"},
            {"name": "events lost or sent twice", "value": missing + twice, "most": 0, "unit": "events"},
        ],
    }  # fmt: skip


@contextlib.asynccontextmanager
async def _server(folder: Path, port: int) -> AsyncIterator[Ledger]:
    """What the server has of it, wired as in `app`."""
    clock, ids, metrics = SystemClock(), Ids(), Metrics("bench")
    state = StateDirectory(folder / "state")
    database = Database(state.database)
    addresses = Addresses([ipaddress.ip_network("127.0.0.0/8")])
    audit = AuditLog(database, FileKeys(state), clock)
    endpoints = Endpoints(database, audit, Envelope(master_keys(KeySettings(), state)), clock, addresses)
    for group in Group:
        url = f"http://127.0.0.1:{port}/hook"
        await endpoints.set(APP, group, url, "Bench1234", actor=Actor("cli", "bench"))
    outbox = Outbox(database, clock)
    deliverer = Deliverer(
        outbox, endpoints, Client(clock, addresses), clock, ids, WebhookMetrics(metrics.registry)
    )
    ledger = Ledger(
        database, clock, LedgerMetrics(metrics.registry), writers=(outbox.write,), committed=(deliverer.wake,)
    )
    await ledger.start()
    deliverer.start()
    try:
        yield ledger
    finally:
        await ledger.close()
        await deliverer.close()
        await database.close()


async def _send(folder: Path, port: int, seconds: float, rate: int) -> tuple[dict[str, float], float, float]:
    """Lets events happen; when each did, and what it cost in processor time and time."""
    ids, sent = Ids(), dict[str, float]()
    calls = [Call(f"{APP}_room{n}_1", APP, room_string(f"room{n}"), 1) for n in range(ROOMS)]
    async with _server(folder, port) as ledger:
        begin, cpu = time.monotonic(), time.process_time()
        while (passed := time.monotonic() - begin) < seconds:
            while len(sent) < passed * rate:
                event = TrackPublished(
                    id=f"{ids.number(128):032x}", call=calls[len(sent) % ROOMS], at=int(time.time() * 1000),
                    user_id=f"user{len(sent) % 1000}", peer=1, role=Role.ANCHOR, track=Track.AUDIO, muted=False,
                )  # fmt: skip
                sent[event.id] = time.time()
                ledger.on_room_event(event)
            await asyncio.sleep(TICK_SECONDS)
        spent = time.process_time() - cpu, time.monotonic() - begin
    return sent, *spent


class _Endpoint(asyncio.Protocol):
    """Answers 200 and notes when each event came."""

    def __init__(self, seen: list[tuple[bytes, float]]) -> None:
        self._seen = seen
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end]
            length, name = _LENGTH.search(head), _ID.search(head)
            assert length is not None
            assert name is not None
            whole = end + 4 + int(length.group(1))
            if len(self._data) < whole:
                return
            self._data = self._data[whole:]
            self._seen.append((name.group(1), time.time()))
            assert self._transport is not None
            self._transport.write(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"code":0}')


async def _sink(file: Path) -> None:
    """The endpoint's process: prints its port, and writes what it saw when it is ended."""
    import signal

    seen: list[tuple[bytes, float]] = []
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_server(lambda: _Endpoint(seen), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await over.wait()
    file.write_text("".join(f"{name.decode()} {moment:.6f}\n" for name, moment in seen))  # noqa: ASYNC240


if __name__ == "__main__":
    uvloop.run(_sink(Path(sys.argv[1])))

# SPDX-License-Identifier: Apache-2.0
"""5,000 events a second into the audit log, each durable and in the signed tree when its writer is answered."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from sealroom.audit.events import Actor, AuditEvent, Record
from sealroom.audit.service import AuditLog
from sealroom.core.clock import SystemClock
from sealroom.core.db import Database
from sealroom.core.keys import FileKeys
from sealroom.core.state import StateDirectory

EVENTS, WRITERS = 30_000, 500
"""Writers each wait for the answer to one event before they bring the next, as moderators of many rooms do."""


def measure() -> dict[str, Any]:
    """Writes and counts."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> dict[str, Any]:
    state = StateDirectory(folder)
    database = Database(state.database)
    log = AuditLog(database, FileKeys(state), SystemClock())
    waits: list[float] = []

    async def writer(number: int) -> None:
        for turn in range(EVENTS // WRITERS):
            told: dict[str, str | int] = {"user": f"user{turn}", "room": f"room{number}"}
            record = Record(
                AuditEvent.USER_REMOVED, Actor("api_key", "bench"), "application 1", told, f"1/user{turn}"
            )
            begin = time.monotonic()
            await log.record(record)
            waits.append(time.monotonic() - begin)

    begin, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*map(writer, range(WRITERS)))
    took, spent = time.monotonic() - begin, time.process_time() - cpu
    note = await log.checkpoint()
    await database.close()
    if note is None or str(EVENTS) not in note.splitlines():
        raise RuntimeError("the signed checkpoint does not have every event")
    waits.sort()
    return {
        "events": EVENTS, "seconds": took, "cores": spent / took, "p50_ms": waits[len(waits) // 2] * 1e3,
        "p99_ms": waits[len(waits) * 99 // 100] * 1e3,
        "bars": [{"name": "events a second, durable and placed", "value": EVENTS / took, "least": 5_000, "unit": "/s"}],
    }  # fmt: skip

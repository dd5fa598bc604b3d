# SPDX-License-Identifier: Apache-2.0
"""How long an acknowledgement takes, for one caller alone and for many at once, and how much the journal takes at most."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.records.load import SITE, catalogue, event
from sealroom.core.clock import SystemClock
from sealroom.core.keys import Envelope
from sealroom.core.keys.master import FileMasterKeys
from sealroom.core.records.journal import Bounds, Journal
from sealroom.core.records.journal.entries import Entries
from sealroom.core.records.tally import Tally

APPENDS = 2_000
CALLERS = 64
EACH = 10
"""Documents in one append."""
RATE = 5_000
"""Documents a second in the paced part."""
PACED_SECONDS = 10.0


async def _measure(folder: Path) -> dict[str, Any]:
    keys = Envelope(FileMasterKeys(folder / "master.key"))
    journal = Journal(folder / "journal", SITE, Entries(catalogue()), keys, SystemClock(), Bounds(), Tally())
    await journal.open()
    alone = await _callers(journal, 1, APPENDS // 10)
    paced = await _paced(journal)
    begin, cpu = time.monotonic(), time.process_time()
    many = await _callers(journal, CALLERS, APPENDS)
    took, spent = time.monotonic() - begin, time.process_time() - cpu
    await journal.close()
    return {
        "alone_p50_ms": alone[len(alone) // 2] * 1e3,
        "alone_p99_ms": alone[len(alone) * 99 // 100] * 1e3,
        "paced_p50_ms": paced[len(paced) // 2] * 1e3,
        "paced_p99_ms": paced[len(paced) * 99 // 100] * 1e3,
        "many_p50_ms": many[len(many) // 2] * 1e3,
        "many_p99_ms": many[len(many) * 99 // 100] * 1e3,
        "documents_a_second": APPENDS * EACH / took,
        "cpu_microseconds_each": spent / (APPENDS * EACH) * 1e6,
    }


async def _callers(journal: Journal, callers: int, appends: int) -> list[float]:
    """Sorted times of appends, by so many callers of whom each waits for his own and begins again at once."""
    numbers = iter(range(appends))
    waits: list[float] = []

    async def caller() -> None:
        for number in numbers:
            await _append(journal, number, waits)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return sorted(waits)


async def _paced(journal: Journal) -> list[float]:
    """Sorted times of appends that come at a steady rate, whether the one before is acknowledged or not."""
    waits: list[float] = []
    begin = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(round(RATE * PACED_SECONDS / EACH)):
            await asyncio.sleep(max(0.0, begin + number * EACH / RATE - time.monotonic()))
            group.create_task(_append(journal, number, waits))
    return sorted(waits)


async def _append(journal: Journal, number: int, waits: list[float]) -> None:
    documents = [event(number * EACH + at) for at in range(EACH)]
    begin = time.monotonic()
    await journal.append(documents)
    waits.append(time.monotonic() - begin)


def measure() -> dict[str, Any]:
    """Measures."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(_measure(Path(folder)))
    return {
        "bars": [
            {"name": "acknowledgement, one caller, p99", "value": found["alone_p99_ms"], "most": 50.0, "unit": "ms"},
            {"name": "acknowledgement, 5,000 documents a second, p99", "value": found["paced_p99_ms"], "most": 50.0, "unit": "ms"},
            {"name": "documents a second, as many as it takes", "value": found["documents_a_second"], "least": 5_000, "unit": "/s"},
        ],
        "raw": found,
    }  # fmt: skip

# SPDX-License-Identifier: Apache-2.0
"""A steady stream of documents into a store: does it keep up, and what does the process that writes pay?"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.records.load import event, opened, samples, settings_of
from sealroom.core.records.writing import RecordWriter

TURN = 0.05
"""Seconds between two handfuls."""
FRACTION_DURABLE = 0.2
"""Of the documents; the rest are samples. Calls make far fewer events than that."""
CATCH_UP = 10.0
"""Seconds after the stream's end in which everything must be in the store."""


def measure_rate(store: str, rate: int, seconds: float) -> dict[str, Any]:
    """Offers `rate` documents a second, and counts what the store confirmed."""
    with settings_of(store) as settings, tempfile.TemporaryDirectory() as folder:

        async def run() -> dict[str, Any]:
            async with opened(settings, Path(folder)) as (_, writer):
                return await _stream(writer, rate, seconds)

        return asyncio.run(run())


async def _stream(writer: RecordWriter, rate: int, seconds: float) -> dict[str, Any]:
    durable_each = round(rate * TURN * FRACTION_DURABLE)
    sampled_each = round(rate * TURN) - durable_each
    sampled = itertools.chain.from_iterable(samples(round(rate * seconds) * 2))
    waits: list[float] = []
    begin, cpu = time.monotonic(), time.process_time()
    turns = round(seconds / TURN)
    async with asyncio.TaskGroup() as group:
        for turn in range(turns):
            writer.put(list(itertools.islice(sampled, sampled_each)))
            first = turn * durable_each
            events = [event(number) for number in range(first, first + durable_each)]
            group.create_task(_timed(writer, events, waits))
            await asyncio.sleep(max(0.0, begin + (turn + 1) * TURN - time.monotonic()))
    offered_in = time.monotonic() - begin
    async with asyncio.timeout(CATCH_UP):
        await writer.flush()
    took, spent = time.monotonic() - begin, time.process_time() - cpu
    confirmed = writer.tally.shipped + writer.tally.sampled
    waits.sort()
    return {
        "offered": turns * (durable_each + sampled_each),
        "confirmed": confirmed,
        "lost": writer.tally.lost.total() + writer.tally.refused.total(),
        "retries": writer.tally.retries,
        "offered_seconds": offered_in,
        "seconds": took,
        "rate": confirmed / took,
        "cores": spent / took,
        "cpu_microseconds_each": spent / confirmed * 1e6,
        "acknowledged_p50_ms": waits[len(waits) // 2] * 1e3,
        "acknowledged_p99_ms": waits[len(waits) * 99 // 100] * 1e3,
    }


async def _timed(writer: RecordWriter, events: list[Any], waits: list[float]) -> None:
    begin = time.monotonic()
    await writer.put_durable(events)
    waits.append(time.monotonic() - begin)


def bars_of(found: dict[str, Any], rate: int) -> Iterator[dict[str, Any]]:
    """What must hold of a stream."""
    yield {
        "name": "documents that are not in the store",
        "value": found["offered"] - found["confirmed"],
        "most": 0,
        "unit": "",
    }
    # What came in the last moments is still to be written when the stream ends.
    yield {
        "name": "documents a second, to the end of the last",
        "value": found["rate"],
        "least": rate * 0.9,
        "unit": "/s",
    }
    yield {
        "name": "processor time of the writing process",
        "value": found["cores"],
        "most": 1.0,
        "unit": "cores",
    }
    yield {
        "name": "acknowledgement of durable ones, p99",
        "value": found["acknowledged_p99_ms"],
        "most": 50.0,
        "unit": "ms",
    }


def part(store: str, rate: int, seconds: float = 20.0) -> Callable[[], dict[str, Any]]:
    """A part of the bench."""

    def measure() -> dict[str, Any]:
        found = measure_rate(store, rate, seconds)
        return {"bars": list(bars_of(found, rate)), "raw": found}

    return measure

# SPDX-License-Identifier: Apache-2.0
"""One call of 20 participants and an hour among a million samples, asked of both stores."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.records.load import BEGIN, PEOPLE, call_name, opened, samples, settings_of
from sealroom.core.records import Aggregation, Equals, Histogram, Measure, Query, Records, Terms
from sealroom.quality.models import Sample

SAMPLES = 1_000_000
HOUR = 3_600_000
BULK = 2_000
ROUNDS = 15
MOST = 200.0

CURVES = Aggregation(
    (Terms("user_id", PEOPLE), Histogram(60_000)),
    (Measure("loss", ("mean",)), Measure("rtt", ("mean",)), Measure("bit_rate", ("mean",))),
)
"""What is drawn of a call: each participant, minute by minute."""
OVERVIEW = Aggregation(
    (),
    (
        Measure("loss", ("mean", "most"), (50, 95)),
        Measure("rtt", ("mean",), (50, 95)),
        Measure("user_id", ("distinct",)),
    ),
)
"""What stands above it."""


def samples_of(call: int) -> Query[Sample]:
    """An hour of one call."""
    return Query(Sample, BEGIN, BEGIN + HOUR, (Equals("call_id", call_name(call)),))


def asked(records: Records, number: int) -> dict[str, Callable[[], Awaitable[object]]]:
    """The questions about one call."""
    call = samples_of(number)
    return {
        "curves of all, by minute": lambda: records.aggregate(call, CURVES),
        "percentiles of the whole call": lambda: records.aggregate(call, OVERVIEW),
        "how many samples": lambda: records.count(call),
        "the first 1,000 samples": lambda: records.search(call, limit=1_000),
    }


async def _measure(store: str, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with settings_of(store) as settings:
        async with opened(settings, folder) as (records, _):
            begin = time.monotonic()
            waiting: list[Sample] = []
            for batch in samples(SAMPLES):
                if len(waiting) >= BULK:
                    await records.write(waiting)
                    waiting = []
                waiting += batch
            await records.write(waiting, wait=True)
            found["loaded_per_second"] = SAMPLES / (time.monotonic() - begin)
            found["all"] = await records.count(Query(Sample, 0, BEGIN + 10 * HOUR))
            found["of_the_call"] = await records.count(samples_of(0))
            for name in asked(records, 0):
                times = []
                # Of another call each time: the server keeps answers that it gave before.
                for number in range(ROUNDS):
                    begin = time.monotonic()
                    await asked(records, number)[name]()
                    times.append((time.monotonic() - begin) * 1e3)
                found[name] = {
                    "first_ms": times[0],
                    "median_ms": statistics.median(times),
                    "most_ms": max(times),
                }
    return found


def measure() -> dict[str, Any]:
    """Measures both stores, one behind the other."""
    raw, bars = {}, []
    for store in ("sqlite", "opensearch"):
        with tempfile.TemporaryDirectory() as folder:
            raw[store] = found = asyncio.run(_measure(store, Path(folder)))
        bars += [
            {"name": f"{store}: {name}, median", "value": one["median_ms"], "most": MOST, "unit": "ms"}
            for name, one in found.items()
            if isinstance(one, dict)
        ]
        bars.append(
            {
                "name": f"{store}: samples that are missing",
                "value": SAMPLES - found["all"],
                "most": 0,
                "unit": "",
            }
        )
    return {"bars": bars, "raw": raw}

# SPDX-License-Identifier: Apache-2.0
"""Documents as calls make them, and the store they go to."""

import random
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import MetaData

from sealroom.catalogue import Catalogue
from sealroom.core.clock import SystemClock
from sealroom.core.config.schema import RecordsSettings
from sealroom.core.keys import Envelope
from sealroom.core.keys.master import FileMasterKeys
from sealroom.core.records import Records
from sealroom.core.records.opening import store_of, writer_of
from sealroom.core.records.writing import RecordWriter
from sealroom.core.state import StateDirectory
from sealroom.quality.models import DOCUMENTS, CallEvent, EventKind, Sample, name_of
from tools.services import opensearch

BEGIN = 1_800_000_000_000
"""When everything happens, Unix milliseconds."""
PEOPLE = 20
"""In one call."""
SITE = "bench"


def catalogue() -> Catalogue:
    """What quality keeps."""
    return Catalogue(MetaData(), DOCUMENTS)


def call_name(call: int) -> str:
    """A call's id, in TRTC's shape."""
    return f"1400000001_{call:06}_{BEGIN // 1000}"


def sample(call: int, person: int, tick: int, chance: random.Random) -> Sample:
    """What one participant sent of one track in one span of 2 s."""
    user = f"user-{call}-{person}"
    time = BEGIN + tick * 2_000 + person
    return Sample(
        id=name_of(call, person, tick), time=time, sdk_app_id=1_400_000_001, call_id=call_name(call), room=f"room-{call}", user_id=user,
        peer_id="", track="main", span=2_000, on=True, layer=1, bit_rate=chance.randrange(100_000, 2_000_000), packets=400,
        loss=chance.random() ** 4, jitter=chance.random() * 30, rtt=20 + chance.random() * 100, frame_rate=25.0, width=1280, height=720,
        cpu=chance.randrange(100), memory=512, available=3_000_000,
    )  # fmt: skip


def event(number: int) -> CallEvent:
    """One of the events that must last."""
    return CallEvent(
        id=f"event-{number:09}", time=BEGIN + number, sdk_app_id=1_400_000_001, call_id=call_name(number % 50), room=f"room-{number % 50}",
        user_id=f"user-{number % 1000}", kind=EventKind.MUTE, track="audio", number=number,
    )  # fmt: skip


def samples(count: int, seed: int = 1) -> Iterator[Sequence[Sample]]:
    """So many samples of calls that go on side by side, tick by tick, in batches as they come."""
    chance, made, tick = random.Random(seed), 0, 0
    calls = max(1, count // (PEOPLE * 1_800))
    while made < count:
        batch = [sample(call, person, tick, chance) for call in range(calls) for person in range(PEOPLE)]
        batch = batch[: count - made]
        yield batch
        made, tick = made + len(batch), tick + 1


@contextmanager
def settings_of(store: str) -> Iterator[RecordsSettings]:
    """Settings of a store of that kind, which runs meanwhile."""
    if store == "sqlite":
        yield RecordsSettings()
        return
    with tempfile.TemporaryDirectory() as folder, opensearch(Path(folder)) as server:
        yield RecordsSettings(url=server.url, replicas=0)


@asynccontextmanager
async def opened(settings: RecordsSettings, folder: Path) -> AsyncIterator[tuple[Records, RecordWriter]]:
    """The store and its writer, with the operator's real keys."""
    state, declared, clock = StateDirectory(folder), catalogue(), SystemClock()
    records = store_of(settings, state, declared, SITE, clock)
    await records.prepare()
    keys = Envelope(FileMasterKeys(folder / "master.key"))
    async with writer_of(settings, state, declared, SITE, records, keys, clock) as writer:
        yield records, writer
    await records.close()

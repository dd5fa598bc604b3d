# SPDX-License-Identifier: Apache-2.0
"""What the engine measures, as Python gets it: from the native face, and from the engine that the tests put in its place."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from sealroom.core.ids import Ids
from sealroom.media import _engine, control
from sealroom.media.engine import EngineConfig, MediaEngine
from sealroom.media.measures import (
    DownSlot,
    PeerMeasures,
    Reported,
    ResolutionClass,
    RoomMeasures,
    RoundTrip,
    Shown,
    UpLayer,
    UpTrack,
    Usage,
)
from sealroom.media.port import Engine, EngineFailure
from sealroom.media.sdp.answer import answer_first
from sealroom.media.session import ALL_CODECS
from sealroom_wire.signalling import SlotKind, Track
from server.tests.fakes import FakeEngine, FakeFlow
from server.tests.media.test_engine_face import Thread
from server.tests.offers import SERVER, TRACKS, offer

ALICE: dict[str, Any] = {
    "peer": 1,
    "round_trip": {"us": 21_000, "source": "rtcp"},
    "up": [
        {
            "track": "main",
            "loudness": None,
            "layers": [
                {
                    "layer": 2, "codec": "vp8", "packets": 990, "payload_bytes": 990_000, "frames": 250, "picture": [1280, 720],
                    "expected": 1_000, "lost": 2, "repaired": 8, "jitter_us": 1_500,
                }
            ],
        }
    ],
    "down": [
        {
            "slot": 6, "kind": "video", "packets": 400, "payload_bytes": 320_000, "resent": 3, "nacked": 4, "key_frames_asked": 1,
            "reported": {"lost": -1, "fraction_lost": 3, "jitter_us": 900},
            "source": {"peer": 2, "track": "screen", "layer": 0, "size": "2k"},
        }
    ],
    "usage": {"audio_ms": 10_000, "video_ms": {"2k": 7_000, "unknown": 5}},
}  # fmt: skip
LAST = PeerMeasures(
    1,
    RoundTrip(21_000, "rtcp"),
    (UpTrack(Track.MAIN, None, (UpLayer(2, "vp8", 990, 990_000, 250, (1280, 720), 1_000, 2, 8, 1_500),)),),
    (
        DownSlot(
            6, SlotKind.VIDEO, 400, 320_000, 3, 4, 1, Reported(-1, 3, 900), Shown(2, Track.SCREEN, 0, ResolutionClass.QHD)
        ),
    ),
    Usage(10_000, {ResolutionClass.QHD: 7_000, ResolutionClass.UNKNOWN: 5}),
)  # fmt: skip


@pytest.fixture
def thread() -> Iterator[Thread]:
    thread = Thread()
    yield thread
    os.close(thread.signal)
    os.close(thread.raised)


async def test_measures_come_as_the_native_face_spells_them(thread: Thread) -> None:
    heard: list[control.Event] = []
    engine = MediaEngine(cast(_engine.Engine, thread), heard.append)
    waiting = asyncio.create_task(engine.measures(7))
    both = asyncio.create_task(engine.all_measures())
    await asyncio.sleep(0)
    one, all_rooms = thread.sent
    assert one == {"type": "measures", "token": one["token"], "room": 7}
    assert all_rooms == {"type": "all_measures", "token": all_rooms["token"]}
    rooms = [{"room": 7, "peers": [ALICE]}, {"room": 8, "peers": []}]
    thread.tell(
        {"type": "measures", "token": one["token"], "rooms": rooms[:1]},
        {"type": "left", "room": 7, "measures": ALICE},
        {"type": "measures", "token": all_rooms["token"], "rooms": rooms},
    )
    async with asyncio.timeout(5):
        assert (await waiting).peers == (LAST,)
        assert [room.room for room in await both] == [7, 8]
    assert heard == [control.Left(7, LAST)]
    await engine.close()


async def enter(engine: Engine, *peers: int, room: int = 1) -> None:
    await engine.add_room(room, sealing_required=True)
    for peer in peers:
        agreed = answer_first(offer(), TRACKS, rights=255, codecs=ALL_CODECS, server=SERVER, ids=Ids())
        await engine.add_peer(room, peer, agreed.session)


def bind(
    slot: int, generation: int, peer: int, track: Track = Track.MAIN, layer: int = 0
) -> control.SlotBinding:
    return control.SlotBinding(slot, generation, control.SlotSource(peer, track, layer))


async def test_the_tests_engine_meters_the_sum_of_the_pictures_that_flow() -> None:
    engine = FakeEngine()
    await enter(engine, 1, 2)
    engine.flow(1, Track.MAIN, 0, FakeFlow((640, 480)))
    engine.flow(1, Track.SCREEN, 0, FakeFlow((1280, 720)))
    await engine.bind(2, (bind(2, 1, 1),))
    engine.pass_time(2)
    await engine.bind(2, (bind(3, 1, 1, Track.SCREEN),))
    engine.pass_time(3)
    await engine.set_muted(1, Track.SCREEN, muted=True)
    await engine.set_muted(1, Track.MAIN, muted=True)
    engine.pass_time(1)
    (_, bob) = (await engine.measures(1)).peers
    assert bob.usage == Usage(6_000, {ResolutionClass.SD: 2_000, ResolutionClass.FHD: 3_000})
    assert [(slot.slot, slot.packets, slot.source) for slot in bob.down] == [(2, 500, None), (3, 300, None)]


async def test_the_tests_engine_gives_the_layer_that_is_there_and_counts_what_its_sender_lost() -> None:
    engine = FakeEngine()
    await enter(engine, 1, 2)
    engine.flow(1, Track.MAIN, 1, FakeFlow((640, 360), lost_per_mille=50))
    await engine.bind(2, (bind(2, 1, 1, layer=2),))
    engine.pass_time(2)
    alice, bob = (await engine.measures(1)).peers
    (layer,) = alice.up[0].layers
    assert (layer.expected, layer.lost, layer.packets, layer.frames) == (200, 10, 190, 50)
    assert bob.down[0].source == Shown(1, Track.MAIN, 1, ResolutionClass.SD)


async def test_the_tests_engine_hands_out_the_last_measures_before_a_peer_is_gone() -> None:
    engine = FakeEngine()
    told: list[control.Event] = []
    engine.listener = told.append
    await enter(engine, 1, 2, 3)
    engine.pass_time(1.5)
    await engine.remove_peer(1)
    engine.give_up(2, "consent_lost")
    await engine.close_room(1)
    usage = Usage(1_500, {})
    left = [control.Left(1, PeerMeasures(peer, None, (), (), usage)) for peer in (1, 2, 3)]
    assert told == [left[0], left[1], control.Closed(2, "consent_lost"), left[2]]
    assert await engine.all_measures() == ()
    with pytest.raises(EngineFailure):
        await engine.measures(1)


@pytest.fixture
async def native() -> AsyncIterator[tuple[MediaEngine, list[control.Event]]]:
    told: list[control.Event] = []
    engine = MediaEngine.start(EngineConfig(bind=("127.0.0.1:0",)), told.append)
    yield engine, told
    await engine.close()


async def test_the_real_engine_and_the_tests_engine_measure_alike_of_peers_that_never_connected(
    native: tuple[MediaEngine, list[control.Event]],
) -> None:
    told: list[control.Event] = []
    fake = FakeEngine()
    fake.listener = told.append
    for engine, heard in (native, (fake, told)):
        await enter(engine, 1, 2)
        await engine.add_room(2, sealing_required=True)
        nothing = {peer: PeerMeasures(peer, None, (), (), Usage(0, {})) for peer in (1, 2)}
        assert await engine.measures(1) == RoomMeasures(1, (nothing[1], nothing[2]))
        assert await engine.all_measures() == (await engine.measures(1), RoomMeasures(2, ()))
        await engine.remove_peer(1)
        assert heard == [control.Left(1, nothing[1])]
        await engine.close_room(1)
        assert heard[1:] == [control.Left(1, nothing[2])]
        with pytest.raises(EngineFailure):
            await engine.measures(1)

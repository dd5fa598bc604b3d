# SPDX-License-Identifier: Apache-2.0
"""The answerer and the rooms against the real engine: what Python agrees to, Rust takes."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from sealroom.core.clock import SystemClock
from sealroom.core.config.schema import RoomSettings
from sealroom.core.errands import Errands
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.media import control
from sealroom.media.addresses import media_addresses
from sealroom.media.engine import EngineConfig, MediaEngine
from sealroom.media.port import EngineFailure
from sealroom.media.sdp.answer import Server, answer_again, answer_first
from sealroom.media.session import ALL_CODECS, SEALABLE_CODECS
from sealroom.rooms.service import RoomService
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.signalling import Track
from server.tests.conftest import House
from server.tests.fakes import FakeLine
from server.tests.media.test_engine_face import read_command
from server.tests.offers import TRACKS, offer, recorded


@pytest.fixture
async def native() -> AsyncIterator[MediaEngine]:
    engine = MediaEngine.start(EngineConfig(bind=("127.0.0.1:0",)), lambda _event: None)
    yield engine
    await engine.close()


async def test_a_closed_engine_is_closed_whatever_the_loop_says_and_refuses_at_once(
    native: MediaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "remove_reader", lambda _fd: False)
    await native.close()
    with pytest.raises(EngineFailure) as caught:
        await asyncio.wait_for(native.stats(), 5)
    assert caught.value.code == "engine_closed"


def server(engine: MediaEngine) -> Server:
    return Server(engine.fingerprint, tuple(engine.addresses), "1.2")


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
async def test_what_is_agreed_with_a_browser_is_taken_by_the_engine(
    native: MediaEngine, browser: str
) -> None:
    ids = Ids(random.Random(3))
    await native.add_room(1, sealing_required=True)
    agreed = answer_first(
        recorded(f"{browser}_first"), TRACKS, rights=255, codecs=SEALABLE_CODECS, server=server(native), ids=ids
    )  # fmt: skip
    await native.add_peer(1, 1, agreed.session)
    grown = answer_again(
        recorded(f"{browser}_grown"), agreed, codecs=SEALABLE_CODECS, server=server(native), ids=ids
    )
    await native.update_peer(1, grown.session)
    if browser == "chromium":
        text = recorded("chromium_restarted")
        restarted = answer_again(text, grown, codecs=SEALABLE_CODECS, server=server(native), ids=ids)
        await native.update_peer(1, restarted.session)
    assert (await native.stats()).peers == 1
    load = native.load()
    assert (load.unsent_full, load.unsent_failed, load.unread) == (0, 0, 0)


async def test_a_peer_s_tracks_are_muted_before_anything_else_is_told_of_it(
    native: MediaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine does what it is told in order, so a track that is muted right behind its peer never flowed."""
    told: list[dict[str, object]] = []
    real = native._native

    class Overheard:
        """The engine's face, with what is said to it kept."""

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

        def send(self, command: bytes) -> None:
            told.append(read_command(command))
            real.send(command)

    monkeypatch.setattr(native, "_native", Overheard())
    agreed = answer_first(
        recorded("chromium_first"), TRACKS, rights=255, codecs=SEALABLE_CODECS, server=server(native), ids=Ids()
    )  # fmt: skip
    await native.add_room(1, sealing_required=True)
    await native.add_peer(1, 7, agreed.session, muted=(Track.AUDIO, Track.MAIN))
    await native.set_rights(7, 0)
    assert [(one["type"], one.get("track"), one.get("muted")) for one in told] == [
        ("add_room", None, None),
        ("add_peer", None, None),
        ("set_muted", "audio", True),
        ("set_muted", "main", True),
        ("set_rights", None, None),
    ]


@pytest.mark.parametrize("name", ["chromium_unpruned", "chromium_max_bundle"])
async def test_every_codec_that_is_agreed_on_is_known_to_the_engine(native: MediaEngine, name: str) -> None:
    agreed = answer_first(
        recorded(name), TRACKS, rights=255, codecs=ALL_CODECS, server=server(native), ids=Ids()
    )
    await native.add_room(1, sealing_required=False)
    await native.add_peer(1, 1, agreed.session)


async def test_rooms_on_the_real_engine_from_enter_to_leave() -> None:
    events: list[control.Event] = []
    engine = MediaEngine.start(EngineConfig(bind=("127.0.0.1:0",)), events.append)
    try:
        async with Errands() as errands:
            rooms = RoomService(
                engine, server(engine), clock=SystemClock(), ids=Ids(), settings=RoomSettings(), errands=errands, metrics=Metrics("x")
            )  # fmt: skip
            house = House(rooms)
            alice, _, _ = await house.enter("alice")
            bob, line, _ = await house.enter("bob", line=FakeLine())
            await rooms.publish(alice, Track.MAIN, muted=False)
            await rooms.mute(alice, Track.MAIN, muted=True)
            wish = signalling.Binding(2, 1, signalling.Source("alice", Track.MAIN, 0))
            await rooms.bind(bob, (wish,))
            await rooms.key_frame(bob, 2)
            await rooms.offer(bob, offer(video=10))
            await rooms.offer(bob, offer(video=10, ufrag="anew", pwd="passwordpasswordpasswordanew"))
            assert (await engine.stats()).peers == 2
            record = await rooms.record(bob, 7)
            (track,) = (track for one in record.participants for track in one.tracks)
            assert (track.track, track.published, track.muted, track.layers) == (Track.MAIN, True, True, ())
            rooms.leave(alice)
            assert signalling.ParticipantLeft("alice", signalling.LeaveReason.LEFT) in line.told
            rooms.leave(bob)
        assert (await engine.stats()).rooms == 0
        assert control.Bound(bob.peer, 2, 1) in events
        assert not [event for event in events if isinstance(event, control.BindRefused)]
    finally:
        await engine.close()


async def test_an_engine_that_is_closed_is_a_refusal_not_a_fault(native: MediaEngine) -> None:
    async with Errands() as errands:
        rooms = RoomService(
            native, server(native), clock=SystemClock(), ids=Ids(), settings=RoomSettings(), errands=errands, metrics=Metrics("x")
        )  # fmt: skip
        await native.close()
        with pytest.raises(Refusal) as caught:
            await House(rooms).enter("alice")
        assert caught.value.code is ErrorCode.ENGINE_FAILED


async def test_a_record_of_a_room_that_is_not_there_is_refused(native: MediaEngine) -> None:
    with pytest.raises(EngineFailure) as refused:
        await native.record(9)
    assert refused.value.code == "unknown_room"


async def test_a_peer_in_a_room_that_is_not_there_is_refused(native: MediaEngine) -> None:
    agreed = answer_first(offer(), TRACKS, rights=255, codecs=ALL_CODECS, server=server(native), ids=Ids())
    with pytest.raises(EngineFailure):
        await native.add_peer(9, 1, agreed.session)


def test_the_addresses_of_this_machine_end_with_loopback_and_can_be_bound() -> None:
    found = media_addresses()
    assert found[-1] == "127.0.0.1"
    assert len(set(found)) == len(found)

# SPDX-License-Identifier: Apache-2.0
"""The eight rights of a PrivateMapKey, against the real operator: refused on the line, and not forwarded when pushed all the same."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealroom.apps.models import ApplicationSpec
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode
from sealroom_wire.usersig import Privilege
from tests import one_body
from tests.deployment import BIN, Process, make_application
from tests.wire.member import Application, Member

KEY = "0123456789abcdef" * 4
APP = 1400000001
ALL = Privilege.ALL
TRACKS = tuple(signalling.Track)
NO_RIGHT_TO_SEND = {
    Privilege.SEND_AUDIO: (signalling.Track.AUDIO, ErrorCode.NO_RIGHT_TO_SEND_AUDIO),
    Privilege.SEND_VIDEO: (signalling.Track.MAIN, ErrorCode.NO_RIGHT_TO_SEND_VIDEO),
    Privilege.SEND_SCREEN: (signalling.Track.SCREEN, ErrorCode.NO_RIGHT_TO_SEND_SCREEN),
}
NO_RIGHT_TO_RECEIVE = {
    Privilege.RECEIVE_AUDIO: (signalling.Track.AUDIO, None),
    Privilege.RECEIVE_VIDEO: (signalling.Track.MAIN, ErrorCode.NO_RIGHT_TO_RECEIVE_VIDEO),
    Privilege.RECEIVE_SCREEN: (signalling.Track.SCREEN, ErrorCode.NO_RIGHT_TO_RECEIVE_SCREEN),
}


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    make_application(tmp_path / "state", ApplicationSpec("rights", advanced_permission=True), APP, KEY)
    operator = Process.start(
        "operator", str(BIN / "sealroom"), "dev", "--state", str(tmp_path / "state"),
        "--port", "0", "--admin-port", "0", "--api-port", "0", "--sink-dump", str(tmp_path / "sink.dump"),
    )  # fmt: skip
    try:
        yield Application(operator.wait_for(re.compile(r"ws://\S+")), APP, KEY)
    finally:
        operator.stop()
    one_body.check(tmp_path / "sink.dump")


async def pair(application: Application, sender: Privilege, receiver: Privilege) -> tuple[Member, Member]:
    """Two connected members; the first has opened the room."""
    first = await Member.enter(application, "first", 0, sender | Privilege.CREATE_ROOM)
    second = await Member.enter(application, "second", 1, receiver)
    assert isinstance(first, Member)
    assert isinstance(second, Member)
    await asyncio.gather(first.connected(), second.connected())
    return first, second


async def flow(sender: Member, receiver: Member, control: signalling.Track, frames: int = 60) -> None:
    """The sender pushes everything until enough of `control` has come through, then some more."""
    async with asyncio.timeout(30):
        number = 0
        while number < frames or receiver.received[control.value] < 20:
            sender.push(number)
            number += 1
            await asyncio.sleep(0.01)
            receiver.collect()


def code_of(answer: signalling.ServerMessage) -> ErrorCode | None:
    return answer.code if isinstance(answer, signalling.Refused) else None


@pytest.mark.parametrize("missing", NO_RIGHT_TO_SEND)
async def test_without_the_right_to_send_a_track_it_is_refused_and_not_forwarded(
    application: Application, missing: Privilege
) -> None:
    sender, receiver = await pair(application, ALL & ~missing, ALL)
    forbidden, code = NO_RIGHT_TO_SEND[missing]
    for track in TRACKS:
        assert code_of(await sender.publish(track)) == (code if track is forbidden else None)
    for place, track in enumerate((signalling.Track.MAIN, signalling.Track.SCREEN)):
        await receiver.bind(sender, track, place)
    allowed = signalling.Track.AUDIO if forbidden is not signalling.Track.AUDIO else signalling.Track.MAIN
    await flow(sender, receiver, allowed)
    assert receiver.received[forbidden.value] == 0
    for member in (sender, receiver):
        await member.leave()


@pytest.mark.parametrize("missing", NO_RIGHT_TO_RECEIVE)
async def test_without_the_right_to_receive_a_track_it_is_refused_and_does_not_come(
    application: Application, missing: Privilege
) -> None:
    sender, receiver = await pair(application, ALL, ALL & ~missing)
    forbidden, code = NO_RIGHT_TO_RECEIVE[missing]
    for track in TRACKS:
        assert code_of(await sender.publish(track)) is None
    for place, track in enumerate((signalling.Track.MAIN, signalling.Track.SCREEN)):
        assert code_of(await receiver.bind(sender, track, place)) == (code if track is forbidden else None)
    allowed = signalling.Track.AUDIO if forbidden is not signalling.Track.AUDIO else signalling.Track.MAIN
    await flow(sender, receiver, allowed)
    assert receiver.received[forbidden.value] == 0
    for member in (sender, receiver):
        await member.leave()


async def test_with_all_rights_every_track_comes_through(application: Application) -> None:
    """The control: what the tests above look for does come where nothing is missing."""
    sender, receiver = await pair(application, ALL, ALL)
    for track in TRACKS:
        assert code_of(await sender.publish(track)) is None
    for place, track in enumerate((signalling.Track.MAIN, signalling.Track.SCREEN)):
        assert code_of(await receiver.bind(sender, track, place)) is None
    await flow(sender, receiver, signalling.Track.SCREEN)
    assert all(receiver.received[track.value] >= 20 for track in TRACKS)
    for member in (sender, receiver):
        await member.leave()


async def test_a_room_is_opened_and_entered_with_the_right_only(application: Application) -> None:
    refused = await Member.enter(application, "first", 0, ALL & ~Privilege.CREATE_ROOM)
    assert isinstance(refused, signalling.Refused)
    assert refused.code is ErrorCode.NO_RIGHT_TO_CREATE_ROOM
    first = await Member.enter(application, "first", 0, ALL)
    assert isinstance(first, Member)
    refused = await Member.enter(application, "second", 1, ALL & ~Privilege.ENTER)
    assert isinstance(refused, signalling.Refused)
    assert refused.code is ErrorCode.NO_RIGHT_TO_ENTER
    second = await Member.enter(application, "second", 1, ALL & ~Privilege.CREATE_ROOM)
    assert isinstance(second, Member)
    for member in (first, second):
        await member.leave()

# SPDX-License-Identifier: Apache-2.0
"""What is refused to somebody in a call is told as an event of the call: each of the first, and of a flood how many."""

from dataclasses import dataclass, field, replace

import pytest

from sealroom.rooms.state import Participant
from sealroom.signalling import limits
from sealroom.signalling.conversation import Services
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode
from sealroom_wire.signalling import Role, Scene, Track
from server.tests import fakes
from server.tests.signalling.test_conversation import Talk, connect, enter, services

__all__ = ["services"]


@dataclass
class Refused:
    """Keeps what it is told."""

    told: list[tuple[str, ErrorCode, int]] = field(default_factory=list)

    def on_refusal(self, participant: Participant, code: ErrorCode, count: int) -> None:
        self.told.append((participant.user_id, code, count))

    def take(self) -> list[tuple[str, ErrorCode, int]]:
        told, self.told = self.told, []
        return told


@pytest.fixture
def kept() -> Refused:
    return Refused()


@pytest.fixture
async def alice(services: Services, kept: Refused) -> Talk:
    talk = connect(replace(services, refusals=kept))
    await talk.ask(enter("alice"), signalling.Entered)
    return talk


async def test_who_did_not_enter_has_no_events(services: Services, kept: Refused) -> None:
    talk = connect(replace(services, refusals=kept))
    await talk.ask(signalling.Leave(id=1), signalling.Refused)
    talk.conversation.closed(by_the_device=False)
    assert kept.told == []


async def test_what_is_refused_in_a_call_is_told_with_its_code(alice: Talk, kept: Refused) -> None:
    wish = signalling.Binding(50, 1, signalling.Source("bob", Track.MAIN))
    await alice.ask(signalling.Bind(id=2, bindings=(wish,)), signalling.Refused)
    await alice.ask(signalling.Mute(id=3, track=Track.SCREEN, muted=True), signalling.Refused)
    await alice.ask(signalling.SendCustom(id=4, data="AAAA"), signalling.Refused)
    assert kept.take() == [
        ("alice", ErrorCode.SLOT_UNKNOWN, 1),
        ("alice", ErrorCode.NOT_PUBLISHED, 1),
        ("alice", ErrorCode.CUSTOM_MESSAGE_NOT_SEALED, 1),
    ]
    await alice.ask(signalling.Ping(id=5), signalling.Pong)
    alice.conversation.closed(by_the_device=True)
    assert kept.told == []


async def test_a_refused_publish_is_told(services: Services, kept: Refused) -> None:
    talk = connect(replace(services, refusals=kept))
    await talk.ask(enter(scene=Scene.LIVE, role=Role.AUDIENCE), signalling.Entered)
    await talk.ask(signalling.Publish(id=2, track=Track.SCREEN), signalling.Refused)
    assert kept.told == [("alice", ErrorCode.AUDIENCE_CANNOT_PUBLISH, 1)]


async def test_a_flood_makes_few_events_which_say_how_many_they_stand_for(
    alice: Talk, kept: Refused, clock: fakes.VirtualClock
) -> None:
    asked = 0
    for _ in range(60):
        for _ in range(20):
            asked += 1
            await alice.say(signalling.KeyFrame(id=asked, slot=50))
        clock.advance(0.5)
    alice.conversation.closed(by_the_device=False)
    most = limits.REFUSAL_BURST + 30 * limits.REFUSALS_PER_SECOND + 1
    assert 10 < len(kept.told) <= most
    assert sum(count for _, _, count in kept.told) == asked


async def test_what_ends_a_call_is_told_too(alice: Talk, kept: Refused) -> None:
    await alice.say("{")
    assert kept.told == [("alice", ErrorCode.MALFORMED_MESSAGE, 1)]
    alice.conversation.closed(by_the_device=True)
    assert len(kept.told) == 1

# SPDX-License-Identifier: Apache-2.0
"""Custom messages of the Python client, sealed and opened by the native core: what is told, what waits, what is refused."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from sealroom_customer.client import CustomMessage, FrameRefused, _native
from sealroom_customer.client.custom import WAITING_MESSAGES, CustomMessages
from sealroom_wire.authority import Member, MemberRole
from sealroom_wire.base64url import b64u, from_b64u
from sealroom_wire.errors import Refusal

VECTORS = Path(__file__).resolve().parents[3] / "protocol" / "vectors"
APP, ROOM, INSTANCE = 1400000000, "room-abc", bytes(range(16))
SECRETS = {epoch: bytes([epoch]) * 64 for epoch in (1, 2, 3)}


@dataclass
class Members:
    """A roster."""

    members: dict[int, Member] = field(default_factory=dict)

    def member_at(self, index: int) -> Member | None:
        return self.members.get(index)

    def add(self, index: int, user: str, role: MemberRole = MemberRole.PUBLISH) -> None:
        self.members[index] = Member(index, user, role, "k", 0)


class Device:
    """A member's keys and messages, without a network."""

    def __init__(self, user: str, index: int, roster: Members) -> None:
        self.core = _native.Client()
        self.core.set_room(5, APP, "string", ROOM, INSTANCE, index)
        self.told: list[CustomMessage | FrameRefused] = []
        self.custom = CustomMessages(user, self.core, roster, self.told.append)

    def learn(self, epoch: int) -> None:
        self.core.add_secret(epoch, 0, SECRETS[epoch], False, 0)
        self.custom.retry()

    def say(self, command: int, data: bytes) -> str:
        text = self.custom.seal(command, data)
        assert text is not None
        return text

    def reasons(self) -> list[str]:
        return [one.reason for one in self.told if isinstance(one, FrameRefused)]


@pytest.fixture
def roster() -> Members:
    members = Members()
    for index, user in enumerate(("alice", "bob", "carol")):
        members.add(index, user)
    return members


@pytest.fixture
def alice(roster: Members) -> Device:
    device = Device("alice", 0, roster)
    device.learn(1)
    return device


@pytest.fixture
def bob(roster: Members) -> Device:
    device = Device("bob", 1, roster)
    device.learn(1)
    return device


async def test_a_message_is_told_with_its_command_its_sequence_and_its_sender(
    alice: Device, bob: Device
) -> None:
    for command, data in ((1, b"a"), (1, b"b"), (10, b"")):
        bob.custom.take("alice", alice.say(command, data))
    assert bob.told == [
        CustomMessage("alice", 1, 1, b"a"),
        CustomMessage("alice", 1, 2, b"b"),
        CustomMessage("alice", 10, 1, b""),
    ]
    assert b"secret" not in from_b64u(alice.say(1, b"secret" * 20))


async def test_a_changed_bit_anywhere_is_refused(alice: Device, bob: Device) -> None:
    frame = from_b64u(alice.say(1, b"x"))
    for place in range(len(frame) * 8):
        changed = bytearray(frame)
        changed[place // 8] ^= 1 << place % 8
        bob.custom.take("alice", b64u(bytes(changed)))
    bob.custom.close()
    assert not [one for one in bob.told if isinstance(one, CustomMessage)]
    assert {"bad_tag", "wrong_sender", "malformed"} <= set(bob.reasons())
    bob.custom.take("alice", b64u(frame))
    assert bob.told[-1] == CustomMessage("alice", 1, 1, b"x"), "none of them spoilt the true one"


async def test_a_message_is_told_once(alice: Device, bob: Device) -> None:
    text = alice.say(1, b"once")
    for _ in range(2):
        bob.custom.take("alice", text)
    assert bob.told == [CustomMessage("alice", 1, 1, b"once"), FrameRefused("replay")]
    assert bob.custom.refused == {"replay": 1}


async def test_under_another_name_it_is_refused_and_under_its_own_still_told(
    alice: Device, bob: Device
) -> None:
    text = alice.say(1, b"mine")
    bob.custom.take("carol", text)
    bob.custom.take("alice", text)
    assert bob.told == [FrameRefused("wrong_sender"), CustomMessage("alice", 1, 1, b"mine")]


async def test_what_comes_back_to_its_sender_or_is_of_who_may_not_speak_is_refused(
    alice: Device, bob: Device, roster: Members
) -> None:
    alice.custom.take("alice", alice.say(1, b"mine"))
    roster.add(0, "alice", MemberRole.RECEIVE)
    bob.custom.take("alice", alice.say(1, b"more"))
    assert alice.reasons() == bob.reasons() == ["wrong_sender"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("AAEAAAABaGVsbG8", "clear"),
        ("AAEAAAAB", "clear"),
        ("", "malformed"),
        ("*", "malformed"),
        ("A", "malformed"),
        ("gAAA", "malformed"),
    ],
)
async def test_a_body_in_clear_or_nonsense_is_refused(bob: Device, text: str, reason: str) -> None:
    bob.custom.take("alice", text)
    assert bob.told == [FrameRefused(reason)]


async def test_a_frame_of_another_track_is_no_message(alice: Device, bob: Device) -> None:
    media = bytearray(from_b64u(alice.say(1, b"x")))
    media[4] = media[4] & 0xF0 | 1
    bob.custom.take("alice", b64u(bytes(media)))
    assert bob.reasons() == ["wrong_sender"]


async def test_what_comes_before_its_key_waits_for_it(alice: Device, bob: Device) -> None:
    alice.learn(2)
    bob.custom.take("alice", alice.say(1, b"early"))
    assert bob.told == []
    bob.learn(2)
    assert bob.told == [CustomMessage("alice", 1, 1, b"early")]


async def test_what_comes_before_its_sender_is_on_the_roster_waits_too(
    alice: Device, roster: Members
) -> None:
    dave, late = Device("dave", 9, roster), alice
    dave.learn(1)
    late.custom.take("dave", dave.say(1, b"hello"))
    assert late.told == []
    roster.add(9, "dave")
    late.custom.retry()
    assert late.told == [CustomMessage("dave", 1, 1, b"hello")]


async def test_a_key_that_does_not_come_ends_the_wait_with_one_refusal(alice: Device, bob: Device) -> None:
    alice.learn(2)
    bob.custom.take("alice", alice.say(1, b"early"))
    bob.custom.retry()
    async with asyncio.timeout(10):
        while not bob.told:  # noqa: ASYNC110 - told by a timer
            await asyncio.sleep(0.02)
    assert bob.told == [FrameRefused("no_key")]
    bob.learn(2)
    assert len(bob.told) == 1


async def test_no_more_than_32_wait(alice: Device, bob: Device) -> None:
    alice.learn(2)
    for _ in range(WAITING_MESSAGES + 1):
        bob.custom.take("alice", alice.say(1, b"early"))
    assert bob.reasons() == ["no_key"]
    bob.learn(2)
    assert len([one for one in bob.told if isinstance(one, CustomMessage)]) == WAITING_MESSAGES


async def test_nothing_is_sealed_without_a_secret_and_no_sequence_is_used_up(roster: Members) -> None:
    device = Device("alice", 0, roster)
    assert device.custom.seal(1, b"x") is None
    with pytest.raises(Refusal):
        device.custom.seal(11, b"x")
    with pytest.raises(Refusal):
        device.custom.seal(1, bytes(1025))
    device.learn(1)
    assert device.custom._sequences == {}


async def test_the_vectors_open(roster: Members) -> None:
    roster.add(3, "dora")
    for case in msgspec.json.decode((VECTORS / "custom.json").read_bytes())["good"]:
        device = Device("bob", 1, roster)
        device.core.set_room(case["suite"], APP, "string", ROOM, INSTANCE, 1)
        device.core.add_secret(1, 0, bytes.fromhex(case["secret"]), False, 0)
        device.custom.take("dora", b64u(bytes.fromhex(case["sealed"])))
        wanted = CustomMessage("dora", case["command"], case["sequence"], bytes.fromhex(case["data"]))
        assert device.told == [wanted]

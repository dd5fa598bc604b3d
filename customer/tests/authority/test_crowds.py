# SPDX-License-Identifier: Apache-2.0
"""What a crowd costs: 200 who come within 2 s, and 200 who go. Messages and bytes are counted, not estimated."""

import itertools
from collections import Counter
from dataclasses import dataclass, field

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customer.tests.stage import APP, ROOM
from sealroom_customer.authority.exchange import Hang, Letter, Newcomer, Post
from sealroom_customer.authority.leaving import LEAVE_SECONDS
from sealroom_customer.authority.room import STEP_SECONDS, Room
from sealroom_customer.sealing.hpke import encode_member_key
from sealroom_wire.authority import MemberRole

SECONDS = 2.0
ENTRY_BYTES = 185
"""A member in a roster: key, user, role, index, since, and the quotes around them once more inside the signed text."""
FRAME_BYTES = 400
"""A body without its entries, its signature, and a sealed secret where there is one."""


@dataclass
class Crowd:
    """A room, and what was said in it: messages by kind, bytes by line."""

    room: Room = field(default_factory=lambda: Room(APP, ROOM, 5, Ed25519PrivateKey.generate()))
    now: float = 100.0
    messages: Counter[str] = field(default_factory=Counter)
    octets: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.lines = itertools.count(1)

    def run_to(self, end: float) -> None:
        while (due := self.room.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.room.on_deadline(self.now)
            self.count()
        self.now = end

    def count(self) -> None:
        for output in self.room.take():
            text = output.text if isinstance(output, Post) else self.written(output)
            if text is not None:
                body = msgspec.json.decode(msgspec.json.decode(text)["body"])
                self.messages[body["kind"]] += 1
                self.octets[output.line] += len(text)

    def written(self, output: Letter | Hang) -> str | None:
        return None if isinstance(output, Hang) else self.room.write(output)

    def come(self) -> int:
        key = ec.generate_private_key(ec.SECP256R1())
        line = next(self.lines)
        user = f"user-{line:04}"
        newcomer = Newcomer(
            line,
            user,
            MemberRole.PUBLISH,
            encode_member_key(key),
            key.public_key(),
            expires=1e9,
            since=1_800_000_000,
        )
        self.room.join(self.now, newcomer, 500)
        self.count()
        return line

    def go(self, line: int) -> None:
        self.room.left(self.now, line)
        self.count()


def crowd_of(size: int) -> tuple[Crowd, list[int]]:
    """A room that `size` members came to within 2 s."""
    crowd = Crowd()
    lines = []
    for one in range(size):
        crowd.run_to(100.0 + SECONDS * one / size)
        lines.append(crowd.come())
    crowd.run_to(100.0 + SECONDS + STEP_SECONDS)
    assert len(crowd.room.members) == size
    return crowd, lines


@pytest.mark.parametrize("size", [50, 100, 200])
def test_a_crowd_that_comes_costs_each_member_a_few_messages_and_bytes_for_each_other(size: int) -> None:
    crowd, lines = crowd_of(size)
    steps = SECONDS / STEP_SECONDS + 1
    assert crowd.messages["snapshot"] == size
    assert crowd.messages["secret"] == size, "nobody but the newcomer is sent a secret"
    # Who came later hears of fewer steps: of half of them, on average.
    assert 0 < crowd.messages["change"] <= steps / 2 * size
    assert set(crowd.messages) == {"snapshot", "secret", "change"}
    most = max(crowd.octets[line] for line in lines)
    assert most <= ENTRY_BYTES * size + FRAME_BYTES * (steps + 2)


def test_two_hundred_who_go_within_2_s_begin_three_epochs_at_most() -> None:
    crowd, lines = crowd_of(300)
    before, _ = crowd.room.version
    crowd.messages.clear()
    start = crowd.now
    for number, line in enumerate(lines[:200]):
        crowd.run_to(start + SECONDS * number / 200)
        crowd.go(line)
    crowd.run_to(start + SECONDS + LEAVE_SECONDS)
    epochs = crowd.room.version[0] - before
    assert len(crowd.room.members) == 100
    assert 1 <= epochs <= SECONDS / LEAVE_SECONDS + 1
    # One for each who is still there: 299 at the first, 100 at the last, and in between half of those who go have gone.
    assert crowd.messages["secret"] == crowd.messages["change"] <= epochs * 200

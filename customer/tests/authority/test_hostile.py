# SPDX-License-Identifier: Apache-2.0
"""100,000 seeded mutations of what a device says: each is refused or taken, and nothing else ever comes out."""

import random
from collections import Counter

import msgspec

from customer.tests.desk import NOW, Desk
from sealroom_customer.authority.line import decode
from sealroom_customer.authority.service import Authority
from sealroom_customer.clock import Timer
from sealroom_wire.authority import Join, Ping, Renew
from sealroom_wire.errors import ErrorCode, Refusal

PIECES = [
    b'"',
    b"{",
    b"}",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"[" * 2000,
    b"9" * 30,
    b"1e999",
    b"\xff",
    b",",
    b"-0",
    b"." * 5,
]


class StillClock:
    """Time stands."""

    def unix(self) -> float:
        return float(NOW)

    def monotonic(self) -> float:
        return 0.0

    def call_later(self, _seconds: float, _call: object) -> Timer:
        return self

    def cancel(self) -> None:
        """Nothing was planned."""


class Nowhere:
    """A line that nobody reads."""

    def post(self, _text: str) -> None: ...
    def hang_up(self) -> None: ...


def mutated(source: random.Random, good: bytes) -> bytes:
    octets = bytearray(good)
    for _ in range(source.randrange(1, 4)):
        place = source.randrange(len(octets) or 1)
        match source.randrange(4):
            case 0 if octets:
                octets[place] = source.randrange(256)
            case 1:
                del octets[place : place + source.randrange(1, 40)]
            case 2:
                octets[place:place] = source.choice(PIECES)
            case _:
                other = source.randrange(len(octets) or 1)
                octets[place:place] = octets[other : other + source.randrange(60)]
    return bytes(octets)


def test_no_message_brings_out_anything_but_a_refusal() -> None:
    desk = Desk()
    authority = Authority(desk.admission, desk.authority_key, StillClock())
    good = [
        msgspec.json.encode(Join(1, desk.grant(), desk.device().member_key, (5, 4))),
        msgspec.json.encode(Renew(desk.grant())),
        msgspec.json.encode(Ping("n" * 22)),
    ]
    source = random.Random(20261124)
    codes: Counter[ErrorCode | None] = Counter()
    for line in range(100_000):
        text = mutated(source, source.choice(good)).decode(
            "utf-8", source.choice(["replace", "surrogateescape"])
        )
        try:
            message = decode(text)
            if isinstance(message, Join):
                authority.join(line, Nowhere(), message)
            elif isinstance(message, Renew):
                authority.renew(line, message)
            codes[None] += 1
        except Refusal as refusal:
            codes[refusal.code] += 1
        authority.left(line)
    assert codes[ErrorCode.MALFORMED_MESSAGE] > 60_000
    assert {
        ErrorCode.GRANT_MALFORMED,
        ErrorCode.MEMBER_KEY_INVALID,
        ErrorCode.VERSION_NOT_SUPPORTED,
        ErrorCode.ENTER_FIRST,
    } <= set(codes)
    assert not authority._rooms
    assert not authority._homes

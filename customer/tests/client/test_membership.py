# SPDX-License-Identifier: Apache-2.0
"""What a client makes of the authority's word: the room's secrets when it is right, nothing when it is not."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customer.tests.stage import APP, ROOM, Stage
from sealroom_customer.authority.exchange import Newcomer
from sealroom_customer.authority.room import Room
from sealroom_customer.client.events import ClientFault
from sealroom_customer.client.membership import NEW_EPOCH_MS, Membership
from sealroom_customer.sealing.hpke import decode_member_key
from sealroom_customer.sealing.signed import NotTrusted, sign_body, verified_body
from sealroom_wire.authority import (
    Alive,
    AuthorityMessage,
    Change,
    Departure,
    LeftReason,
    Member,
    MemberRole,
    Secret,
    Signed,
    SignedBody,
    Snapshot,
)
from sealroom_wire.ids import RoomKind


@dataclass
class Keys:
    """A core that remembers what it was given."""

    rooms: list[tuple[object, ...]] = field(default_factory=list)
    secrets: list[tuple[int, int, bytes, bool, int]] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)

    def set_room(self, *room: object) -> None:
        self.rooms.append(room)

    def add_secret(
        self, epoch: int, step: int, secret: bytes, after_removal: bool, use_after_ms: int
    ) -> None:
        self.secrets.append((epoch, step, secret, after_removal, use_after_ms))

    def step(self, epoch: int, step: int) -> None:
        self.steps.append((epoch, step))


class Guest:
    """A client's membership in a staged room, beside the devices that are there."""

    def __init__(self, stage: Stage, user: str = "client") -> None:
        self.stage = stage
        self.keys = Keys()
        self.membership = Membership(APP, ROOM, user, self.keys)
        self.user = user
        self.said: list[Signed] = []

    def take(self, text: str) -> None:
        message = msgspec.json.decode(text, type=AuthorityMessage)
        if isinstance(message, Signed):
            self.said.append(message)
            self.membership.accept(verified_body(message, self.stage.key.public_key()), message.body)

    room: object = None

    def join(self, *, resume: bool = False) -> None:
        key = self.membership.begin(resume=resume)
        line = next(self.stage._numbers)
        self.stage.lines[line] = self  # type: ignore[assignment]
        newcomer = Newcomer(
            line, self.user, MemberRole.PUBLISH, key, decode_member_key(key), self.stage.now + 9999, 0
        )
        self.stage.room.join(self.stage.now, newcomer, 500)
        self.stage.deliver()


def staged() -> tuple[Stage, Guest]:
    stage = Stage()
    stage.join("alice")
    stage.pass_time(1)
    guest = Guest(stage)
    guest.join()
    return stage, guest


def test_a_client_follows_joins_leaves_removals_and_the_timer() -> None:
    stage, guest = staged()
    alice = next(device for device in stage.everyone if device.user == "alice")
    assert guest.keys.rooms == [(5, APP, "string", "r", alice.room.instance, 1)]  # type: ignore[union-attr]
    assert guest.keys.secrets == [(1, 1, alice.secret, False, 0)]
    bob = stage.join("bob")
    stage.pass_time(1)
    assert guest.keys.steps == [(1, 2)]
    assert guest.membership.index_of("bob") == 2
    stage.leave(bob)
    stage.pass_time(1)
    assert guest.keys.secrets[-1] == (2, 0, alice.secret, False, NEW_EPOCH_MS)
    assert guest.membership.index_of("bob") is None
    carol = stage.join("carol")
    stage.pass_time(1)
    stage.remove("carol")
    assert carol.put_out is not None
    assert guest.keys.secrets[-1] == (3, 0, alice.secret, True, NEW_EPOCH_MS)
    stage.pass_time(600)
    assert guest.keys.secrets[-1] == (4, 0, alice.secret, False, NEW_EPOCH_MS)
    assert [member.user for member in guest.membership.members] == ["alice", "client"]
    assert guest.membership.version == (4, 0)


def test_an_epoch_that_began_while_the_line_was_broken_counts_as_one_after_a_removal() -> None:
    stage, guest = staged()
    stage.join("mallory")
    stage.pass_time(1)
    stage.break_line(guest)  # type: ignore[arg-type]
    stage.remove("mallory")
    guest.join(resume=True)
    assert [member.user for member in guest.membership.members] == ["alice", "client"]
    (epoch, step, _, after_removal, wait) = guest.keys.secrets[-1]
    assert (epoch, step, after_removal) == (2, 0, True)
    assert wait == 0, "whoever was removed has the epoch before, and the others have left it already"
    assert guest.keys.rooms[0] == guest.keys.rooms[-1], "the same member"


def test_what_was_said_in_a_life_of_the_room_that_has_passed_is_not_taken_again() -> None:
    stage, guest = staged()
    told = list(guest.said)
    # The authority begins anew; the client shows its key again, as it may within 10 s.
    restarted = Stage(key=stage.key)
    guest.stage = restarted
    guest.join(resume=True)
    assert len({room[4] for room in guest.keys.rooms}) == 2
    # Then somebody on the line breaks it, and shows the first snapshot again.
    guest.membership.begin(resume=True)
    first = verified_body(told[0], stage.key.public_key())
    assert isinstance(first, Snapshot)
    with pytest.raises(NotTrusted, match="passed"):
        guest.membership.accept(first, told[0].body)
    assert len(guest.keys.rooms) == len(guest.keys.secrets) == 2


def test_a_client_that_is_removed_ends_with_that() -> None:
    stage, _ = staged()
    with pytest.raises(ClientFault) as caught:
        stage.remove("client")
    assert caught.value.code == "removed"


def bodies(guest: Guest) -> list[SignedBody]:
    return [verified_body(one, guest.stage.key.public_key()) for one in guest.said]


def test_a_body_with_another_signature_or_changed_by_a_byte_is_not_trusted() -> None:
    stage, guest = staged()
    signed = guest.said[0]
    for bad in (
        sign_body(bodies(guest)[0], Ed25519PrivateKey.generate()),
        Signed(signed.body.replace("alice", "al1ce"), signed.signature),
        Signed(signed.body + " ", signed.signature),
        Signed(signed.body, ""),
        Signed(signed.body, signed.signature[:-1] + "="),
        Signed(signed.body, "A" * 86),
    ):
        with pytest.raises(NotTrusted):
            verified_body(bad, stage.key.public_key())


def snapshot(guest: Guest) -> Snapshot:
    return next(body for body in bodies(guest) if isinstance(body, Snapshot))


def secret(guest: Guest) -> Secret:
    return next(body for body in bodies(guest) if isinstance(body, Secret))


def change(guest: Guest, **other: object) -> Change:
    fields: dict[str, object] = {
        "place": snapshot(guest).place,
        "epoch": 1,
        "step": 2,
        "joined": (),
        "left": (),
        "previous": guest.membership._standing.chain.head,  # type: ignore[union-attr]
    }
    return Change(**(fields | other))  # type: ignore[arg-type]


replace = msgspec.structs.replace


STRANGER = Departure(9, LeftReason.LEFT)
MISFITS: dict[str, Callable[[Guest], SignedBody]] = {
    "a second snapshot": lambda guest: snapshot(guest),
    "a change after another": lambda guest: change(guest, previous="A" * 43),
    "the same step": lambda guest: change(guest, step=1),
    "a step left out": lambda guest: change(guest, step=3),
    "an epoch that begins at step 1": lambda guest: change(guest, epoch=2, step=1),
    "an epoch left out": lambda guest: change(guest, epoch=3, step=0),
    "an epoch below 0": lambda guest: change(guest, epoch=-1),
    "a user twice": lambda guest: change(guest, joined=(snapshot(guest).members[0],)),
    "an index beyond all": lambda guest: change(guest, joined=(another(guest, index=70000),)),
    "a leaver who was not there": lambda guest: change(guest, epoch=2, step=0, left=(STRANGER,)),
    "a leave by step": lambda guest: change(guest, left=(Departure(0, LeftReason.LEFT),)),
    "another application": lambda guest: change(guest, place=replace(snapshot(guest).place, app=APP + 1)),
    "another room": lambda guest: change(guest, place=replace(snapshot(guest).place, room="s")),
    "another kind of room": lambda guest: change(
        guest, place=replace(snapshot(guest).place, kind=RoomKind.NUMBER)
    ),
    "another instance": lambda guest: change(guest, place=replace(snapshot(guest).place, instance="A" * 22)),
    "a secret for another": lambda guest: replace(secret(guest), to=0),
    "a secret of another epoch": lambda guest: replace(secret(guest), epoch=2, step=0),
    "a secret of another chain": lambda guest: replace(secret(guest), head="A" * 43),
    "an enc off the curve": lambda guest: replace(secret(guest), enc="A" * 87),
    "another ciphertext": lambda guest: replace(secret(guest), ciphertext="A" * 107),
    "a short ciphertext": lambda guest: replace(secret(guest), ciphertext="A" * 10),
}


def another(guest: Guest, **other: object) -> Member:
    return replace(snapshot(guest).members[0], **({"user": "x", "index": 9} | other))


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_not_trusted_though_it_is_rightly_signed(name: str) -> None:
    stage, guest = staged()
    signed = sign_body(MISFITS[name](guest), stage.key)
    before = (list(guest.keys.secrets), list(guest.keys.steps))
    with pytest.raises(NotTrusted):
        guest.membership.accept(verified_body(signed, stage.key.public_key()), signed.body)
    assert (guest.keys.secrets, guest.keys.steps) == before


def test_a_snapshot_without_us_under_our_key_is_not_trusted() -> None:
    stage, guest = staged()
    good = snapshot(guest)
    for bad in (
        replace(good, you=0),
        replace(good, you=9),
        replace(good, suite=1),
        replace(good, members=good.members[:1]),
        replace(good, members=(*good.members, replace(good.members[0], index=5))),
        replace(good, place=replace(good.place, instance="A")),
        replace(good, head="A"),
    ):
        fresh = Guest(stage)
        key = fresh.membership.begin(resume=False)
        mine = tuple(replace(one, key=key) if one.user == "client" else one for one in bad.members)
        with pytest.raises(NotTrusted):
            fresh.membership.accept(replace(bad, members=mine), "")
        assert not fresh.keys.rooms
    swapped = Guest(stage)
    swapped.membership.begin(resume=False)
    with pytest.raises(NotTrusted, match="roster"):
        swapped.membership.accept(good, "")


def test_a_secret_of_an_epoch_that_has_passed_is_not_taken() -> None:
    stage, guest = staged()
    known = guest.membership._latest_epoch
    assert known is not None
    guest.membership._latest_epoch = (known[0], 3)
    with pytest.raises(NotTrusted, match="passed"):
        stage.pass_time(600)
    assert len(guest.keys.secrets) == 1


def test_a_life_of_the_room_that_has_passed_does_not_come_back() -> None:
    """Who ends TLS on the line may have kept the words of before the authority's restart: they are signed, and for our key."""
    stage, guest = staged()
    kept = guest.said[0]
    stage.lines.clear()
    stage.everyone.clear()
    stage.room = Room(APP, ROOM, 5, stage.key)
    stage.join("alice")
    stage.pass_time(1)
    guest.join(resume=True)
    assert len({room[4] for room in guest.keys.rooms}) == 2
    guest.membership.begin(resume=True)
    before = (len(guest.keys.rooms), len(guest.keys.secrets))
    with pytest.raises(NotTrusted, match="passed"):
        guest.take(msgspec.json.encode(kept).decode())
    assert (len(guest.keys.rooms), len(guest.keys.secrets)) == before


def test_nothing_but_its_secret_may_follow_an_epoch() -> None:
    """Who drops just the secret would keep us sealing with the epoch before, and the answers to our pings coming."""
    stage, guest = staged()
    begins = change(guest, epoch=2, step=0)
    signed = sign_body(begins, stage.key)
    guest.membership.accept(begins, signed.body)
    here = {"place": begins.place, "epoch": 2, "step": 0}
    head = guest.membership._standing.chain.head  # type: ignore[union-attr]
    for body in (
        Alive(**here, nonce="n" * 22, head=head),  # type: ignore[arg-type]
        Change(**here | {"step": 1}, joined=(), left=(), previous=head),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotTrusted, match="secret is missing"):
            guest.membership.accept(body, "")

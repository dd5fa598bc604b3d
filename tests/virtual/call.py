# SPDX-License-Identifier: Apache-2.0
"""A sealed call in virtual time: the real authority, members' real key rings, slow lines to the authority and a network for media
that delays and reorders."""

import itertools
import random
from collections.abc import Callable
from functools import partial
from typing import Literal, Protocol, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sealroom_sim import Mesh

from customer.tests.clock import VirtualClock
from sealroom_customer.authority.admission import Admission, Issuer
from sealroom_customer.authority.exchange import Happening
from sealroom_customer.authority.identity import public_text
from sealroom_customer.authority.service import Authority
from sealroom_customer.clock import Timer
from sealroom_customer.signing import GrantSigner
from sealroom_wire.authority import MemberRole, Place
from sealroom_wire.ids import room_string
from tests.virtual.account import Account
from tests.virtual.phone import Phone, Wire

FRAME_SECONDS = 0.02
MEDIA_DELAY_MS, MEDIA_JITTER_MS = 60, 100
"""Longest delay of one pair of members, and what a frame may take beyond it: frames sent within it overtake each other."""
TURN_SECONDS = 0.03
"""One turn of a busy authority's loop. With `SLICE` members a turn an epoch takes up to 0.1 s to go out to six."""
GRANT_SECONDS = 900
Kind: TypeAlias = Literal["number", "string"]


class Media(Protocol):
    """Members' key rings, and what carries their frames: see `sealroom_sim.Mesh`."""

    def add(self) -> int: ...
    def set_link(self, source: int, to: int, delay_ms: int, jitter_ms: int) -> None: ...
    def set_room(
        self, member: int, suite: int, app: int, kind: Kind, room: str, instance: bytes, index: int
    ) -> None: ...
    def add_secret(
        self, member: int, epoch: int, step: int, secret: bytes, after_removal: bool, use_after_ms: int
    ) -> bool: ...
    def step(self, member: int, epoch: int, step: int) -> bool: ...
    def talk(self, member: int) -> tuple[int, bytes] | None: ...
    def run_to(self, milliseconds: float) -> list[tuple[float, int, int, int, int, str]]: ...


class Call:
    """Everything there is, seeded; what is random in keys shows in nothing that is drawn or counted."""

    application = 1400000000
    room = room_string("races")

    def __init__(
        self, seed: int, *, key_silence: int = 30, media: Media | None = None, account: Account | None = None
    ) -> None:
        self.source = random.Random(seed)
        self.media: Media = media or Mesh(seed)
        self.account = account or Account()
        self.clock = VirtualClock(self._media_flows)
        self.phones: list[Phone] = []
        self.authority_runs = True
        self._key_silence = key_silence
        self._lines = itertools.count(1)
        self._wires: list[Wire] = []
        self._backend, self._key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        self.authority_key = self._key.public_key().public_bytes_raw()
        self._signer = GrantSigner("shop", "keys", public_text(self._key), self._backend)
        self.authority = self._authority()
        self.clock.call_later(FRAME_SECONDS, self._talk)
        self.talking = True

    # who is there

    @property
    def present(self) -> list[Phone]:
        """Phones that are or want to be in the room."""
        return [phone for phone in self.phones if not phone.ended]

    def enter(self, user: str, *, life: int | None = None) -> Phone:
        """A user enters on a new device. With `life` the backend signs one grant that is good for so many seconds, and no more."""
        grants = itertools.count()

        def grant() -> str | None:
            return self._grant(user, life or GRANT_SECONDS) if life is None or next(grants) == 0 else None

        number = self.media.add()
        phone = Phone(self, number, user, grant, self.source.getrandbits(32))
        self.phones.append(phone)
        self.account.entered(phone)
        for other in range(number):
            for pair in ((number, other), (other, number)):
                self.media.set_link(*pair, self.source.randrange(5, MEDIA_DELAY_MS), MEDIA_JITTER_MS)
        phone.connect()
        return phone

    def remove(self, user: str) -> None:
        """The customer's backend puts a user out."""
        self.authority.remove(self.application, self.room, user)

    def cut(self, phone: Phone, how: str) -> None:
        """A member's line breaks."""
        if phone.wire is not None:
            self.account.cut(phone)
            phone.wire.cut("dead" if how == "dead" else "broken")

    def restart(self, down: float) -> None:
        """The authority is killed, and is there again after `down` seconds with nothing but its key."""
        self.authority_runs = False
        self.account.restarted(self.present)
        for wire in self._wires:
            if wire.open:
                wire.open = False
                self.clock.call_later(self.source.uniform(0, 0.1), partial(wire.phone.over, wire))
        self._wires.clear()
        self._life.goes_on = False
        self.authority = self._authority()

        def runs() -> None:
            self.authority_runs = True

        self.clock.call_later(down, runs)

    def wire(self, phone: Phone, source: random.Random) -> Wire:
        """A new line of a phone."""
        wire = Wire(self, phone, next(self._lines), source)
        self._wires.append(wire)
        return wire

    # what flows

    def run(self, seconds: float) -> None:
        """Time passes."""
        self.clock.run_to(self.clock.monotonic() + seconds)

    def say(self, phone: Phone) -> None:
        """One frame of a member to everybody."""
        if phone.may_send and (sent := self.media.talk(phone.number)) is not None:
            self.account.sent(phone, *sent)

    def _talk(self) -> None:
        if self.talking:
            for phone in self.phones:
                self.say(phone)
        self.clock.call_later(FRAME_SECONDS, self._talk)

    def _media_flows(self, now: float) -> None:
        for fate in self.media.run_to(now * 1_000):
            self.account.came(*fate)
        self.account.now = now

    def _grant(self, user: str, life: int) -> str:
        return self._signer.sign(
            sdk_app_id=self.application,
            room=self.room,
            user_id=user,
            role=MemberRole.PUBLISH,
            now=int(self.clock.unix()),
            life=life,
            max_key_silence=self._key_silence,
        )

    def _authority(self) -> Authority:
        issuer = Issuer("shop", (self._backend.public_key(),), frozenset({self.application}))
        admission = Admission.of("keys", [issuer], public_text(self._key), began=int(self.clock.unix()))
        self._life = life = _Life(self.account)
        return Authority(admission, self._key, _BusyClock(self.clock), watchers=[life])


class _BusyClock:
    """The clock of an authority that has much to do: whatever it puts off to the next turn of its loop takes a while."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.unix, self.monotonic = clock.unix, clock.monotonic

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return self._clock.call_later(seconds or TURN_SECONDS, call)


class _Life:
    """Lets the account hear of one life of the authority; its timers still run when it has been killed."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.goes_on = True

    def happened(self, place: Place, happening: Happening) -> None:
        if self.goes_on:
            self._account.happened(place, happening)

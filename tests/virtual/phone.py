# SPDX-License-Identifier: Apache-2.0
"""One member's device in virtual time: the client's own rules of membership and silence, over lines whose delay a seed draws.

`AuthorityLine` itself speaks to a socket of asyncio. What it decides stands in `Membership` and `Hearing`, which are used here as
they are; this file is the socket, and the order of its calls.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from sealroom_customer.authority.exchange import refused_text
from sealroom_customer.client.authority_line import PASSING
from sealroom_customer.client.events import ClientFault
from sealroom_customer.client.hearing import (
    BACKOFF_SECONDS,
    PING_SECONDS,
    SILENCE_SECONDS,
    Hearing,
    renewal_wait,
)
from sealroom_customer.client.membership import Membership
from sealroom_customer.client.own_grant import OwnGrant, fault_of, read_own_grant
from sealroom_customer.sealing.schedule import SUITES
from sealroom_customer.sealing.signed import verified_body
from sealroom_wire import PROTOCOL_VERSION
from sealroom_wire.authority import (
    AuthorityMessage,
    DeviceMessage,
    Join,
    Ping,
    Refused,
    Renew,
    Secret,
    Snapshot,
)
from sealroom_wire.base64url import b64u
from sealroom_wire.errors import ErrorCode, Refusal

if TYPE_CHECKING:
    from tests.virtual.call import Call

LINE_SECONDS = 0.4
"""The slowest line takes this long one way."""
_message = msgspec.json.Decoder(AuthorityMessage)
Grant = Callable[[], str | None]


class Wire:
    """One line to the authority. Each way keeps its order; each message takes its own time."""

    def __init__(self, call: "Call", phone: "Phone", number: int, source: random.Random) -> None:
        self.number = number
        self.open = True
        self._call = call
        self.phone = phone
        self._source = source
        self._usual = source.uniform(0, LINE_SECONDS)
        self._last = {"up": 0.0, "down": 0.0}

    def say(self, message: DeviceMessage) -> None:
        """The device says something."""
        self._carry("up", lambda: self._arrived(message))

    def post(self, text: str) -> None:
        """The authority says something."""
        self._carry("down", lambda: self.phone.take(self, text))

    def hang_up(self) -> None:
        """The authority closes the line, after what it said."""
        self._carry("down", lambda: self.phone.over(self))

    def close(self, *, leaving: bool) -> None:
        """The device closes the line, by a handshake that says that it leaves, or without a word."""
        authority = self._call.authority
        end = authority.left if leaving else authority.broke
        self._carry("up", lambda: end(self.number))
        self.phone.over(self, again=False)

    def cut(self, how: Literal["broken", "dead"]) -> None:
        """Nothing on its way arrives. Both ends notice when it is `broken`; when it is `dead` only by the silence."""
        self.open = False
        if how == "broken":
            authority, clock = self._call.authority, self._call.clock
            clock.call_later(self._delay(), lambda: authority.broke(self.number))
            clock.call_later(self._delay(), lambda: self.phone.over(self))

    def _arrived(self, message: DeviceMessage) -> None:
        """As the real line does: whoever breaks the rules is told so, and is gone."""
        authority = self._call.authority
        try:
            if isinstance(message, Join):
                authority.join(self.number, self, message)
            elif isinstance(message, Renew):
                authority.renew(self.number, message)
            else:
                authority.heard(self.number, message.nonce)
        except Refusal as refusal:
            self.post(refused_text(refusal.code))
            self.hang_up()
            authority.left(self.number)

    def _delay(self) -> float:
        return min(LINE_SECONDS, self._usual * self._source.uniform(0.5, 1.5))

    def _carry(self, way: Literal["up", "down"], call: Callable[[], None]) -> None:
        now = self._call.clock.monotonic()
        self._last[way] = max(self._last[way], now + self._delay())
        authority = self._call.authority

        def arrive() -> None:
            # What is on its way when the authority is started anew is lost with the line.
            if self.open and self._call.authority is authority:
                call()

        self._call.clock.call_later(self._last[way] - now, arrive)


@dataclass
class _Keys:
    """Hands secrets to the member's key ring, as the client does."""

    phone: "Phone"
    instance: bytes = b""

    def set_room(
        self, suite: int, app: int, kind: Literal["number", "string"], room: str, instance: bytes, index: int
    ) -> None:
        self.instance = instance
        self.phone.call.media.set_room(self.phone.number, suite, app, kind, room, instance, index)

    def add_secret(
        self, epoch: int, step: int, secret: bytes, after_removal: bool, use_after_ms: int
    ) -> None:
        mesh, number = self.phone.call.media, self.phone.number
        assert mesh.add_secret(number, epoch, step, secret, after_removal, use_after_ms)
        self.phone.call.account.told(self.phone, (epoch, step), secret)
        self.phone.call.account.keyed(self.phone, (epoch, step))

    def step(self, epoch: int, step: int) -> None:
        assert self.phone.call.media.step(self.phone.number, epoch, step), (
            "a step from a secret that is not here"
        )
        self.phone.call.account.keyed(self.phone, (epoch, step))


class Phone:
    """A device that wants to be in the room until it leaves or is put out."""

    def __init__(self, call: "Call", number: int, user: str, grant: Grant, seed: int) -> None:
        self.call = call
        self.number = number
        self.user = user
        self.keys = _Keys(self)
        self.membership = Membership(call.application, call.room, user, self.keys)
        self.hearing = Hearing()
        self.wire: Wire | None = None
        self.fault: ClientFault | None = None
        self.left = False
        self._grant = grant
        self._own: OwnGrant | None = None
        self._source = random.Random(seed)
        self._tries = 0
        self._heard_here = 0.0

    @property
    def ended(self) -> bool:
        """Whether it is over for good."""
        return self.left or self.fault is not None

    @property
    def may_send(self) -> bool:
        """Whether the client would seal a frame now, given a key."""
        return not self.ended and not self.hearing.silent(self.call.clock.monotonic())

    @property
    def key_silence(self) -> int:
        """Seconds of silence that its grant allows."""
        return 0 if self._own is None else self._own.max_key_silence

    def is_in(self, instance: str) -> bool:
        """Whether its keys are of this life of the room."""
        return b64u(self.keys.instance) == instance

    def connect(self) -> None:
        """Tries to join: with a fresh grant, and the member key of before while that may resume."""
        if self.ended or self.wire is not None:
            return
        token = self._grant()
        if token is None:
            self._end(fault_of(ErrorCode.GRANT_EXPIRED))
            return
        if not self.call.authority_runs:
            self._try_again()
            return
        clock = self.call.clock
        self._own = own = read_own_grant(
            token,
            application=self.call.application,
            room=self.call.room,
            user=self.user,
            now=clock.unix(),
        )
        resume = self.hearing.begin(clock.monotonic())
        member_key = self.membership.begin(resume=resume)
        self.call.account.showed(self, member_key)
        self.wire = wire = self.call.wire(self, random.Random(self._source.random()))
        self._heard_here = clock.monotonic()
        wire.say(Join(PROTOCOL_VERSION, own.token, member_key, SUITES))
        self._ping_later(wire)
        clock.call_later(renewal_wait(own.expires - clock.unix()), lambda: self._renew(wire))

    def leave(self) -> None:
        """The user leaves."""
        self.left = True
        self.call.account.ended(self, "left")
        if self.wire is not None:
            self.wire.close(leaving=True)

    def over(self, wire: Wire, *, again: bool = True) -> None:
        """A line ended."""
        if wire is self.wire:
            self.wire = None
            if again and not self.ended:
                self._try_again()

    def take(self, wire: Wire, text: str) -> None:
        """A message of the authority."""
        if wire is not self.wire or self._own is None:
            return
        self._heard_here = self.call.clock.monotonic()
        message = _message.decode(text)
        if isinstance(message, Refused):
            if message.code in PASSING:
                wire.close(leaving=False)
                self._try_again()
            else:
                self._end(fault_of(message.code))
            return
        body = verified_body(message, self._own.verifier)
        try:
            self.membership.accept(body, message.body)
        except ClientFault as fault:
            self._end(fault)
            return
        self.hearing.take(body)
        self._tries = 0
        if isinstance(body, Snapshot):
            self.hearing.allow(float(self._own.max_key_silence))
            self._ask(wire)
        elif isinstance(body, Secret):
            self.call.account.secret_came(self)

    def _end(self, fault: ClientFault) -> None:
        self.fault = fault
        if self.wire is not None:
            self.wire.close(leaving=False)
        self.call.account.ended(self, fault.code)

    def _try_again(self) -> None:
        wait = BACKOFF_SECONDS[min(self._tries, len(BACKOFF_SECONDS) - 1)]
        self._tries += 1
        self.call.clock.call_later(wait, self.connect)

    def _ask(self, wire: Wire) -> None:
        wire.say(Ping(self.hearing.ask(self.call.clock.monotonic())))

    def _ping_later(self, wire: Wire) -> None:
        def due() -> None:
            if wire is not self.wire:
                return
            if self.call.clock.monotonic() - self._heard_here >= SILENCE_SECONDS:
                wire.open = False
                self.over(wire)
                return
            self._ask(wire)
            self._ping_later(wire)

        self.call.clock.call_later(PING_SECONDS, due)

    def _renew(self, wire: Wire) -> None:
        token = self._grant()
        if wire is not self.wire or token is None:
            return
        clock = self.call.clock
        wire.say(Renew(token))
        left = (
            read_own_grant(
                token,
                application=self.call.application,
                room=self.call.room,
                user=self.user,
                now=clock.unix(),
            ).expires
            - clock.unix()
        )
        clock.call_later(renewal_wait(left), lambda: self._renew(wire))

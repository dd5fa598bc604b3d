# SPDX-License-Identifier: Apache-2.0
"""What a room says to its lines, in order: `protocol/sealing.md` section 8."""

from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealroom_customer.authority.exchange import (
    Greeting,
    Hang,
    Letter,
    LineId,
    Output,
    Post,
    Sealing,
    refused_text,
)
from sealroom_customer.authority.roster import Entry
from sealroom_customer.authority.scribe import Scribe
from sealroom_customer.sealing.schedule import Scope
from sealroom_customer.sealing.signed import head_of
from sealroom_wire.authority import (
    ZERO_HEAD,
    Alive,
    Change,
    Departure,
    LeftReason,
    Member,
    Place,
    SecretReason,
    Snapshot,
)
from sealroom_wire.errors import ErrorCode


class Speech:
    """Collects what is to be sent. `version` is the epoch and step that are spoken of."""

    def __init__(self, place: Place, scope: Scope, signing_key: Ed25519PrivateKey) -> None:
        self._place = place
        self._suite = scope.suite
        self._scribe = Scribe(place, scope, signing_key)
        self._head = ZERO_HEAD
        self._outputs: list[Output] = []

    def take(self) -> list[Output]:
        """What is to be sent since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def write(self, letter: Letter) -> str:
        """A letter's text."""
        return self._scribe.write(letter)

    def change(
        self,
        version: tuple[int, int],
        joined: Iterable[Entry],
        gone: Mapping[int, LeftReason],
        lines: Iterable[LineId | None],
    ) -> None:
        """Tells those who were here who came and went; later words name this one."""
        body = Change(
            place=self._place,
            epoch=version[0],
            step=version[1],
            joined=tuple(entry.member for entry in joined),
            left=tuple(Departure(index, reason) for index, reason in gone.items()),
            previous=self._head,
        )
        text, octets = self._scribe.change(body)
        self._head = head_of(octets)
        self._outputs += [Post(line, text) for line in lines if line is not None]

    def greet(self, version: tuple[int, int], entry: Entry, members: tuple[Member, ...]) -> None:
        """Shows a newcomer the roster."""
        if entry.line is None:
            return
        snapshot = Snapshot(
            place=self._place,
            epoch=version[0],
            step=version[1],
            suite=self._suite,
            offered=entry.suites,
            you=entry.index,
            members=members,
            head=self._head,
        )
        self._outputs.append(Greeting(entry.line, snapshot))

    def secret(self, version: tuple[int, int], entry: Entry, secret: bytes, reason: SecretReason) -> None:
        """Sends a member the secret of a version."""
        if entry.line is None:
            return
        sealing = Sealing(entry.line, entry.index, entry.public_key, *version, secret, reason, self._head)
        self._outputs.append(sealing)

    def alive(self, version: tuple[int, int], line: LineId, nonce: str) -> None:
        """Answers a `ping` with where the room stands.

        Signed, because a sender goes on only while the authority is heard: whoever ends TLS on the way must not be able to speak for it.
        """
        alive = Alive(place=self._place, epoch=version[0], step=version[1], nonce=nonce, head=self._head)
        self._outputs.append(Post(line, self._scribe.signed(alive)))

    def hang_up(self, lines: Iterable[LineId | None]) -> None:
        """These lines are over."""
        self._outputs += [Hang(line) for line in lines if line is not None]

    def refuse(self, line: LineId, code: ErrorCode) -> None:
        """Says why, and closes the line."""
        self._outputs += [Post(line, refused_text(code)), Hang(line)]

# SPDX-License-Identifier: Apache-2.0
"""What the authority's signed word makes of us: roster, chain of changes, secrets. `protocol/sealing.md` section 8.

No I/O and no clock. **A body is given to `accept` only after its signature was verified**; whatever does not fit raises.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from sealroom_customer.client.events import ClientFault
from sealroom_customer.sealing.authentication import authentication_words
from sealroom_customer.sealing.hpke import (
    ENC_BYTES,
    MEMBER_KEY_BYTES,
    encode_member_key,
    new_member_key,
    open_sealed,
)
from sealroom_customer.sealing.schedule import INSTANCE_BYTES, LAST_INDEX, LAST_STEP, SUITES, Scope
from sealroom_customer.sealing.signed import NotTrusted, head_of
from sealroom_wire.authority import (
    Alive,
    Change,
    LeftReason,
    Member,
    Place,
    Secret,
    SecretReason,
    SignedBody,
    Snapshot,
)
from sealroom_wire.base64url import b64u, from_b64u
from sealroom_wire.ids import RoomId

NEW_EPOCH_MS = 300
"""From the receipt of a new epoch to its use for sending, so that the others have it too."""


class KeySink(Protocol):
    """Where secrets go: the native core."""

    def set_room(
        self, suite: int, app: int, kind: Literal["number", "string"], room: str, instance: bytes, index: int
    ) -> None:
        """Which room's life secrets are for, and our place in its roster."""

    def add_secret(
        self, epoch: int, step: int, secret: bytes, after_removal: bool, use_after_ms: int
    ) -> None:
        """A secret of the authority."""

    def step(self, epoch: int, step: int) -> None:
        """The room stepped forward."""


@dataclass(slots=True)
class _Chain:
    """Where one line stands."""

    scope: Scope
    you: int
    epoch: int
    step: int
    head: str


@dataclass(slots=True)
class _Standing:
    """Our half of one line: the key it joined with, and where the chain of changes stands."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    encoded: str
    chain: _Chain | None = None
    has_secret: bool = False
    awaits_secret: bool = False
    """An epoch was told whose secret has to come next: who holds it back would keep us sealing with one that others have."""


class Membership:
    """Our membership of one room, over all lines to its authority."""

    def __init__(self, application: int, room: RoomId, user: str, sink: KeySink) -> None:
        self._application = application
        self._room = room
        self._user = user
        self._sink = sink
        self._standing: _Standing | None = None
        self._latest_epoch: tuple[bytes, int] | None = None
        self._instance: bytes | None = None
        self._passed: set[bytes] = set()
        """Lives of the room that another came after: what was said in them was kept by somebody, and comes again."""
        self._members: dict[int, Member] = {}
        self._indices: dict[str, int] = {}

    @property
    def version(self) -> tuple[int, int]:
        """Epoch and step as the authority last said; (0, 0) before."""
        chain = self._standing.chain if self._standing else None
        return (chain.epoch, chain.step) if chain else (0, 0)

    @property
    def members(self) -> tuple[Member, ...]:
        """The roster as signed, oldest index first."""
        return tuple(self._members[index] for index in sorted(self._members))

    def words(self, authority_key: bytes) -> tuple[str, ...]:
        """The authentication string of the roster under this key of the authority (32 bytes); empty without a roster."""
        if not self._members:
            return ()
        members = [(member.user, _octets(member.key, MEMBER_KEY_BYTES)) for member in self._members.values()]
        return authentication_words(authority_key, self._application, self._room, members)

    def index_of(self, user: str) -> int | None:
        """A user's place in the roster."""
        return self._indices.get(user)

    def member_at(self, index: int) -> Member | None:
        """Who has a place in the roster."""
        return self._members.get(index)

    def begin(self, *, resume: bool) -> str:
        """A new line begins; returns the member key as `join` carries it. What we know stays until the snapshot.

        With `resume` the key of the line before is shown again: while the authority has us as absent we are the same member.
        """
        before = self._standing if resume else None
        key = before.key if before else new_member_key()
        self._standing = _Standing(key, encode_member_key(key))
        return self._standing.encoded

    def accept(self, body: SignedBody, text: str) -> None:
        """Takes a verified body, `text` being its bytes.

        Raises:
            NotTrusted: it does not fit what came before, or our room.
            ClientFault: we are no longer a member.
        """
        standing = self._standing
        if standing is None:
            raise NotTrusted("it speaks before it was asked")
        self._check_place(body.place, standing.chain)
        if not 1 <= body.epoch < 2**64 or not 0 <= body.step <= LAST_STEP:
            raise NotTrusted("an epoch or step that there is none")
        if standing.awaits_secret and not isinstance(body, Secret) and not _puts_out(body, standing):
            raise NotTrusted("a secret is missing")
        if isinstance(body, Snapshot):
            self._take_snapshot(body, standing)
        elif standing.chain is None:
            raise NotTrusted("it begins without a snapshot")
        elif isinstance(body, Change):
            self._take_change(body, text, standing.chain)
            standing.awaits_secret = standing.chain.step == 0
        elif isinstance(body, Alive):
            self._take_alive(body, standing.chain)
        else:
            self._take_secret(body, standing, standing.chain)

    def _check_place(self, place: Place, chain: _Chain | None) -> None:
        if (place.app, place.kind, place.room) != (self._application, self._room.kind, self._room.id):
            raise NotTrusted("it speaks of another room")
        if chain is not None and place.instance != b64u(chain.scope.instance):
            raise NotTrusted("it changed its instance on one line")

    def _take_snapshot(self, body: Snapshot, standing: _Standing) -> None:
        if standing.chain is not None:
            raise NotTrusted("a second snapshot")
        if body.offered != SUITES:
            # Somebody on the line struck the better ones.
            raise NotTrusted("it heard other suites than we offered")
        suite = next((one for one in SUITES if one == body.suite), None)
        if suite is None:
            raise NotTrusted("a suite that we do not speak")
        me = next((one for one in body.members if one.index == body.you), None)
        if me is None or me.user != self._user or me.key != standing.encoded:
            raise NotTrusted("we are not on its roster")
        instance = _octets(body.place.instance, INSTANCE_BYTES)
        _octets(body.head, 32)
        self._enter_life(instance, body.epoch)
        self._members, self._indices = {}, {}
        for member in body.members:
            self._add(member)
        scope = Scope(suite, self._application, self._room, instance)
        standing.chain = _Chain(scope, body.you, body.epoch, body.step, body.head)
        standing.awaits_secret = True
        self._sink.set_room(
            body.suite, self._application, self._room.kind.value, self._room.id, instance, body.you
        )

    def _enter_life(self, instance: bytes, epoch: int) -> None:
        """Whoever showed us an old snapshot again would have us seal under its secrets, with counters that were used."""
        known = self._latest_epoch
        if instance in self._passed or (known is not None and known[0] == instance and epoch < known[1]):
            raise NotTrusted("a life of the room that has passed")
        if self._instance is not None and self._instance != instance:
            self._passed.add(self._instance)
        self._instance = instance

    def _take_change(self, body: Change, text: str, chain: _Chain) -> None:
        if body.previous != chain.head:
            raise NotTrusted("a change is missing")
        steps = (body.epoch, body.step) == (chain.epoch, chain.step + 1) and not body.left
        if not steps and (body.epoch, body.step) != (chain.epoch + 1, 0):
            raise NotTrusted("a change does not follow the one before")
        own = next((one for one in body.left if one.index == chain.you), None)
        if own is not None:
            raise _put_out(own.reason)
        for departure in body.left:
            self._drop(departure.index)
        for member in body.joined:
            self._add(member)
        chain.head = head_of(text)
        chain.epoch, chain.step = body.epoch, body.step
        if steps:
            self._sink.step(body.epoch, body.step)

    def _take_alive(self, body: Alive, chain: _Chain) -> None:
        if (body.epoch, body.step, body.head) != (chain.epoch, chain.step, chain.head):
            raise NotTrusted("a change is missing")

    def _take_secret(self, body: Secret, standing: _Standing, chain: _Chain) -> None:
        fits = (body.to, body.epoch, body.step, body.head) == (chain.you, chain.epoch, chain.step, chain.head)
        if not fits:
            raise NotTrusted("a secret that is not for now, or not for us")
        info = chain.scope.secret_info(body.epoch, body.step, body.to)
        try:
            secret = open_sealed(
                _octets(body.enc, ENC_BYTES),
                _octets(body.ciphertext, chain.scope.secret_bytes + 16),
                standing.key,
                info,
            )
        except ValueError:
            raise NotTrusted("a secret that does not open") from None
        known = self._latest_epoch
        same_life = known is not None and known[0] == chain.scope.instance
        if known is not None and same_life and body.epoch < known[1]:
            raise NotTrusted("an epoch that has passed")
        at_once = known is None or not same_life or body.epoch == known[1]
        # What happened while we were away is not known: somebody may have been removed, and the others have changed already.
        missed = not standing.has_secret and same_life and not at_once
        standing.has_secret, standing.awaits_secret = True, False
        self._latest_epoch = (chain.scope.instance, body.epoch)
        self._sink.add_secret(
            body.epoch,
            body.step,
            secret,
            body.reason is SecretReason.REMOVAL or missed,
            0 if at_once or missed else NEW_EPOCH_MS,
        )

    def _add(self, member: Member) -> None:
        if (
            not 0 <= member.index <= LAST_INDEX
            or member.index in self._members
            or member.user in self._indices
        ):
            raise NotTrusted("one place twice, or a place that there is none")
        self._members[member.index] = member
        self._indices[member.user] = member.index

    def _drop(self, index: int) -> None:
        member = self._members.pop(index, None)
        if member is None:
            raise NotTrusted("somebody left who was not there")
        del self._indices[member.user]


def _puts_out(body: SignedBody, standing: _Standing) -> bool:
    """Whether it is the change that puts us out: then the secret before it is not sent any more."""
    you = standing.chain.you if standing.chain else None
    return isinstance(body, Change) and any(departure.index == you for departure in body.left)


def _put_out(reason: LeftReason) -> ClientFault:
    if reason is LeftReason.EXPIRED:
        return ClientFault("grant_expired", "The grant has expired.", "Ask your backend for a new grant.")
    if reason is LeftReason.LOST:
        return ClientFault("line_lost", "The authority lost our line.")
    if reason is LeftReason.REPLACED:
        return ClientFault("replaced_by_new_entry", "The same user entered from elsewhere.")
    return ClientFault("removed", "The authority put us out of the room.", "Ask whoever may let you in.")


def _octets(text: str, length: int) -> bytes:
    try:
        return from_b64u(text, length)
    except ValueError:
        raise NotTrusted("bytes that are none, or of the wrong length") from None

# SPDX-License-Identifier: Apache-2.0
"""One room of the authority: roster, epochs and steps, and what is sent to whom. `protocol/sealing.md` sections 3 and 8.

No I/O and no clock: `now` is monotonic seconds. **After every call the caller sends what `take()` returns, in order, and calls
`on_deadline` when `deadline()` has come.** What it returns as a letter is written by `write` when its turn comes, which may be later.

Timing. Whoever comes first in 200 ms is let in at once; those who come within 200 ms after a step share the next one, when the
200 ms are over. Leaves begin an epoch at once, but at most one a second; removals and expired grants do not wait. A member whose line
broke goes on with another one at once, but at most once a second. What the operator says of such a member begins an epoch, see `hints`.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealroom_customer.authority.exchange import (
    Admitted,
    Began,
    Departed,
    Happening,
    Letter,
    LineId,
    Newcomer,
    Output,
    Sealing,
)
from sealroom_customer.authority.hints import Hints
from sealroom_customer.authority.leaving import Leaving, secret_reason
from sealroom_customer.authority.returning import Returning
from sealroom_customer.authority.roster import Entry, Roster
from sealroom_customer.authority.speech import Speech
from sealroom_customer.sealing.schedule import INSTANCE_BYTES, LAST_STEP, Scope, SuiteId
from sealroom_wire.authority import LeftReason, Member, Place, SecretReason
from sealroom_wire.base64url import b64u
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId

STEP_SECONDS = 0.2
"""Joins share a step for this long. Longer makes fewer steps in a storm of joins; a newcomer waits at most this long."""
EPOCH_SECONDS = 600.0
"""Life of an epoch when nobody leaves."""
SILENCE_SECONDS = 10.0
"""A line silent for this long is lost. Devices ping every 2 s."""


class Room:
    """The state machine of one room in one life of the authority."""

    def __init__(
        self,
        application: int,
        room: RoomId,
        suite: SuiteId,
        signing_key: Ed25519PrivateKey,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._scope = Scope(suite, application, room, entropy(INSTANCE_BYTES))
        self._place = Place(application, room.kind, room.id, b64u(self._scope.instance))
        self._speech = Speech(self._place, self._scope, signing_key)
        self._entropy = entropy
        self._roster = Roster()
        self._waiting: dict[str, Newcomer] = {}
        self._leaving = Leaving()
        self._returning = Returning()
        self._hints = Hints()
        self._secret = b""
        self._epoch, self._step = 0, 0
        self._changed_at = self._epoch_at = float("-inf")
        self._check_at = float("inf")
        self._limit = 0
        self._happened: list[Happening] = []

    @property
    def suite(self) -> SuiteId:
        """The cipher suite of the room, chosen when it began."""
        return self._scope.suite

    @property
    def version(self) -> tuple[int, int]:
        """Epoch and step as they stand."""
        return self._epoch, self._step

    @property
    def members(self) -> tuple[Member, ...]:
        """The roster, in the order of joining."""
        return tuple(entry.member for entry in self._roster)

    @property
    def place(self) -> Place:
        """Application, room and instance."""
        return self._place

    @property
    def absent(self) -> int:
        """Members whose line is broken just now."""
        return sum(1 for entry in self._roster if entry.line is None)

    @property
    def empty(self) -> bool:
        """Nobody is here or waits; the caller drops the room. Its keys are then nobody's."""
        return not self._waiting and len(self._leaving) == len(self._roster)

    def take(self) -> list[Output]:
        """What is to be sent since the last call."""
        return self._speech.take()

    def write(self, letter: Letter) -> str | None:
        """A letter's text, once its turn has come. None for a secret of somebody who was put out meanwhile: he must not be sent it
        any more, though the epoch was his when it began."""
        if isinstance(letter, Sealing) and self._roster.of_line(letter.line) is None:
            return None
        return self._speech.write(letter)

    def take_happened(self) -> list[Happening]:
        """What is to be recorded since the last call, in order."""
        happened, self._happened = self._happened, []
        return happened

    def dissolve(self) -> None:
        """Ends this life of the room: every line is closed, and who comes again does so in the next one."""
        waiting = (newcomer.line for newcomer in self._waiting.values())
        here = (entry.line for entry in self._roster)
        self._speech.hang_up((*waiting, *self._returning.lines, *here))
        self._waiting.clear()
        for entry in self._roster:
            self._happened.append(Departed(entry.member, LeftReason.REPLACED, self._epoch))
            self._drop(entry)
        self._leaving.clear()
        self._secret = b""
        self._check_at = self._epoch_at = float("inf")

    # what happens

    def join(self, now: float, newcomer: Newcomer, limit: int) -> None:
        """Lets somebody in: at once or with the next step. A user who is here already is replaced, unless the member key is
        the same: then the member goes on with the new line.

        Raises:
            Refusal: `room_full` beyond `limit` members; `grant_replayed` for a grant that has admitted its member before, when that
                is gone: whoever read it on the way could bring back a name, and whoever has one come and go without end.
        """
        self._limit = limit
        present = self._roster.of_user(newcomer.user)
        if present is not None and present.resumed_by(newcomer) and present.index not in self._leaving:
            self._resume(now, present, newcomer)
            return
        waiting = self._waiting.get(newcomer.user)
        if newcomer.again and (waiting is None or waiting.key != newcomer.key):
            raise Refusal(ErrorCode.GRANT_REPLAYED)
        others = len(self._roster) - len(self._leaving) + len(self._waiting)
        if present is None and newcomer.user not in self._waiting and others >= limit:
            raise Refusal(ErrorCode.ROOM_FULL)
        before = self._waiting.pop(newcomer.user, None)
        if before is not None:
            self._speech.refuse(before.line, ErrorCode.REPLACED_BY_NEW_ENTRY)
        if present is not None:
            self._depart(present, LeftReason.REPLACED, now)
        self._waiting[newcomer.user] = newcomer
        self.on_deadline(now)

    def heard(self, now: float, line: LineId, nonce: str) -> None:
        """A `ping` came on the line of a member; it is answered with where the room stands."""
        entry = self._roster.of_line(line)
        if entry is not None:
            entry.heard = now
            self._speech.alive(self.version, line, nonce)

    def renew(self, now: float, line: LineId, expires: float) -> None:
        """The member on `line`, or who waits there, showed a grant that lasts until `expires`."""
        entry = self._roster.of_line(line) or self._returning_on(line)
        if entry is not None:
            entry.heard, entry.expires = now, expires
            self._check_at = min(self._check_at, entry.due(SILENCE_SECONDS))
            self.on_deadline(now)
            return
        for user, newcomer in self._waiting.items():
            if newcomer.line == line:
                self._waiting[user] = replace(newcomer, expires=expires)

    def left(self, now: float, line: LineId) -> None:
        """The device closed its line."""
        entry = self._roster.of_line(line) or self._returning_on(line)
        self._forget_waiting(line)
        if entry is not None:
            self._roster.detach(entry)
            self._depart(entry, LeftReason.LEFT, now)
        self.on_deadline(now)

    def broke(self, now: float, line: LineId) -> None:
        """The line broke. The member is absent, and lost when nothing was heard of it for 10 s."""
        self._forget_waiting(line)
        entry = self._roster.of_line(line)
        if entry is not None:
            self._roster.detach(entry)
        self.on_deadline(now)

    def remove(self, now: float, user: str) -> bool:
        """Puts a user out, at once. Returns whether he was here or waited."""
        waiting = self._waiting.pop(user, None)
        if waiting is not None:
            self._speech.refuse(waiting.line, ErrorCode.GRANT_EXPIRED)
        entry = self._roster.of_user(user)
        if entry is not None:
            self._depart(entry, LeftReason.REMOVED, now)
        self.on_deadline(now)
        return waiting is not None or entry is not None

    def hint(self, now: float, user: str | None) -> bool:
        """The operator says that a user is out of the call; None: everybody is. Nobody is removed by that, and whose line is open
        keeps his keys. Returns whether an epoch begins sooner: somebody's line is broken who knows the present one."""
        absent = [
            entry for entry in self._roster if user in (None, entry.member.user) and self._may_be_gone(entry)
        ]
        for entry in absent:
            self._hints.add(entry.index)
        self.on_deadline(now)
        return bool(absent)

    # time

    def deadline(self) -> float | None:
        """When `on_deadline` has to be called; None while nothing is due."""
        due = min(self._joins_due(), self._epoch_due(), self._returning.due(), self._check_at)
        return None if due == float("inf") else due

    def on_deadline(self, now: float) -> None:
        """Does what is due at `now`; harmless when nothing is."""
        if now >= self._check_at:
            self._look_for_the_lost(now)
        if self.empty:
            self._end(now)
        elif now >= self._epoch_due():
            self._begin_epoch(now)
        elif now >= self._joins_due():
            # Nobody is here who could step, the steps have run out, or the indices have.
            if (
                not len(self._roster)
                or self._step == LAST_STEP
                or not self._roster.has_room(len(self._waiting))
            ):
                self._begin_epoch(now)
            else:
                self._step_on(now)
        self._greet_returned(now)

    def _joins_due(self) -> float:
        """Newcomers wait for the end of the last change's 200 ms; who takes a leaver's place, for that leave, also in a full room:
        no roster may be longer than devices take."""
        fits = not self._leaving or len(self._roster) + len(self._waiting) <= self._limit
        free = any(self._roster.of_user(user) is None for user in self._waiting)
        return self._changed_at + STEP_SECONDS if fits and free else float("inf")

    def _epoch_due(self) -> float:
        """For a leave, a hint, or because the one before is old."""
        earliest = self._changed_at + STEP_SECONDS
        timer = self._epoch_at + EPOCH_SECONDS if self._epoch else float("inf")
        return min(self._leaving.due(earliest), self._hints.due(earliest), timer)

    def _may_be_gone(self, entry: Entry) -> bool:
        """Whether somebody is absent and knows the present epoch: else a new one would keep nothing from him."""
        back = entry.line is not None or entry.index in self._returning
        return not back and entry.index not in self._leaving and entry.epoch == self._epoch

    def _look_for_the_lost(self, now: float) -> None:
        for entry in self._roster:
            if entry.index in self._leaving:
                continue
            if now >= entry.expires:
                self._depart(entry, LeftReason.EXPIRED, now)
            elif now >= entry.heard + SILENCE_SECONDS:
                self._depart(entry, LeftReason.LOST, now)
        for user in [user for user, one in self._waiting.items() if now >= one.expires]:
            self._speech.refuse(self._waiting.pop(user).line, ErrorCode.GRANT_EXPIRED)
        present = (entry.due(SILENCE_SECONDS) for entry in self._roster if entry.index not in self._leaving)
        waiting = (one.expires for one in self._waiting.values())
        self._check_at = min((*present, *waiting), default=float("inf"))

    # changes

    def _depart(self, entry: Entry, reason: LeftReason, now: float) -> None:
        self._leaving.add(entry.index, reason, now)
        back = self._returning.drop(entry.index)
        if back is not None and reason is not LeftReason.LEFT:
            replaced = reason is LeftReason.REPLACED
            self._speech.refuse(
                back, ErrorCode.REPLACED_BY_NEW_ENTRY if replaced else ErrorCode.GRANT_EXPIRED
            )

    def _step_on(self, now: float) -> None:
        """Newcomers are let in; everyone else steps by himself."""
        self._step += 1
        self._secret = self._scope.after(self._secret)
        here = list(self._roster)
        joined = self._let_in(now)
        self._change(now, here, joined, {})
        self._welcome(joined)

    def _begin_epoch(self, now: float) -> None:
        """A new secret, sent to each who stays and each who comes."""
        gone = self._leaving.take(now)
        reason = secret_reason(gone, hinted=self._hints.take(now), timer=not self._waiting)
        here = list(self._roster)
        self._epoch, self._step = self._epoch + 1, 0
        self._secret = self._scope.first(self._epoch, self._entropy(self._scope.secret_bytes))
        self._epoch_at = now
        self._put_off(here, gone)
        staying = list(self._roster)
        if not self._roster.has_room(len(self._waiting)):
            self._roster.number_anew()
        began = len(self._happened)
        joined = self._let_in(now)
        self._happened.insert(began, Began(self._epoch, reason, len(self._roster)))
        if self._epoch > 1:
            self._change(now, here, joined, gone)
        else:
            self._changed_at = now
        self._speech.hang_up(entry.line for entry in here if entry.index in gone)
        for entry in staying:
            self._send_secret(entry, reason)
        self._welcome(joined)

    def _let_in(self, now: float) -> list[Entry]:
        """Puts those who wait on the roster, except those whose former self is still leaving."""
        joined: list[Entry] = []
        for user in [user for user in self._waiting if self._roster.of_user(user) is None]:
            newcomer = self._waiting.pop(user)
            entry = self._roster.add(
                Member(0, user, newcomer.role, newcomer.key, newcomer.since),
                newcomer.public_key,
                newcomer.line,
                heard=now,
                expires=newcomer.expires,
                suites=newcomer.suites,
            )
            self._check_at = min(self._check_at, entry.due(SILENCE_SECONDS))
            self._happened.append(Admitted(entry.member, self._epoch, self._step))
            joined.append(entry)
        return joined

    def _put_off(self, here: list[Entry], gone: dict[int, LeftReason]) -> None:
        for entry in here:
            reason = gone.get(entry.index)
            if reason is not None:
                self._drop(entry)
                self._happened.append(Departed(entry.member, reason, self._epoch))

    def _change(
        self, now: float, here: list[Entry], joined: list[Entry], gone: dict[int, LeftReason]
    ) -> None:
        self._changed_at = now
        self._speech.change(self.version, joined, gone, (entry.line for entry in here))

    def _welcome(self, joined: list[Entry]) -> None:
        members = self.members
        for entry in joined:
            self._speech.greet(self.version, entry, members)
            self._send_secret(entry, SecretReason.JOIN)

    def _send_secret(self, entry: Entry, reason: SecretReason) -> None:
        if entry.line is not None:
            entry.epoch = self._epoch
            self._speech.secret(self.version, entry, self._secret, reason)

    def _resume(self, now: float, entry: Entry, newcomer: Newcomer) -> None:
        """The line of before is over at once, so that its end is no leave; the new one is greeted when that is due."""
        before = entry.line, self._returning.put(entry.index, newcomer)
        self._roster.detach(entry)
        self._hints.drop(entry.index)
        for line in before:
            if line is not None:
                self._speech.refuse(line, ErrorCode.REPLACED_BY_NEW_ENTRY)
        entry.heard, entry.expires, entry.suites = now, newcomer.expires, newcomer.suites
        self._check_at = min(self._check_at, entry.due(SILENCE_SECONDS))
        self.on_deadline(now)

    def _greet_returned(self, now: float) -> None:
        for index, line in self._returning.take(now):
            entry = self._roster.at(index)
            self._roster.attach(entry, line)
            self._welcome([entry])

    def _returning_on(self, line: LineId) -> Entry | None:
        index = self._returning.of_line(line)
        return None if index is None else self._roster.at(index)

    def _drop(self, entry: Entry) -> None:
        self._roster.drop(entry.index)
        self._returning.drop(entry.index)
        self._returning.forget(entry.index)
        self._hints.drop(entry.index)

    # lines

    def _forget_waiting(self, line: LineId) -> None:
        for user, one in list(self._waiting.items()):
            if one.line == line:
                del self._waiting[user]
        returning = self._returning.of_line(line)
        if returning is not None:
            self._returning.drop(returning)

    def _end(self, now: float) -> None:
        """Nobody is left: those who were put out hear of it, and no new epoch is needed."""
        gone = self._leaving.take(now)
        here = list(self._roster)
        if any(entry.line is not None for entry in here):
            self._epoch, self._step = self._epoch + 1, 0
            self._change(now, here, [], gone)
        self._speech.hang_up(entry.line for entry in here)
        self._secret = b""
        self._put_off(here, gone)
        self._check_at = self._epoch_at = float("inf")

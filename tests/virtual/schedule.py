# SPDX-License-Identifier: Apache-2.0
"""What happens in a call, drawn from a seed: who comes, goes, is put out, loses the line or the authority, and when."""

from collections.abc import Callable
from typing import Any

from tests.virtual.account import Account
from tests.virtual.call import FRAME_SECONDS, Call, Media
from tests.virtual.phone import LINE_SECONDS

MOST_PRESENT = 6
QUIET_SECONDS = 60.0
"""In which everybody must have come together again; 20 would do, for a line that falls silent without a word."""


LAST_FRAMES = 10
"""What everybody says at the end, and everybody hears."""


class Schedule:
    """One call from beginning to end."""

    def __init__(
        self,
        seed: int,
        *,
        media: Media | None = None,
        account: Account | None = None,
        most: int = MOST_PRESENT,
        may_miss: int = 0,
    ) -> None:
        """`most` are present at a time; each may miss so many of the last frames of each."""
        self.call = Call(seed, key_silence=5 if seed % 5 == 0 else 30, media=media, account=account)
        self._most, self._may_miss = most, may_miss
        self._source = self.call.source
        self._users = 0
        self._restarts = 1
        self._deeds: list[tuple[int, Callable[[], None]]] = [
            (6, self._enter),
            (3, self._leave),
            (4, self._remove),
            (3, lambda: self._cut("broken")),
            (1, lambda: self._cut("dead")),
            (1, self._enter_for_a_while),
            (2, self._enter_again),
            (1, self._restart),
        ]

    def run(self) -> list[str]:
        """Runs it; returns what must not be."""
        for _ in range(self._source.randrange(2, 5)):
            self._enter()
            self.call.run(self._source.uniform(0, 0.3))
        self.call.run(1.0)
        for _ in range(self._source.randrange(6, 12)):
            self._do_something()
            shortest, longest = self._source.choice([(0, 0.03), (0.03, 0.4), (0.4, 1.5)])
            self.call.run(self._source.uniform(shortest, longest))
        self.call.run(1.0)
        return [*self._come_together(), *self.call.account.breaches]

    def _do_something(self) -> None:
        weights = [weight for weight, _ in self._deeds]
        (_, deed), = self._source.choices(self._deeds, weights)  # fmt: skip
        deed()

    # deeds

    def _enter(self) -> None:
        if len(self.call.present) < self._most:
            self._users += 1
            self.call.enter(f"user-{self._users}")

    def _enter_for_a_while(self) -> None:
        if len(self.call.present) < self._most:
            self._users += 1
            self.call.enter(f"user-{self._users}", life=self._source.randrange(2, 6))

    def _enter_again(self) -> None:
        """A user enters on another device."""
        if self.call.present and len(self.call.present) < self._most:
            self.call.enter(self._source.choice(self.call.present).user)

    def _leave(self) -> None:
        if len(self.call.present) > 1:
            self._source.choice(self.call.present).leave()

    def _remove(self) -> None:
        if len(self.call.present) > 1:
            self.call.remove(self._source.choice(self.call.present).user)

    def _cut(self, how: str) -> None:
        if self.call.present:
            self.call.cut(self._source.choice(self.call.present), how)

    def _restart(self) -> None:
        if self._restarts:
            self._restarts -= 1
            self.call.restart(self._source.uniform(0, 3))

    # the end

    def _come_together(self) -> list[str]:
        """Nothing more happens: all must end in one version with one roster, and open each other's frames."""
        call = self.call
        call.talking = False
        end = call.clock.monotonic() + QUIET_SECONDS
        while (apart := self._apart()) and call.clock.monotonic() < end:
            call.run(1.0)
        # The delay of the last epoch and everything that is on its way.
        call.run(1.0 + LINE_SECONDS)
        before = call.account.opened.copy()
        for _ in range(LAST_FRAMES):
            for phone in call.present:
                call.say(phone)
            call.run(FRAME_SECONDS)
        call.run(1.0)
        call.account.settle()
        opened = call.account.opened - before
        numbers = [phone.number for phone in call.present]
        deaf = [
            f"{to} does not hear {at}"
            for to in numbers
            for at in numbers
            if to != at and opened[to, at] < LAST_FRAMES - self._may_miss
        ]
        return [*apart, *deaf]

    def _apart(self) -> list[str]:
        """In what those who are present differ."""
        phones = self.call.present
        rooms = list(self.call.authority.rooms())
        if not phones:
            return []
        if not rooms:
            return ["nobody came back"]
        (room,) = rooms
        if {phone.user for phone in phones} != {member.user for member in room.members}:
            return ["not everybody is on the roster, or somebody is who is gone"]
        found: dict[str, set[Any]] = {
            "version": {phone.membership.version for phone in phones} | {(room.epoch, room.step)},
            "life of the room": {phone.is_in(room.place.instance) for phone in phones} | {True},
            "roster": {phone.membership.members for phone in phones}
            | {tuple(sorted(room.members, key=lambda one: one.index))},
            "words": {phone.membership.words(self.call.authority_key) for phone in phones},
            "line": {phone.may_send and phone.wire is not None and phone.wire.open for phone in phones}
            | {True},
        }
        return [f"they differ in {what}: {said}" for what, said in found.items() if len(said) != 1]

# SPDX-License-Identifier: Apache-2.0
"""Where members get what it takes to enter: from the backend of a call page, or from keys at hand."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from sealroom_customer.client import Entry
from sealroom_customer.errors import StartError
from sealroom_customer.signing import GrantSigner, TicketSigner
from sealroom_wire.authority import MemberRole
from sealroom_wire.ids import room_string

_LIFE = 2 * 3600
"""Seconds that tickets and grants live: longer than any load test."""


class Admission(Protocol):
    """Lets members in, as `bots.tokens.TokenSource` does."""

    async def entry(self, user: str, room: str) -> Entry:
        """What `Client.enter` wants. Raises StartError when it is not given."""


@dataclass(frozen=True, slots=True)
class SignedHere:
    """Signs for a real deployment. Without `grants` members can only enter without sealing."""

    operator: str
    sdk_app_id: int
    tickets: TicketSigner = field(repr=False)
    authority: str = ""
    grants: GrantSigner | None = field(default=None, repr=False)

    async def entry(self, user: str, room: str) -> Entry:
        """As `Admission.entry`; nobody is asked."""
        now, where = int(time.time()), room_string(room)

        async def grant() -> str:
            if self.grants is None:
                raise StartError(
                    "grants_missing",
                    "There is no key to sign grants with.",
                    "Give one, or load without sealing.",
                )
            return self.grants.sign(
                sdk_app_id=self.sdk_app_id,
                room=where,
                user_id=user,
                role=MemberRole.PUBLISH,
                now=int(time.time()),
                life=_LIFE,
            )

        return Entry(
            operator=self.operator,
            sdk_app_id=self.sdk_app_id,
            user_id=user,
            user_sig=self.tickets.user_sig(user, now=now, life=_LIFE),
            room=where,
            authority=self.authority,
            grant=grant,
        )

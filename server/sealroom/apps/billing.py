# SPDX-License-Identifier: Apache-2.0
"""How an application was billed at any moment. **What is written is the mode that ended and when**, so that the newest always stands with the
application itself, whichever program changed it."""

from bisect import bisect_right
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.apps.models import BillingMode, applications, billing_modes
from sealroom.core.db import insert_new


@dataclass(frozen=True, slots=True)
class Modes:
    """Of one application. `before`: modes that ended, each with when (Unix milliseconds), in order."""

    now: BillingMode
    before: tuple[tuple[int, BillingMode], ...] = ()

    def at(self, moment: int) -> BillingMode:
        """The mode that it had just before `moment`, Unix milliseconds."""
        place = bisect_right(self.before, moment - 1, key=lambda one: one[0])
        return self.before[place][1] if place < len(self.before) else self.now


async def write_ended(connection: AsyncConnection, sdk_app_id: int, mode: BillingMode, until: int) -> None:
    """That it has another mode from `until` on, Unix milliseconds."""
    await insert_new(
        connection, billing_modes, {"sdk_app_id": sdk_app_id, "until": until, "mode": mode.value}
    )


async def modes_of(connection: AsyncConnection, sdk_app_id: int) -> Modes | None:
    """All of them; None where there is no such application."""
    own = select(applications.c.billing_mode).where(applications.c.sdk_app_id == sdk_app_id)
    now = (await connection.execute(own)).scalar_one_or_none()
    if now is None:
        return None
    ended = select(billing_modes.c.until, billing_modes.c.mode).where(
        billing_modes.c.sdk_app_id == sdk_app_id
    )
    rows = await connection.execute(ended.order_by(billing_modes.c.until))
    return Modes(BillingMode(now), tuple((row.until, BillingMode(row.mode)) for row in rows))

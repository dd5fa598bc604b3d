# SPDX-License-Identifier: Apache-2.0
"""What may have many rows is read beside what entries ask: no page, list or sum stands in the line of the single questions."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sealroom.core.db import Database
from sealroom.rooms.bans import Bans
from sealroom.usage.models import BUCKET_MS, DAY_MS
from sealroom.usage.service import UsageService
from sealroom.webhooks.letters import Letters
from sealroom.webhooks.outbox import Outbox
from server.tests.administration import Desk
from server.tests.asked import question_held
from server.tests.fakes import APP, UIN, VirtualClock


class Shelf(Desk):
    """Everything that pages are read from."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        super().__init__(database, clock)
        self.bans = Bans(database, self.audit, clock)
        self.letters, self.outbox = Letters(database, self.audit, clock), Outbox(database, clock)
        self.usage = UsageService(database, clock)


PAGES: dict[str, Callable[[Shelf], Awaitable[object]]] = {
    "accounts": lambda shelf: shelf.accounts.all(),
    "api keys": lambda shelf: shelf.api_keys.page(UIN, after=(0, ""), limit=100),
    "applications": lambda shelf: shelf.register.page(UIN, after=0, limit=100),
    "audit": lambda shelf: shelf.audit.page(["application 1"], after=0, limit=100),
    "bans": lambda shelf: shelf.bans.page(APP, after=("", "", ""), limit=100),
    "events by application": lambda shelf: shelf.outbox.count(),
    "letters": lambda shelf: shelf.letters.page(),
    "usage by days": lambda shelf: shelf.usage.steps([APP], 0, 2**50, DAY_MS),
    "usage by rooms": lambda shelf: shelf.usage.by_room(APP, 0, 2**50),
    "usage by steps": lambda shelf: shelf.usage.steps([APP], 0, 2**50, BUCKET_MS),
}


@pytest.mark.parametrize("read", PAGES.values(), ids=PAGES.keys())
async def test_a_page_does_not_stand_in_the_line_of_entries(
    database: Database, clock: VirtualClock, read: Callable[[Shelf], Awaitable[object]]
) -> None:
    shelf = Shelf(database, clock)
    async with asyncio.timeout(10):
        with question_held(database):
            assert not await read(shelf)

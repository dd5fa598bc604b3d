# SPDX-License-Identifier: Apache-2.0
"""The site that a database belongs to: the first process that opens it decides, and no other site's ever may."""

from collections.abc import Awaitable, Callable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.db import Database, insert_new
from sealroom.core.errors import StartError
from sealroom.regions.models import home


async def claim(
    database: Database, site: str, first: Callable[[AsyncConnection, str], Awaitable[None]]
) -> None:
    """Makes the database this site's, where it is nobody's yet; `first` then brings older rows along, in the same transaction.

    Raises:
        StartError: it is another site's. Nothing was changed.
    """
    owner = await _owner(database)
    if owner is None:
        async with database.writing() as connection:
            # Of two sites that start on one new database, one is refused below.
            if await insert_new(connection, home, {"one": 1, "name": site}):
                await first(connection, site)
        owner = await _owner(database)
    if owner != site:
        raise StartError(
            "database_of_another_site",
            f"The database belongs to the site {owner}, and this process to {site}.",
            "Give each site a database of its own, and every command the configuration of its site.",
        )


async def _owner(database: Database) -> str | None:
    found = await database.ask(select(home.c.name))
    return found[0].name if found else None

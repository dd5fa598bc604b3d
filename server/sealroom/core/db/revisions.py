# SPDX-License-Identifier: Apache-2.0
"""Conditional changes: every row that people change has a `revision`, and a change may say which one it was made from."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, Table, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.errors import ConflictError, MissingError

Key: TypeAlias = Mapping[str, object]
NOTHING = ""
"""The tag of what is not there."""
ANYTHING = "*"
"""Expected where any tag will do but NOTHING."""


async def locked_row(
    connection: AsyncConnection, table: Table, what: str, key: Key, expected_revision: int | None = None
) -> Row[Any]:
    """A row that nobody else changes before this transaction's end. `what` it is called goes into the errors.

    Raises:
        MissingError: there is none.
        ConflictError: it has another revision than the expected one. None expects nothing.
    """
    found = (await connection.execute(select(table).where(_mine(table, key)).with_for_update())).one_or_none()
    if found is None:
        name = " ".join(str(part) for part in key.values())
        raise MissingError(
            f"{what}_unknown".replace(" ", "_"), f"There is no {what} {name}.", "Look at the list."
        )
    if expected_revision not in (None, found.revision):
        raise ConflictError(
            "revision_conflict",
            f"The {what} has revision {found.revision}, and the change was made from revision {expected_revision}.",
            "Read it again, and decide again.",
        )
    return found


async def change_row(
    connection: AsyncConnection, table: Table, key: Key, values: Mapping[str, object]
) -> None:
    """Changes a row that is locked, and raises its revision."""
    statement = update(table).where(_mine(table, key)).values(revision=table.c.revision + 1, **values)
    await connection.execute(statement)


def check_tag(what: str, present: str, expected: str | None) -> None:
    """The same for what has no revision: a tag names its state. None expects nothing.

    Raises:
        ConflictError: it has another tag than the expected one.
    """
    if expected in (None, present) or (expected == ANYTHING and present != NOTHING):
        return
    state = (
        "is not there"
        if present == NOTHING
        else "is there"
        if expected == NOTHING
        else "was changed meanwhile"
    )
    raise ConflictError("revision_conflict", f"The {what} {state}.", "Read it again, and decide again.")


def _mine(table: Table, key: Key) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in key.items()))

# SPDX-License-Identifier: Apache-2.0
"""What a database was asked."""

from sqlalchemy import event

from sealroom.core.db import Database


def questions_to(database: Database) -> list[str]:
    """The single questions that are put to it from now on, as they come."""
    asked: list[str] = []
    asking = database._asking
    engine = database._engine.sync_engine if asking is None else asking._engine
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    return asked

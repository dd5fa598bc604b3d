# SPDX-License-Identifier: Apache-2.0
"""Relational state: SQLite in WAL mode, or PostgreSQL. Features declare their tables on `metadata`; migrations run at start.

**Nothing outside this package knows which of the two it is.**
"""

from sealroom.core.db.changes import Watch, number_of, raise_number
from sealroom.core.db.database import AWAY, Database
from sealroom.core.db.revisions import change_row, locked_row
from sealroom.core.db.statements import insert_new, upsert
from sealroom.core.db.tables import metadata

__all__ = [
    "AWAY",
    "Database",
    "Watch",
    "change_row",
    "insert_new",
    "locked_row",
    "metadata",
    "number_of",
    "raise_number",
    "upsert",
]

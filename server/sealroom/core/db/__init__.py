# SPDX-License-Identifier: Apache-2.0
"""Relational state: SQLite in WAL mode, or PostgreSQL. Features declare their tables on `metadata`; migrations run at start.

**Nothing outside this package knows which of the two it is.**
"""

from sealroom.core.db.changes import Watch, number_of, raise_number
from sealroom.core.db.committed import Changes
from sealroom.core.db.database import AWAY, Also, Database
from sealroom.core.db.revisions import ANYTHING, NOTHING, change_row, check_tag, locked_row
from sealroom.core.db.statements import insert_new, upsert
from sealroom.core.db.tables import COUNTED, metadata

__all__ = [
    "ANYTHING",
    "AWAY",
    "COUNTED",
    "NOTHING",
    "Also",
    "Changes",
    "Database",
    "Watch",
    "change_row",
    "check_tag",
    "insert_new",
    "locked_row",
    "metadata",
    "number_of",
    "raise_number",
    "upsert",
]

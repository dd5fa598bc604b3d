# SPDX-License-Identifier: Apache-2.0
"""Relational state: SQLite in WAL mode here. Features declare their tables on `metadata`; migrations run at start."""

from sealroom.core.db.database import Database
from sealroom.core.db.tables import metadata

__all__ = ["Database", "metadata"]

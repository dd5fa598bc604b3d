# SPDX-License-Identifier: Apache-2.0
"""`records` in one SQLite file: a table for each kind of document, with full-text search. The embedded default."""

from sealroom.core.records.sqlite.store import SqliteRecords

__all__ = ["SqliteRecords"]

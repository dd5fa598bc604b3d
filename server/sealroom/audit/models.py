# SPDX-License-Identifier: Apache-2.0
"""The tables of the log. Rows of `audit_entries` without a leaf were written a moment ago and wait for the tree."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from sealroom.core.db import metadata

_BIG = BigInteger().with_variant(Integer, "sqlite")
"""Only an INTEGER key counts up by itself in SQLite."""

entries = Table(
    "audit_entries",
    metadata,
    Column("id", _BIG, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("event", String(64), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("target", String(256), nullable=False),
    Column("commitment", LargeBinary(32), nullable=False),
    Column("salt", LargeBinary(32)),
    Column("payload", Text),
    Column("subject", String(128)),
    Column("leaf", BigInteger, unique=True),
    Column("hash", LargeBinary(32)),
    Index("ix_audit_entries_subject", "subject"),
)
"""`at` is in Unix milliseconds. `payload`, `salt` and `subject` are emptied by an erasure; all else stays."""

nodes = Table(
    "audit_nodes",
    metadata,
    Column("height", Integer, primary_key=True),
    Column("place", BigInteger, primary_key=True),
    Column("hash", LargeBinary(32), nullable=False),
)
"""Hashes of complete subtrees at every fourth height, so that no proof reads more than eight rows for one of its hashes."""

checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True),
    Column("note", Text, nullable=False),
)
"""Signed notes in the form of C2SP tlog-checkpoint."""

head = Table(
    "audit_head",
    metadata,
    Column("one", Integer, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("last", LargeBinary(32), nullable=False),
)
"""One row: where the tree goes on. Whoever changes it holds the log's lock."""

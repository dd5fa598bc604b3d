# SPDX-License-Identifier: Apache-2.0
"""The tables of the log. Rows of `audit_entries` without a leaf were written a moment ago and wait for the tree."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, Subject, dataset, field
from sealroom.core.db import COUNTED, metadata

_FOR_EVER = Retention.kept("every proof rests on it; what is personal is erased and leaves a commitment")
_PROOFS = Retention.kept("hashes and signatures: nothing in it tells of a person")


def _evidence(what: str, basis: LegalBasis, retention: Retention) -> dict[Any, Any]:
    return dataset(what, DataClass.EVIDENCE, Purpose.PROVE, basis, retention)


entries = Table(
    "audit_entries",
    metadata,
    Column("id", COUNTED, primary_key=True, autoincrement=True, info=field("A number.")),
    Column("at", BigInteger, nullable=False, info=field("When, Unix milliseconds.")),
    Column("event", String(64), nullable=False, info=field("What was done, one of a closed set.")),
    Column(
        "actor",
        String(128),
        nullable=False,
        info=field(
            "Who did it: an API key, or `operator`. In entries of the first form the name of the operator's staff.",
            personal=True,
            data_class=DataClass.STAFF,
        ),
    ),
    Column("target", String(256), nullable=False, info=field("What it was done to; never a person.")),
    Column(
        "commitment",
        LargeBinary(32),
        nullable=False,
        info=field("HMAC-SHA-256 of the details under the salt."),
    ),
    Column("salt", LargeBinary(32), info=field("Of the commitment.", erased=True)),
    Column("payload", Text, info=field("Details, where a user may be named.", personal=True, erased=True)),
    Column(
        "subject",
        String(128),
        info=field(
            "Whom the details are about: application and user.",
            personal=True,
            subject=Subject.USER,
            erased=True,
        ),
    ),
    Column("leaf", BigInteger, unique=True, info=field("Its place in the tree.")),
    Column("hash", LargeBinary(32), info=field("Of the leaf.")),
    Column("form", Integer, info=field("Of the leaf; none is the first.")),
    Column(
        "actor_name",
        String(128),
        info=field(
            "Who of the operator's staff did it: kind and name.",
            personal=True,
            data_class=DataClass.STAFF,
            erased=True,
        ),
    ),
    Column("actor_salt", LargeBinary(32), info=field("Of the commitment to that name.", erased=True)),
    Column("actor_commitment", LargeBinary(32), info=field("HMAC-SHA-256 of that name under its salt.")),
    Index("ix_audit_entries_subject", "subject"),
    Index("ix_audit_entries_target_leaf", "target", "leaf"),
    info=_evidence("What the operator changed, and who.", LegalBasis.LEGAL_OBLIGATION, _FOR_EVER),
)
"""`at` is in Unix milliseconds. `payload`, `salt` and `subject` are emptied by the erasure of a user's data, `actor_name` and
`actor_salt` by that of a name; all else stays.

`form` is written by who places the entry: of two programs that run at a time the older one knows the first form alone."""

nodes = Table(
    "audit_nodes",
    metadata,
    Column("height", Integer, primary_key=True, info=field("Of the subtree.")),
    Column("place", BigInteger, primary_key=True, info=field("Of the subtree at its height.")),
    Column("hash", LargeBinary(32), nullable=False, info=field("Of the subtree.")),
    info=_evidence("Inner hashes of the tree of entries.", LegalBasis.NONE_NEEDED, _PROOFS),
)
"""Hashes of complete subtrees at every fourth height, so that no proof reads more than eight rows for one of its hashes."""

checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, info=field("Leaves of the tree.")),
    Column("note", Text, nullable=False, info=field("The signed checkpoint.")),
    info=_evidence("Signed sizes and roots of the tree.", LegalBasis.NONE_NEEDED, _PROOFS),
)
"""Signed notes in the form of C2SP tlog-checkpoint."""

head = Table(
    "audit_head",
    metadata,
    Column("one", Integer, primary_key=True, info=field("Always 1.")),
    Column("size", BigInteger, nullable=False, info=field("Leaves of the tree.")),
    Column("frontier", LargeBinary, nullable=False, info=field("Hashes of its complete subtrees.")),
    Column("last", LargeBinary(32), nullable=False, info=field("Hash of the last leaf.")),
    info=_evidence("Where the tree goes on.", LegalBasis.NONE_NEEDED, _PROOFS),
)
"""One row: where the tree goes on. Whoever changes it holds the log's lock."""

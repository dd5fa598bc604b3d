# SPDX-License-Identifier: Apache-2.0
"""The table of jobs."""

from sqlalchemy import Column, Float, Index, Integer, String, Table, Text, UniqueConstraint

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, dataset, field
from sealroom.core.db import COUNTED, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", COUNTED, primary_key=True, autoincrement=True, info=field("A number.")),
    Column("kind", String(64), nullable=False, info=field("What is to be done.")),
    Column("key", String(128), nullable=False, info=field("What it is done to; never a person.")),
    Column("payload", Text, nullable=False, info=field("What its handler needs; never a person, never a secret.")),
    Column("due", Float(53), nullable=False, info=field("When, Unix seconds.")),
    Column("attempts", Integer, nullable=False, info=field("How often it was tried.")),
    Column("leased_until", Float(53), nullable=False, info=field("Until when a worker has it, Unix seconds; 0: none.")),
    Column("lease", String(32), nullable=False, info=field("Which worker has it.")),
    Column("given_up", Integer, nullable=False, info=field("1: it failed too often.")),
    Column("error", String(64), nullable=False, info=field("Kind of the last failure, without its text.")),
    UniqueConstraint("kind", "key"),
    Index("ix_jobs_due", "given_up", "due"),
    info=dataset(
        "Work to be done at a time.", DataClass.OPERATION, Purpose.OPERATE, LegalBasis.NONE_NEEDED,
        Retention.kept("a job goes when it is done"),
    ),
)  # fmt: skip

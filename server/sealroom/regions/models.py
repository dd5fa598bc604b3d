# SPDX-License-Identifier: Apache-2.0
"""The tables of the site: which one the database belongs to, and the receipts of its calls."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, Subject, dataset, field
from sealroom.core.db import metadata

home = Table(
    "database_site",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False, info=field("Always 1.")),
    Column("name", String(32), nullable=False, info=field("The site.")),
    info=dataset(
        "Which site the database belongs to.", DataClass.OPERATION, Purpose.OPERATE, LegalBasis.NONE_NEEDED,
        Retention.kept("one row, of the program"),
    ),
)  # fmt: skip

receipts = Table(
    "receipts",
    metadata,
    Column(
        "call", String(64), primary_key=True,
        info=field("SHA-256 of application and call: who knows the call finds it, nobody reads the room from it.", personal=True),
    ),
    Column(
        "sdk_app_id", BigInteger, nullable=False,
        info=field("The application.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID),
    ),
    Column("node", String(64), nullable=False, info=field("Which server carried the media.")),
    Column("begun_at", BigInteger, nullable=False, info=field("Unix milliseconds.")),
    Column("ended_at", BigInteger, info=field("Unix milliseconds; empty while the call is open.", dates=True)),
    Column("reason", String(16), info=field("Why it ended, of a closed set.")),
    Column("stays", Integer, nullable=False, info=field("How often somebody entered.")),
    Column("tracks", Integer, nullable=False, info=field("How often a track was published.")),
    Column("touched", Text, nullable=False, info=field("The datasets that hold something of it, by store and name.")),
    Column("note", Text, info=field("The signed receipt; empty while the call is open.")),
    Index("ix_receipts_ended_at", "ended_at"),
    info=dataset(
        "Receipts of calls: where their data was written, and where their media ran.", DataClass.EVIDENCE, Purpose.PROVE,
        LegalBasis.CONTRACT, Retention.age(400, "what was signed can be checked for a year and the audit after it"),
    ),
)  # fmt: skip

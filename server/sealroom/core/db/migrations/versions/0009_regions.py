# SPDX-License-Identifier: Apache-2.0
"""The site of the database, and receipts."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
lowest_compatible = "0002"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "database_site",
        sa.Column("one", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_database_site"),
    )
    op.create_table(
        "receipts",
        sa.Column("call", sa.String(64), nullable=False),
        sa.Column("sdk_app_id", sa.BigInteger, nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("reason", sa.String(16)),
        sa.Column("stays", sa.Integer, nullable=False),
        sa.Column("tracks", sa.Integer, nullable=False),
        sa.Column("touched", sa.Text, nullable=False),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("call", name="pk_receipts"),
    )
    op.create_index("ix_receipts_ended_at", "receipts", ["ended_at"])

# SPDX-License-Identifier: Apache-2.0
"""Answers that a repeated request is given again; and audit entries found by what they are about."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
lowest_compatible = "0002"


def upgrade() -> None:
    """Makes the table and the index."""
    op.create_table(
        "api_answers",
        sa.Column("uin", sa.BigInteger, sa.ForeignKey("accounts.uin"), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("uin", "name", name="pk_api_answers"),
    )
    op.create_index("ix_audit_entries_target_leaf", "audit_entries", ["target", "leaf"])

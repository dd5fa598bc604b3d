# SPDX-License-Identifier: Apache-2.0
"""Signatures of changes that were carried out, so that no process carries one out twice."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
lowest_compatible = "0002"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "used_signatures",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("signed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_used_signatures"),
    )
    op.create_index("ix_used_signatures_signed_at", "used_signatures", ["signed_at"])

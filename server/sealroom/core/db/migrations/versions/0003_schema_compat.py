# SPDX-License-Identifier: Apache-2.0
"""Which programs can use the schema; numbers that rise with every change of a kind."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
lowest_compatible = "0002"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "schema_compat",
        sa.Column("one", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("lowest", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_schema_compat"),
    )
    op.create_table(
        "changes",
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("topic", name="pk_changes"),
    )

# SPDX-License-Identifier: Apache-2.0
"""Revocations of UserSigs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
lowest_compatible = "0001"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "revocations",
        sa.Column("sdk_app_id", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("issued_before", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sdk_app_id", "user_id", name="pk_revocations"),
    )

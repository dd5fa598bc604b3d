# SPDX-License-Identifier: Apache-2.0
"""How applications were billed before.

A program of before changes a mode without a row here: then it counts as if it always had the one that it has, which is what that program said.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
lowest_compatible = "0016"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "billing_modes",
        sa.Column("sdk_app_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("until", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("sdk_app_id", "until", name="pk_billing_modes"),
    )

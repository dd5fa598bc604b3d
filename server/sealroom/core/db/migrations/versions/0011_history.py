# SPDX-License-Identifier: Apache-2.0
"""History of calls on its way from the ledger's transaction to the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
lowest_compatible = "0002"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "history_outbox",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("documents", sa.LargeBinary, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_history_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_history_outbox_node_id", "history_outbox", ["node", "id"])

# SPDX-License-Identifier: Apache-2.0
"""Calls and who is in them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
lowest_compatible = "0002"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "calls",
        sa.Column("id", sa.String(96), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("sdk_app_id", sa.BigInteger, nullable=False),
        sa.Column("room_kind", sa.String(8), nullable=False),
        sa.Column("room", sa.String(64), nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("opened_by", sa.String(32), nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("reason", sa.String(16)),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    op.create_index("ix_calls_closed_at", "calls", ["closed_at"])
    op.create_index("ix_calls_sdk_app_id_opened_at", "calls", ["sdk_app_id", "opened_at"])
    op.create_table(
        "presences",
        sa.Column("call_id", sa.String(96), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("sdk_app_id", sa.BigInteger, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("entered_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("call_id", "user_id", name="pk_presences"),
    )
    op.create_table(
        "ledger_marks",
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sa.Column("alive_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("node", name="pk_ledger_marks"),
    )
    op.create_table(
        "bans",
        sa.Column("sdk_app_id", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("room_kind", sa.String(8), nullable=False),
        sa.Column("room", sa.String(64), nullable=False),
        sa.Column("issued_before", sa.BigInteger, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sdk_app_id", "user_id", "room_kind", "room", name="pk_bans"),
    )

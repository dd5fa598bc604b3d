# SPDX-License-Identifier: Apache-2.0
"""Webhooks: endpoints and events that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
lowest_compatible = "0002"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "webhook_endpoints",
        sa.Column("sdk_app_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("group_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("url", sa.String(2083), nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sdk_app_id", "group_id", name="pk_webhook_endpoints"),
    )
    op.create_table(
        "webhook_outbox",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(32), nullable=False),
        sa.Column("sdk_app_id", sa.BigInteger, nullable=False),
        sa.Column("group_id", sa.Integer, nullable=False),
        sa.Column("event_type", sa.Integer, nullable=False),
        sa.Column("lane", sa.String(32), nullable=False),
        sa.Column("info", sa.Text, nullable=False),
        sa.Column("user_id", sa.String(32)),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("parked", sa.Integer, nullable=False),
        sa.Column("problem", sa.String(32)),
        sa.Column("owner", sa.String(32)),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_outbox"),
        sa.UniqueConstraint("event_id", "group_id", name="uq_webhook_outbox_event_id_group_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_outbox_state_id", "webhook_outbox", ["state", "id"])
    op.create_index("ix_webhook_outbox_state_next_at", "webhook_outbox", ["state", "next_at"])
    op.create_index("ix_webhook_outbox_owner", "webhook_outbox", ["owner"])

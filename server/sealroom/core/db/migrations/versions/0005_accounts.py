# SPDX-License-Identifier: Apache-2.0
"""Accounts, their API keys, applications and their secret keys."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
lowest_compatible = "0002"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "accounts",
        sa.Column("uin", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("contact", sa.String(256), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("terminated_at", sa.BigInteger),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("uin", name="pk_accounts"),
    )
    op.create_table(
        "api_keys",
        sa.Column("secret_id", sa.String(36), nullable=False),
        sa.Column("uin", sa.BigInteger, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
        sa.Column("last_used_day", sa.Date),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("secret_id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(["uin"], ["accounts.uin"]),
    )
    op.create_index("ix_api_keys_uin", "api_keys", ["uin"])
    op.create_table(
        "applications",
        sa.Column("sdk_app_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("uin", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("sealing", sa.String(16), nullable=False),
        sa.Column("advanced_permission", sa.Boolean, nullable=False),
        sa.Column("recording", sa.Boolean, nullable=False),
        sa.Column("relay", sa.Boolean, nullable=False),
        sa.Column("billing_mode", sa.String(32), nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("origins", sa.JSON, nullable=False),
        sa.Column("site", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("terminated_at", sa.BigInteger),
        sa.Column("keys_made", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("sdk_app_id", name="pk_applications"),
        sa.ForeignKeyConstraint(["uin"], ["accounts.uin"]),
    )
    op.create_index("ix_applications_uin", "applications", ["uin"])
    op.create_table(
        "application_keys",
        sa.Column("sdk_app_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sdk_app_id", "number", name="pk_application_keys"),
        sa.ForeignKeyConstraint(["sdk_app_id"], ["applications.sdk_app_id"]),
    )

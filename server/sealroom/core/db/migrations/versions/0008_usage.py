# SPDX-License-Identifier: Apache-2.0
"""Usage."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
lowest_compatible = "0002"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "usage_meters",
        sa.Column("stay", sa.String(32), nullable=False),
        sa.Column("bucket", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("sdk_app_id", sa.BigInteger, nullable=False),
        sa.Column("room", sa.String(64), nullable=False),
        *_milliseconds(),
        sa.PrimaryKeyConstraint("stay", "bucket", name="pk_usage_meters"),
    )
    op.create_index("ix_usage_meters_sdk_app_id_bucket", "usage_meters", ["sdk_app_id", "bucket"])
    op.create_table(
        "usage_days",
        sa.Column("sdk_app_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("day", sa.BigInteger, autoincrement=False, nullable=False),
        *_milliseconds(),
        sa.PrimaryKeyConstraint("sdk_app_id", "day", name="pk_usage_days"),
    )


def _milliseconds() -> list["sa.Column[int]"]:
    kinds = ("audio", "sd", "hd", "fhd", "qhd", "uhd", "unknown")
    return [sa.Column(kind, sa.BigInteger, nullable=False) for kind in kinds]

# SPDX-License-Identifier: Apache-2.0
"""Open calls by their room: a moderator's act asks which server has it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
lowest_compatible = "0002"

_OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    """Makes the index. Of the calls that ended lately, which are many, nothing is in it."""
    op.create_index(
        "ix_calls_open", "calls", ["sdk_app_id", "room"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )

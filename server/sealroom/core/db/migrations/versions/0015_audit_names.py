# SPDX-License-Identifier: Apache-2.0
"""Names of the operator's staff beside the audit log's entries, which hold commitments to them.

A program of before would call entries of the new form changed, and so starts no more; one that still runs places them in the first form.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None
lowest_compatible = "0015"


def upgrade() -> None:
    """Adds the columns."""
    for column in (
        sa.Column("form", sa.Integer),
        sa.Column("actor_name", sa.String(128)),
        sa.Column("actor_salt", sa.LargeBinary(32)),
        sa.Column("actor_commitment", sa.LargeBinary(32)),
    ):
        op.add_column("audit_entries", column)

# SPDX-License-Identifier: Apache-2.0
"""Who takes a group of events stands in the key of its endpoint, and in the outbox: the backend, and the key authority beside it.

A program of before names the old key where it sets an endpoint, and would send what is for an authority to the backend: it starts no more.
One that still runs sends and sets nothing wrong until an authority's endpoint is there: set the first when all processes are renewed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None
lowest_compatible = "0016"


def _subscriber() -> sa.Column[str]:
    return sa.Column("subscriber", sa.String(16), nullable=False, server_default="backend")


def upgrade() -> None:
    """Adds the columns, with what there was as the backend's, and widens both keys."""
    with op.batch_alter_table("webhook_endpoints") as table:
        table.add_column(_subscriber())
        table.drop_constraint("pk_webhook_endpoints", type_="primary")
        table.create_primary_key("pk_webhook_endpoints", ["sdk_app_id", "group_id", "subscriber"])
    with op.batch_alter_table("webhook_outbox", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.add_column(_subscriber())
        table.drop_constraint("uq_webhook_outbox_event_id_group_id", type_="unique")
        table.create_unique_constraint(
            "uq_webhook_outbox_event_id_group_id_subscriber", ["event_id", "group_id", "subscriber"]
        )

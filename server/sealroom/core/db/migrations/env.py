# SPDX-License-Identifier: Apache-2.0
"""Alembic's entry: runs migrations on the connection that `run.py` gives it."""

from alembic import context

from sealroom.core.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()

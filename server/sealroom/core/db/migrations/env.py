# SPDX-License-Identifier: Apache-2.0
"""Alembic's entry: runs migrations on the connection that `run.py` gives it, inside its transaction."""

from alembic import context

from sealroom.core.db.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()

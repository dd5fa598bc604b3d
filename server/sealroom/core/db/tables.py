# SPDX-License-Identifier: Apache-2.0
"""The one collection of tables."""

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

COUNTED = BigInteger().with_variant(Integer, "sqlite")
"""Of a key that counts up by itself: only an INTEGER one does in SQLite."""

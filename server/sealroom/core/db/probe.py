# SPDX-License-Identifier: Apache-2.0
"""Looks at a database without changing it: its schema, how fast it answers, and how its clock stands."""

import time
from dataclasses import dataclass

from sqlalchemy import Connection, text

from sealroom.core.db.schema import Schema, connected, read_schema
from sealroom.core.db.target import Target

_QUESTIONS = 5


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found. `ahead`: seconds that the database's clock is ahead of this machine's; None where it is this machine's."""

    schema: Schema | None
    seconds: float
    ahead: float | None


def probe(target: Target) -> Probe:
    """Asks a few times; the quickest answer counts.

    Raises:
        StartError: as `schema_of`.
    """
    with connected(target) as connection:
        schema = read_schema(connection)
        seconds = min(_asked(connection) for _ in range(_QUESTIONS))
        return Probe(schema, seconds, None if target.is_sqlite else _ahead(connection))


def _asked(connection: Connection) -> float:
    began = time.perf_counter()
    connection.execute(text("SELECT 1")).one()
    return time.perf_counter() - began


def _ahead(connection: Connection) -> float:
    before = time.time()
    theirs = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
    return float(theirs) - (before + time.time()) / 2

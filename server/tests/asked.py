# SPDX-License-Identifier: Apache-2.0
"""What a database was asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from sealroom.core.db import Database


def questions_to(database: Database) -> list[str]:
    """The single questions that are put to it from now on, as they come."""
    asked: list[str] = []
    asking = database._asking
    engine = database._engine.sync_engine if asking is None else asking._engine
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    return asked


@contextmanager
def question_held(database: Database) -> Iterator[None]:
    """A question to SQLite that is not answered in the meantime: whatever is answered does not stand in line behind it."""
    asking, answered = database._asking, threading.Event()
    assert asking is not None
    held = asking._thread.submit(answered.wait, 30)
    try:
        yield
        assert not held.done()
    finally:
        answered.set()

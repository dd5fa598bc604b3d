# SPDX-License-Identifier: Apache-2.0
"""What a database was asked."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVarTuple

from sqlalchemy import Select, event

from sealroom.core.db import Database

Ts = TypeVarTuple("Ts")


def questions_to(database: Database) -> list[str]:
    """The single questions that are put to it from now on, as they come, in the loop's thread or in another."""
    asked: list[str] = []
    asking, looking = database._asking, database._looking
    engine = database._engine.sync_engine if asking is None else asking._engine
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    if looking is not None:
        look = looking.look

        def noted(statement: Select[*Ts], parameters: Mapping[str, object]) -> Sequence[tuple[*Ts]] | None:
            asked.append(str(statement))
            return look(statement, parameters)

        looking.look = noted  # type: ignore[method-assign]
    return asked


@contextmanager
def question_held(database: Database) -> Iterator[None]:
    """Questions to SQLite that are not answered in the meantime, and none at once: whatever is answered does not stand in line behind
    them."""
    asking, looking, answered = database._asking, database._looking, threading.Event()
    assert asking is not None
    assert looking is not None
    look = looking.look
    looking.look = lambda *_: None  # type: ignore[method-assign]
    held = asking._thread.submit(answered.wait, 30)
    try:
        yield
        assert not held.done()
    finally:
        answered.set()
        looking.look = look  # type: ignore[method-assign]

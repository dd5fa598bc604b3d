# SPDX-License-Identifier: Apache-2.0
"""Logs as events with fields, on standard error. **A field must be declared here; one that is not is dropped.**

No field may hold a user, a room, an address, a token or a key: what is not declared cannot leave by accident.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import TypeAlias, cast

import structlog
from structlog.stdlib import BoundLogger

EventDict: TypeAlias = MutableMapping[str, object]

FIELDS = frozenset(
    {"certificate", "code", "count", "error", "event", "level", "place", "reason", "seconds", "suite", "timestamp", "url"}
)  # fmt: skip


def _declared(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {name: value for name, value in event.items() if name in FIELDS}


class _Complaints(logging.Handler):
    """Turns what a library logs into an event without its text, which may hold addresses or paths."""

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "none"
        get_logger().warning("library_complained", error=fault, place=f"{record.module}:{record.lineno}")


def configure() -> None:
    """Sets up logging for the process."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _declared,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets", "asyncio", "litestar"):
        library = logging.getLogger(name)
        library.handlers = [_Complaints(logging.WARNING)]
        library.setLevel(logging.WARNING)
        library.propagate = False


def get_logger() -> BoundLogger:
    """A logger. Call it with an event's name and declared fields, never with a sentence."""
    return cast("BoundLogger", structlog.get_logger())

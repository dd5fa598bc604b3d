# SPDX-License-Identifier: Apache-2.0
"""Logs as events with fields, on standard error.

**A field must be declared here; one that is not is dropped.** Values of personal fields leave only as a shortened keyed hash:
the same user gives the same hash within one installation, and nobody without its key can go back.
"""

import contextlib
import hashlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Literal, TypeAlias, cast

import structlog
from structlog.stdlib import BoundLogger

from sealroom.catalogue import Field, Subject

Format: TypeAlias = Literal["console", "json"]
Level: TypeAlias = Literal["debug", "info", "warning", "error"]
EventDict: TypeAlias = MutableMapping[str, object]


def _personal(what: str) -> Field:
    return Field(what, personal=True)


FIELDS: dict[str, Field] = {
    "action": Field("An action of TRTC's API or an operation of our own, of a closed set."),
    "address": _personal("Address of a client, as a keyed hash."),
    "room": _personal("The room, as a keyed hash."),
    "user": _personal("The user, as a keyed hash."),
    "application": Field("The application.", subject=Subject.APPLICATION),
    "authenticated": Field("Whether the client had entered a room."),
    "caller": Field("Who may call, of a closed set."),
    "certificate": Field("Name of the operator's own certificate file."),
    "check": Field("Which part is checked."),
    "code": Field("A stable error code."),
    "count": Field("How many."),
    "dtls": Field("Version of DTLS."),
    "entry": Field("Key of an entry of the directory of sites: an opaque id, or a site."),
    "error": Field("Kind of a fault in the program, without its text."),
    "event": Field("What happened, of a closed set."),
    "kind": Field("Of what kind, of a closed set."),
    "level": Field("How important."),
    "listener": Field("Which of the program's listeners."),
    "milliseconds": Field("How long."),
    "place": Field("Where in the program."),
    "port": Field("A port of the program's own."),
    "profile": Field("SRTP cipher."),
    "reason": Field("Why, of a closed set."),
    "request": Field("Id of one request, drawn at random; the caller has it too."),
    "role": Field("Role in a room."),
    "scene": Field("Scene of a room."),
    "seconds": Field("How long."),
    "shard": Field("Number of an engine's thread."),
    "state": Field("What state something is in, of a closed set."),
    "subscriber": Field("Who takes webhooks, of a closed set."),
    "timestamp": Field("When."),
    "track": Field("Kind of track."),
    "url": Field("Address of the program's own listener."),
    "version": Field("Version of the program."),
}
"""Everything that may stand in a log. A personal value leaves only as a keyed hash."""


class _Redactor:
    """Hashes personal fields and drops undeclared ones."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        kept: EventDict = {}
        for name, value in event.items():
            said = FIELDS.get(name)
            if said is None:
                kept["undeclared"] = f"{kept.get('undeclared', '')} {name}".strip()
            elif said.personal:
                kept[name] = redacted(str(value), self._key)
            else:
                kept[name] = value
        return kept


def redacted(value: str, key: bytes) -> str:
    """A keyed hash of 48 bits: enough to follow one user through a log, too little to be an identity."""
    return "~" + hashlib.blake2s(value.encode("utf-8", "replace"), key=key, digest_size=6).hexdigest()


class _Output:
    """Standard error. A log that cannot be written must not end a call: what fails is lost."""

    def msg(self, line: str) -> None:
        """Writes one line."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


class _Complaints(logging.Handler):
    """Turns what a library logs into an event without its text, which may hold addresses."""

    def __init__(self, event: str) -> None:
        super().__init__(logging.WARNING)
        self._event = event

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "none"
        get_logger().warning(self._event, error=fault, place=f"{record.module}:{record.lineno}")


_LIBRARIES = {
    **dict.fromkeys(("uvicorn.error", "uvicorn.access", "uvicorn.asgi", "asyncio"), "http_server_complained"),
    **dict.fromkeys(("opentelemetry", "urllib3", "requests"), "traces_complained"),
}
"""Libraries that log, and the event that stands for it."""


def configure(*, style: Format, level: Level, key: bytes) -> None:
    """Sets up logging for the process. `key` (at most 32 bytes) is the installation's key for personal fields."""
    renderer = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _Redactor(key),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=lambda *_: _Output(),
        cache_logger_on_first_use=False,
    )
    for name, complaint in _LIBRARIES.items():
        library = logging.getLogger(name)
        library.handlers = [_Complaints(complaint)]
        library.setLevel(logging.WARNING)
        library.propagate = False


def get_logger() -> BoundLogger:
    """A logger. Call it with an event's name and declared fields, never with a sentence."""
    return cast("BoundLogger", structlog.get_logger())

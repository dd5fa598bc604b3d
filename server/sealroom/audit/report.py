# SPDX-License-Identifier: Apache-2.0
"""The log for people: lines, JSON, and what a verification found."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import msgspec
from sqlalchemy.exc import DBAPIError

from sealroom.audit.copies import Copies, Copy
from sealroom.audit.events import Actor, AuditEvent
from sealroom.audit.service import PURPOSE, Entry
from sealroom.audit.verification import Verification
from sealroom.core.db import Database
from sealroom.core.errors import ConfigurationError
from sealroom.core.keys import Keys
from sealroom.core.objects import ObjectsError

_MAX_CHECKPOINT_BYTES = 64 * 1024


def event_named(name: str | None) -> AuditEvent | None:
    """The event of that name; None for none. Raises ConfigurationError for a name that is none, with the nearest."""
    if name is None:
        return None
    known = [event.value for event in AuditEvent]
    if name not in known:
        near = get_close_matches(name, known, 1) or known[:1]
        raise ConfigurationError("event_unknown", f"`{name}` is no event.", f"Did you mean `{near[0]}`?")
    return AuditEvent(name)


def staff_named(text: str) -> Actor:
    """The actor that an entry names so. Raises ConfigurationError for what is no name of the operator's staff."""
    kind, _, name = text.partition(":")
    actor = Actor(kind, name)
    if not kind or not name or not actor.is_staff:
        raise ConfigurationError(
            "staff_name_invalid",
            f"`{text}` is no name of the operator's staff.",
            "Write it as `sealroom audit show` does: `cli:alice`.",
        )
    return actor


def as_line(entry: Entry) -> str:
    """`leaf  time  event  actor  target  details`."""
    moment = datetime.fromtimestamp(entry.at / 1000, UTC).isoformat(timespec="milliseconds")
    place = "waits" if entry.leaf is None else str(entry.leaf)
    details = "(erased)" if entry.payload is None else entry.payload
    return f"{place:>6}  {moment}  {entry.event}  {entry.actor}  {entry.target}  {details}"


def as_json(entry: Entry) -> str:
    """One object; `details` is null once erased."""
    details = None if entry.payload is None else msgspec.Raw(entry.payload.encode())
    shown = {
        "leaf": entry.leaf, "at": entry.at, "event": entry.event, "actor": entry.actor, "target": entry.target, "details": details,
    }  # fmt: skip
    return msgspec.json.encode(shown).decode()


def read_checkpoint(path: Path) -> str:
    """A checkpoint's note from a file. Raises ConfigurationError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_CHECKPOINT_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            "checkpoint_unreadable",
            f"{path} cannot be read.",
            "Name a file that `sealroom audit checkpoint` wrote.",
        ) from None


async def verify(
    database: Database,
    keys: Keys,
    outside: Sequence[str],
    say: Callable[[str], None],
    copies: Copies | None = None,
) -> bool:
    """Says every finding and a summary; returns whether all is as it was written."""
    # The copies first: the log may grow, and be copied, while it is read.
    read, found = await _read(copies, say)
    verification = Verification(database, keys.verifiers(PURPOSE), outside, read)
    try:
        async for finding in verification.findings():
            found += 1
            say(f"FAULT {finding.where}: {finding.sentence}")
    except DBAPIError:
        found += 1
        say("FAULT database: it cannot be read to its end")
    seen = verification.seen
    say(
        f"{'ok   ' if not found else 'FAULT'} {seen.entries} entries ({seen.erased} erased, {seen.nameless} without a name), "
        f"{seen.checkpoints} checkpoints, "
        f"{seen.waiting} waiting, {found} faults"
    )
    for line in _compared(outside, read):
        say(line)
    return not found


async def _read(copies: Copies | None, say: Callable[[str], None]) -> tuple[list[Copy], int]:
    """The copies, and how many faults there are already: a store that does not answer could be what hides a rollback."""
    if copies is None:
        return [], 0
    try:
        return [copy async for copy in copies.all()], 0
    except ObjectsError as error:
        say(f"FAULT copies: they cannot be read ({error.code}), and so the log is compared with none of them")
        return [], 1


def _compared(outside: Sequence[str], copies: Sequence[Copy]) -> Iterator[str]:
    """What the log was compared with beside its own database, and what that does not show."""
    if copies:
        newest = copies[-1]
        yield f"      compared with copies of checkpoints ({len(copies)}), the newest of {newest.size} entries"
    if outside:
        yield f"      compared with checkpoints that were given ({len(outside)})"
    if not copies and not outside:
        yield (
            "note  compared with nothing but the database itself: whether it was rolled back, or its newest entries cut off, shows "
            "only a copy in the store of objects, or `--against` a checkpoint that was kept elsewhere"
        )

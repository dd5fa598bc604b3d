# SPDX-License-Identifier: Apache-2.0
"""Where a planted value lies: in which field of which dataset, and in which files, in whatever way it may be written."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy import select

from sealroom.app import DOCUMENTS
from sealroom.catalogue import Document
from sealroom.catalogue.declare import dataset_of
from sealroom.core.db import Database, metadata
from sealroom.core.records import Query, Records
from sealroom.core.records.journal.dead import fields_of
from sealroom.core.records.journal.entries import entries_of
from sealroom.core.records.journal.reading import SegmentReader
from tests.residency.site import Site

D = TypeVar("D", bound=Document)
EVER = (0, 2**53)


def ways(value: str) -> list[bytes]:
    """A value as text, as it is met inside base64 of any alignment, in hexadecimal, and in wide characters."""
    octets = value.encode()
    found = [octets, octets.hex().encode(), octets.hex().upper().encode(), value.encode("utf-16-le")]
    for shift in range(3):
        padded = b"\0" * shift + octets
        # The ends depend on what stands beside.
        inner = base64.b64encode(padded)[-(-shift * 4 // 3) + 1 : len(padded) // 3 * 4]
        found += [inner, inner.replace(b"+", b"-").replace(b"/", b"_")]
    return found


def in_files(folder: Path, value: str) -> set[str]:
    """The files below a folder that hold a value, by their path in it."""
    wanted = ways(value)
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            octets = path.read_bytes()
            if any(one in octets for one in wanted):
                found.add(str(path.relative_to(folder)))
    return found


def in_text(text: str, value: str) -> bool:
    """Whether it is in what was printed."""
    return any(one in text.encode() for one in ways(value))


async def in_database(database: Database, values: Iterable[str]) -> dict[str, set[str]]:
    """`db/table.column` of each value."""
    found: dict[str, set[str]] = {value: set() for value in values}
    for table in metadata.sorted_tables:
        async with database.reading() as connection:
            rows = (await connection.execute(select(table))).mappings().all()
        for row in rows:
            for name, held in row.items():
                _note(found, f"db/{table.name}.{name}", held)
    return found


async def in_records(records: Records, values: Iterable[str]) -> dict[str, set[str]]:
    """`records/kind.field` of each value."""
    found: dict[str, set[str]] = {value: set() for value in values}
    for kind in DOCUMENTS:
        for document in await documents(records, kind):
            for name in kind.__struct_fields__:
                _note(found, f"records/{dataset_of(kind).name}.{name}", getattr(document, name))
    return found


async def documents(records: Records, kind: type[D]) -> list[D]:
    """All of a kind."""
    found: list[D] = []
    cursor = None
    while True:
        page = await records.search(Query(kind, *EVER), limit=1000, cursor=cursor)
        found += page.documents
        cursor = page.cursor
        if cursor is None:
            return found


async def in_journal(one: Site, values: Iterable[str]) -> dict[str, set[str]]:
    """`journal/kind.field` of each value: what waits for the store, and what the store refused, read with the site's own key."""
    found: dict[str, set[str]] = {value: set() for value in values}
    for path in (one.state / "journal").rglob("*"):
        if not path.is_file() or not path.stem.isdecimal():
            continue
        try:
            reader = await SegmentReader.open(path, one.keys)
            payloads = [payload for _, payload in reader.read(None)]
        except FileNotFoundError:
            # Shipped and removed in between.
            continue
        for payload in payloads:
            for entry in entries_of(payload):
                for name, held in fields_of(entry).items():
                    _note(found, f"journal/{entry.kind}.{name}", held)
    return found


def _note(found: dict[str, set[str]], place: str, held: object) -> None:
    octets = held if isinstance(held, bytes) else msgspec.json.encode(held, enc_hook=str)
    for value, places in found.items():
        if any(one in octets for one in ways(value)):
            places.add(place)

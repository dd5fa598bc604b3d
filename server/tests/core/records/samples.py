# SPDX-License-Identifier: Apache-2.0
"""Kinds of documents with a field of every kind, as the tests of all stores use them."""

from enum import StrEnum
from typing import Annotated

from sqlalchemy import MetaData

from sealroom.catalogue import (
    Catalogue,
    DataClass,
    Document,
    Durability,
    Field,
    LegalBasis,
    Purpose,
    Retention,
    Subject,
    document,
)

DAY = 86_400_000
MORNING = 20_000 * DAY
"""The beginning of a day, Unix milliseconds."""


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"


@document(
    "samples", "How a call was.", DataClass.DASHBOARD, Purpose.DIAGNOSE, LegalBasis.CONTRACT, Retention.age(30, "complaints"),
    durability=Durability.SAMPLED,
)  # fmt: skip
class Sample(Document, frozen=True, kw_only=True):
    user_id: Annotated[str, Field("Who.", personal=True, subject=Subject.USER)] = "user"
    call: Annotated[str, Field("Which call.", sought=True)] = "call"
    direction: Annotated[Direction, Field("Which way.")] = Direction.UP
    bit_rate: Annotated[int, Field("Bits each second.")] = 0
    loss: Annotated[float | None, Field("Share of packets lost.")] = None
    frozen: Annotated[bool, Field("Whether the picture stood still.")] = False
    codecs: Annotated[tuple[str, ...], Field("Codecs in use.")] = ()
    layers: Annotated[tuple[int, ...], Field("Layers that arrived.")] = ()


@document(
    "notes", "What a device noted.", DataClass.SDK_LOG, Purpose.DIAGNOSE, LegalBasis.CONTRACT, Retention.age(7, "complaints"),
)  # fmt: skip
class Note(Document, frozen=True, kw_only=True):
    user_id: Annotated[str, Field("Who.", personal=True, subject=Subject.USER)] = "user"
    line: Annotated[str | None, Field("What it says.", personal=True, text=True)] = None
    title: Annotated[str, Field("In short.", text=True)] = ""


def catalogue() -> Catalogue:
    """Both kinds."""
    return Catalogue(MetaData(), (Sample, Note))


def sample(number: int, **fields: object) -> Sample:
    """The sample of a number: one each second from the morning on, unless a time is given."""
    values: dict[str, object] = {"id": f"s{number:06}", "time": MORNING + number * 1000}
    return Sample(**(values | fields))  # type: ignore[arg-type]


def note(number: int, line: str | None = None, **fields: object) -> Note:
    """The note of a number."""
    values: dict[str, object] = {"id": f"n{number:06}", "time": MORNING + number * 1000, "line": line}
    return Note(**(values | fields))  # type: ignore[arg-type]

# SPDX-License-Identifier: Apache-2.0
"""A kind of document over the years."""

from typing import Annotated, Any

from sealroom.catalogue import DataClass, Document, Field, LegalBasis, Purpose, Retention, document


def versions() -> tuple[Any, ...]:
    """One kind of document through four releases: a field more, that field gone and another come, a field of another type."""

    def declared(kind: type[Any]) -> type[Any]:
        return document(
            "calls",
            "Calls.",
            DataClass.DASHBOARD,
            Purpose.DIAGNOSE,
            LegalBasis.CONTRACT,
            Retention.age(9, "them"),
        )(kind)

    class First(Document, frozen=True, kw_only=True):
        room: Annotated[str, Field("Where.", sought=True)]

    class Second(Document, frozen=True, kw_only=True):
        room: Annotated[str, Field("Where.")]
        line: Annotated[str, Field("What.", text=True)] = "none"
        tags: Annotated[tuple[str, ...], Field("Words.")] = ()

    class Third(Document, frozen=True, kw_only=True):
        room: Annotated[str, Field("Where.")]
        grade: Annotated[int | None, Field("How.")] = None

    class Fourth(Document, frozen=True, kw_only=True):
        room: Annotated[int, Field("Where.")]

    return declared(First), declared(Second), declared(Third), declared(Fourth)

# SPDX-License-Identifier: Apache-2.0
"""What is not declared is refused, and what is declared can be read."""

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from sqlalchemy import BigInteger, Column, MetaData, String, Table

from sealroom.app import catalogue
from sealroom.catalogue import (
    Catalogue,
    DataClass,
    Document,
    Durability,
    Field,
    Kind,
    LegalBasis,
    Purpose,
    Retention,
    Store,
    Subject,
    Undeclared,
    dataset,
    document,
    field,
)
from sealroom.catalogue.export import export

PAGE = Path(__file__).parents[3] / "docs" / "data-catalogue.md"


@document(
    "stays", "Who was there.", DataClass.BACK_END_LOG, Purpose.DIAGNOSE, LegalBasis.CONTRACT, Retention.age(90, "disputes"),
    durability=Durability.SAMPLED,
)  # fmt: skip
class Stay(Document, frozen=True, kw_only=True):
    user_id: Annotated[str, Field("Who.", personal=True, subject=Subject.USER)]
    note: Annotated[str | None, Field("Why.", text=True)] = None
    loss: Annotated[float, Field("Share of packets lost.")] = 0.0
    tags: Annotated[tuple[str, ...], Field("Words.")] = ()


def table(metadata: MetaData, column: "Column[Any]", info: dict[Any, Any] | None = None) -> None:
    Table("bans", metadata, column, info=info)


def test_a_table_that_nobody_declared_is_refused() -> None:
    metadata = MetaData()
    table(metadata, Column("user_id", String(32), info=field("Who.")))
    with pytest.raises(Undeclared, match="the table bans"):
        Catalogue(metadata)


def test_a_column_that_nobody_declared_is_refused() -> None:
    metadata = MetaData()
    info = dataset(
        "Bans.", DataClass.OPERATION, Purpose.SECURE, LegalBasis.CONTRACT, Retention.while_served()
    )
    table(metadata, Column("number", BigInteger), info=info)
    with pytest.raises(Undeclared, match=r"bans\.number"):
        Catalogue(metadata)


def test_a_document_field_without_a_declaration_is_refused() -> None:
    with pytest.raises(TypeError, match="does not say what it holds"):

        @document(
            "x", "X.", DataClass.OPERATION, Purpose.OPERATE, LegalBasis.CONTRACT, Retention.while_served()
        )
        class _Bare(Document, frozen=True, kw_only=True):
            user_id: str


def test_a_kind_of_document_that_was_not_handed_over_is_refused() -> None:
    with pytest.raises(Undeclared, match="Stay"):
        Catalogue(MetaData()).of(Stay)


def test_personal_data_needs_a_legal_basis() -> None:
    with pytest.raises(ValueError, match="names no legal basis"):

        @document(
            "x", "X.", DataClass.OPERATION, Purpose.OPERATE, LegalBasis.NONE_NEEDED, Retention.while_served()
        )
        class _Person(Document, frozen=True, kw_only=True):
            user_id: Annotated[str, Field("Who.", personal=True)]


def test_kinds_come_from_types_and_subjects_from_declarations() -> None:
    made = Catalogue(MetaData(), [Stay]).of(Stay)
    assert {name: column.kind for name, column in made.columns.items()} == {
        "id": Kind.KEYWORD, "time": Kind.LONG, "user_id": Kind.KEYWORD, "note": Kind.TEXT, "loss": Kind.DOUBLE, "tags": Kind.KEYWORD,
    }  # fmt: skip
    assert made.columns["note"].optional
    assert not made.columns["loss"].optional
    assert made.subject(Subject.USER) == "user_id"
    assert made.subject(Subject.ACCOUNT) is None
    assert made.is_personal
    assert made.durability is Durability.SAMPLED


def test_everything_that_this_program_stores_is_declared() -> None:
    found = {(one.store, one.name) for one in catalogue()}
    assert {
        (Store.DB, "audit_entries"),
        (Store.DB, "revocations"),
        (Store.LOG, "log"),
        (Store.METRICS, "metrics"),
    } <= found


def test_whatever_is_called_a_call_s_id_is_declared_as_one() -> None:
    """A member is shown what is kept of his call by the declaration alone."""
    assert {
        (one.store, one.name) for one in catalogue() if one.call is None and "call_id" in one.columns
    } == set()


def test_what_a_log_may_show_of_a_person_is_hashed_and_no_metric_has_it() -> None:
    datasets = {one.name: one for one in catalogue()}
    assert datasets["log"].columns["user"].field.personal
    assert not datasets["metrics"].is_personal


@pytest.mark.parametrize("form", ["html", "md", "json"])
def test_the_record_of_processing_names_every_field(form: str) -> None:
    made = catalogue()
    text = export(made, form)  # type: ignore[arg-type]
    for one in made:
        assert one.name in text
        for name in one.columns:
            assert name in text
    if form == "json":
        entries = {entry["name"]: entry for entry in json.loads(text)}
        assert entries["revocations"]["class"] == "key_information"
        assert entries["revocations"]["retention"]["days"] == 7


@pytest.mark.parametrize("form", ["html", "md"])
def test_the_record_says_what_article_30_asks_for_beside_the_processing(form: str) -> None:
    text = export(catalogue(), form)  # type: ignore[arg-type]
    for asked in (
        "contact of the processor",
        "Whose data",
        "Recipients",
        "Transfers to third countries",
        "Security",
    ):
        assert asked in text


def test_html_cannot_be_written_into_by_a_declaration() -> None:
    metadata = MetaData()
    info = dataset(
        "<script>", DataClass.OPERATION, Purpose.SECURE, LegalBasis.CONTRACT, Retention.while_served()
    )
    table(metadata, Column("n", BigInteger, info=field("<b>&")), info=info)
    text = export(Catalogue(metadata), "html")
    assert "<script>" not in text
    assert "&lt;b&gt;&amp;" in text


def test_the_documentation_page_is_what_the_program_declares() -> None:
    """`make generate` writes it."""
    assert PAGE.read_text() == export(catalogue(), "md")

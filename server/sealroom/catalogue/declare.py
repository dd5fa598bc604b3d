# SPDX-License-Identifier: Apache-2.0
"""How features declare what they keep.

A table of `db`, in the feature's `models.py`:

    bans = Table(
        "bans",
        metadata,
        Column("user_id", String(32), info=field("Who may not enter.", personal=True, subject=Subject.USER)),
        info=dataset("Users kept out of a room.", DataClass.BACK_END_LOG, Purpose.SECURE, LegalBasis.CONTRACT, Retention.while_served()),
    )

A kind of document of `records`:

    @document("stays", "Who was in which room.", DataClass.BACK_END_LOG, Purpose.DIAGNOSE, LegalBasis.CONTRACT, Retention.age(90, "disputes"))
    class Stay(Document, frozen=True, kw_only=True):
        user_id: Annotated[str, Field("Who.", personal=True, subject=Subject.USER)]
"""

import types
import typing
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from sealroom.catalogue.dataset import Column, Dataset
from sealroom.catalogue.fields import Field, Kind, Subject
from sealroom.catalogue.vocabulary import DataClass, Durability, LegalBasis, Purpose, Region, Retention, Store

INFO = "catalogue"
"""Under which key of a column's or table's `info` the declaration lies."""

D = TypeVar("D", bound="Document")


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every document of `records` has. **The id decides: a document written twice is there once.**"""

    declared: ClassVar[Dataset | None] = None
    id: Annotated[str, Field("The document's own name, given by who made it.")]
    time: Annotated[int, Field("When it happened, Unix milliseconds.", dates=True)]


class Said(msgspec.Struct, frozen=True):
    """What a table's `info` says of it."""

    what: str
    data_class: DataClass
    purpose: Purpose
    basis: LegalBasis
    retention: Retention
    region: Region
    store: Store


def field(
    what: str,
    *,
    personal: bool = False,
    subject: Subject | None = None,
    data_class: DataClass | None = None,
    erased: bool = False,
    call: bool = False,
    dates: bool = False,
) -> dict[Any, Any]:
    """The `info` of a column."""
    return {
        INFO: Field(
            what,
            personal=personal,
            subject=subject,
            data_class=data_class,
            erased=erased,
            call=call,
            dates=dates,
        )
    }


def dataset(
    what: str,
    data_class: DataClass,
    purpose: Purpose,
    basis: LegalBasis,
    retention: Retention,
    *,
    region: Region = Region.SITE,
    store: Store = Store.DB,
) -> dict[Any, Any]:
    """The `info` of a table."""
    return {INFO: Said(what, data_class, purpose, basis, retention, region, store)}


def document(
    name: str,
    what: str,
    data_class: DataClass,
    purpose: Purpose,
    basis: LegalBasis,
    retention: Retention,
    *,
    durability: Durability = Durability.DURABLE,
) -> Callable[[type[D]], type[D]]:
    """Declares a kind of document of `records`.

    Raises:
        TypeError: a field without a declaration, or of a type that a search store does not keep.
    """

    def declared(kind: type[D]) -> type[D]:
        made = Dataset(
            name,
            Store.RECORDS,
            what,
            data_class,
            purpose,
            basis,
            retention,
            columns_of(kind),
            durability=durability,
        )
        kind.declared = made
        return kind

    return declared


def dataset_of(kind: type[Document]) -> Dataset:
    """What was declared of a kind of document. Raises TypeError where nothing was, or only of what it is made from."""
    if "declared" not in vars(kind) or kind.declared is None:
        raise TypeError(f"{kind.__name__} is not declared: decorate it with `document(..)`")
    return kind.declared


def columns_of(kind: type[msgspec.Struct]) -> dict[str, Column]:
    """What the fields of a struct say of themselves. Raises TypeError for one that says nothing, or that no store keeps."""
    return {name: _column(kind, name, hint) for name, hint in _hints(kind)}


def _hints(kind: type[msgspec.Struct]) -> list[tuple[str, object]]:
    hints = get_type_hints(kind, include_extras=True)
    return [(name, hints[name]) for name in kind.__struct_fields__]


def _column(kind: type, name: str, hint: object) -> Column:
    said = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Field)]
    if get_origin(hint) is not Annotated or len(said) != 1:
        raise TypeError(f"{kind.__name__}.{name} does not say what it holds: Annotated[.., Field(..)]")
    plain = get_args(hint)[0]
    options = get_args(plain) if get_origin(plain) in (Union, types.UnionType) else (plain,)
    values = [option for option in options if option is not type(None)]
    if len(values) != 1:
        raise TypeError(f"{kind.__name__}.{name}: a search store keeps one type in a field")
    found = _kind(values[0], said[0], f"{kind.__name__}.{name}")
    return Column(said[0], found, len(values) < len(options), get_origin(values[0]) is tuple)


def _kind(value: object, said: Field, where: str) -> Kind:
    if get_origin(value) is tuple:
        value = typing.get_args(value)[0]
    if value is str or (isinstance(value, type) and issubclass(value, Enum) and issubclass(value, str)):
        return Kind.TEXT if said.text else Kind.KEYWORD
    found = {bool: Kind.BOOLEAN, int: Kind.LONG, float: Kind.DOUBLE}.get(typing.cast("type", value))
    if found is None:
        raise TypeError(f"{where}: a search store does not keep a {value}")
    return found

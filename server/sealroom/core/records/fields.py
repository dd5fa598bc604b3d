# SPDX-License-Identifier: Apache-2.0
"""Documents taken apart and put together again."""

import math
from collections.abc import Mapping

import msgspec
from msgspec import NODEFAULT

from sealroom.catalogue import Document


def default_of(kind: type[Document], name: str) -> tuple[bool, object]:
    """Whether a field has a default, and which."""
    found = next(one for one in msgspec.structs.fields(kind) if one.name == name)
    if found.default is not NODEFAULT:
        return True, found.default
    if found.default_factory is not NODEFAULT:
        return True, found.default_factory()
    return False, None


def plain(document: Document) -> dict[str, object]:
    """A document's fields as numbers, text, switches and lists of them.

    Raises:
        ValueError: a number that no store keeps. JSON has none such either, and would lose it in silence.
    """
    fields: dict[str, object] = msgspec.to_builtins(document)
    for value in fields.values():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("not a finite number")
        if isinstance(value, list) and not all(math.isfinite(one) for one in value if isinstance(one, float)):
            raise ValueError("not a finite number among many")
    return fields


def composed(kind: type[Document], fields: Mapping[str, object]) -> Document:
    """The document again. Fields that the kind no longer has must have been left out."""
    return msgspec.convert(fields, kind)

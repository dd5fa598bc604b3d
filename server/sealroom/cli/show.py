# SPDX-License-Identifier: Apache-2.0
"""How commands print what they found: tabs between columns for people and `cut`, JSON for programs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

T = TypeVar("T")


def lines(found: Iterable[T], json: bool, columns: Callable[[T], tuple[object, ...]]) -> None:
    """One line each."""
    for one in found:
        print(msgspec.json.encode(one).decode() if json else "\t".join(str(part) for part in columns(one)))


def pairs(one: object, json: bool) -> None:
    """One thing: a line for each of its parts, or one line of JSON. Times are shown as such by their names, `.._at`."""
    if json:
        print(msgspec.json.encode(one).decode())
        return
    for name, value in _parts(one):
        print(f"{name:20} {_text(name, value)}")


def moment(seconds: int | None) -> str:
    """A time (Unix seconds) in UTC."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _parts(one: object) -> Iterator[tuple[str, object]]:
    names = (
        [part.name for part in fields(one)]
        if is_dataclass(one)
        else list(getattr(one, "__struct_fields__", ()))
    )
    for name in names:
        value = getattr(one, name)
        if isinstance(value, msgspec.Struct):
            yield from _parts(value)
        else:
            yield name, value


def _text(name: str, value: object) -> str:
    if name.endswith("_at") and (value is None or isinstance(value, int)):
        return moment(value)
    if isinstance(value, str | int):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return msgspec.json.encode(value).decode()

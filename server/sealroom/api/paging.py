# SPDX-License-Identifier: Apache-2.0
"""Lists by pages. A token holds the place of the last thing on a page, so that what is added or goes meanwhile moves nothing.

It is no secret and needs no signature: whoever makes one up gets nothing that is not his.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeAlias, TypeVar

import msgspec
from litestar.params import QueryParameter

from sealroom.api.problems import ApiProblem

MOST = 200
"""Things on a page."""
Number: TypeAlias = Annotated[int, msgspec.Meta(ge=-1, le=2**62)]
"""A number in a place: it fits a column."""
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[^\x00]*$")]
"""A text in a place: a database takes it."""
F = TypeVar("F")
T = TypeVar("T")
P = TypeVar("P")

PageSize: TypeAlias = Annotated[
    int, QueryParameter(name="page_size", ge=1, le=MOST, description="Things on a page.")
]
PageToken: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="page_token", max_length=600, description="`next_page_token` of the page before."),
]
USUAL = 50


class _Token(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A place in a list."""

    name: str
    place: object


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list."""

    items: list[T]
    next_page_token: str | None
    """Where the list goes on; null at its end."""


def place(token: str | None, name: str, kind: type[P], first: P) -> P:
    """The place in a token of the list `name`; `first` without one. Raises ApiProblem."""
    if token is None:
        return first
    try:
        octets = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        given = msgspec.msgpack.decode(octets, type=_Token)
        if given.name == name:
            return msgspec.convert(given.place, kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        pass
    raise ApiProblem(
        400, "page_token_invalid", "This is no token of this list.", "Begin with the first page."
    )


def token(name: str, last: object) -> str:
    """A place as text of base64url."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(_Token(name, last))).rstrip(b"=").decode()


def page(
    found: Sequence[F], size: int, name: str, view: Callable[[F], T], place_of: Callable[[F], object]
) -> Page[T]:
    """A page of what was found when one more was asked for than fits, each shown by `view`; `place_of` says where one stands."""
    shown = found[:size]
    return Page([view(one) for one in shown], token(name, place_of(shown[-1])) if len(found) > size else None)

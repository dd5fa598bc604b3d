# SPDX-License-Identifier: Apache-2.0
"""What may be said on the bus: each kind of message with its name, its type, and where it is kept, its place in the catalogue.

A subject is a name and a key: `rooms_changed` and the room's own id. **A key is seen by whoever looks at the bus: never a user's id.**
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import msgspec

from sealroom.catalogue import (
    Catalogue,
    Column,
    DataClass,
    Dataset,
    LegalBasis,
    Purpose,
    Retention,
    Store,
    Undeclared,
    columns_of,
)
from sealroom.core.bus.errors import MessageTooLarge

MAX_MESSAGE_BYTES = 256 * 1024
"""Higher lets one message hold up the rest for longer; a NATS server refuses more than 1 MiB unless told otherwise."""
MAX_KEPT_MESSAGES = 100_000
"""Of one stream, while consumers have not handled them. Higher survives longer absences and costs memory and disk."""
EVERYTHING = "all"
"""The key of what is not about one thing."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is said. Every field says what it holds: `Annotated[int, Field("The application.")]`.

    Fields that are not known are passed over, so that processes of two versions understand each other; a field that is new needs a default.
    """


M = TypeVar("M", bound=Message)
Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


@dataclass(frozen=True)
class Topic(Generic[M]):
    """Told to whoever listens at this moment; kept nowhere, lost to everybody else."""

    name: str
    message: type[M]

    def __post_init__(self) -> None:
        _check(self.name, self.message)


@dataclass(frozen=True)
class Question(Generic[Q, A]):
    """Asked of whoever serves it, one of them answers; kept nowhere."""

    name: str
    message: type[Q]
    answer: type[A]

    def __post_init__(self) -> None:
        _check(self.name, self.message)
        columns_of(self.answer)


@dataclass(frozen=True)
class Stream(Generic[M]):
    """Kept until every consumer has handled it, and no longer than it is retained."""

    name: str
    message: type[M]
    what: str
    data_class: DataClass
    purpose: Purpose
    basis: LegalBasis
    retention: Retention

    def __post_init__(self) -> None:
        if not self.retention.days:
            raise ValueError(f"{self.name}: a stream has an end")
        _check(self.name, self.message)

    @cached_property
    def dataset(self) -> Dataset:
        """For the catalogue."""
        return _dataset(self)


@dataclass(frozen=True)
class Registry(Generic[M]):
    """Who or what is there: an entry for each key, gone `seconds` after it was last kept. Longer notices the dead later."""

    name: str
    message: type[M]
    seconds: int
    what: str
    data_class: DataClass
    purpose: Purpose
    basis: LegalBasis
    retention: Retention

    def __post_init__(self) -> None:
        if self.seconds < 1:
            raise ValueError(f"{self.name}: an entry lives for a second or more")
        _check(self.name, self.message)

    @cached_property
    def dataset(self) -> Dataset:
        """For the catalogue."""
        return _dataset(self)


def _check(name: str, kind: type[Message]) -> dict[str, Column]:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name for a subject: small letters, digits and _, at most 40")
    return columns_of(kind)


def _dataset(one: Stream[M] | Registry[M]) -> Dataset:
    columns = columns_of(one.message)
    return Dataset(
        one.name, Store.BUS, one.what, one.data_class, one.purpose, one.basis, one.retention, columns
    )


def demand_declared(catalogue: Catalogue, one: Stream[M] | Registry[M]) -> None:
    """Raises `Undeclared` for what the catalogue does not have as it is."""
    if catalogue.datasets.get((Store.BUS, one.name)) != one.dataset:
        raise Undeclared(f"{one.name} was not handed over to the catalogue")


def demand_key(key: str) -> str:
    """The key. Raises ValueError for one that is no single word of letters, digits, `-` and `_`, at most 64 long."""
    if _KEY.fullmatch(key) is None:
        raise ValueError("a key is 1 to 64 letters, digits, - and _")
    return key


def encoded(message: Message, kind: type[Message]) -> bytes:
    """A message as it travels. Raises TypeError for one of another kind, `MessageTooLarge` for a long one."""
    if type(message) is not kind:
        raise TypeError(f"{type(message).__name__} is not what is said here, but {kind.__name__}")
    octets = msgspec.json.encode(message)
    if len(octets) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"a {kind.__name__} of {len(octets)} bytes.")
    return octets


def decoded(octets: bytes, kind: type[M]) -> M:
    """The message. Raises msgspec.MsgspecError (a ValueError) for what is none of this kind."""
    return msgspec.json.decode(octets, type=kind)

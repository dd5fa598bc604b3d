# SPDX-License-Identifier: Apache-2.0
"""What an entry of the table is."""

from dataclasses import dataclass
from enum import Enum


class Cost(Enum):
    """When an entry is run. Quick ones also belong to `make test`: a second or two, no browser, no compiler."""

    QUICK = "quick"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Edit:
    """`old` stands exactly once in `file` and becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change of code, and tests of which each must fail with it.

    A test is `path::name`: a file of pytest with a function, a file of vitest with the end of a title, or a crate of the engine
    with a path within it.
    """

    name: str
    why: str
    """What the change would let happen, in one sentence."""
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    cost: Cost = Cost.QUICK

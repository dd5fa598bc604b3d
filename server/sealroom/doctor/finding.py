# SPDX-License-Identifier: Apache-2.0
"""What an examination finds."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import msgspec

from sealroom.core.config import Configuration


class Weight(StrEnum):
    """How much it matters."""

    OK = "ok"
    NOTE = "note"
    """Works, and somebody should know."""
    FAULT = "fault"


class Finding(msgspec.Struct, frozen=True):
    """What one examination found. `action` is what to do where it is not good."""

    name: str
    weight: Weight
    sentence: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A note: what is, and what could be done."""

    sentence: str
    action: str


Examination: TypeAlias = Callable[[Configuration], str | Said]
"""Says in a sentence what is good, returns a note, or raises an OperatorError for a fault."""

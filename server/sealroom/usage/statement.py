# SPDX-License-Identifier: Apache-2.0
"""What an application used, as its billing mode wants it: by day, or by calendar month to be held against a package.

**A day counts whole, in the mode that the application had when it ended** (today in the one that it has), so that no minute is in two lines.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sealroom.apps.billing import Modes
from sealroom.apps.models import BillingMode
from sealroom.usage.models import DAY_MS, KINDS

MAX_DAYS = 400
"""Of one statement: as long as totals of days are kept."""

BILLED = {
    "audio": ("audio",),
    # Of pictures whose size does not lie open it is certain that they were pictures, and no more.
    "sd": ("sd", "unknown"),
    "hd": ("hd",),
    "fhd": ("fhd",),
    "qhd": ("qhd",),
    "uhd": ("uhd",),
}
"""The classes that are billed, and the meters that each is the sum of."""


class RangeInvalid(ValueError):  # noqa: N818 - what it is
    """Days that no statement can be made of; says why in a sentence."""


@dataclass(frozen=True, slots=True)
class Line:
    """One day of an application that is billed by day, or all of a calendar month's days on which it had a package."""

    mode: BillingMode
    first: dt.date
    last: dt.date
    days: int
    """On so many from `first` to `last` it had the mode and used something."""
    milliseconds: Mapping[str, int] = field(default_factory=dict)
    """By kind, `models.KINDS`."""

    @property
    def minutes(self) -> dict[str, float]:
        """By class as TRTC bills them, to a hundredth."""
        return {
            name: round(sum(self.milliseconds.get(kind, 0) for kind in kinds) / 60_000, 2)
            for name, kinds in BILLED.items()
        }


def check_range(first: dt.date, last: dt.date) -> None:
    """Raises RangeInvalid."""
    if last < first:
        raise RangeInvalid(f"{last} is before {first}.")
    if (last - first).days >= MAX_DAYS:
        raise RangeInvalid(f"From {first} to {last} are more than {MAX_DAYS} days.")


def lines_of(
    used: Iterable[tuple[int, Mapping[str, int]]], modes: Modes, first: dt.date, last: dt.date
) -> list[Line]:
    """The lines of the days from `first` to `last`, by their first day. `used`: begins of days (Unix milliseconds), and what was
    used on each. A day or month without use has no line."""
    by_month: dict[tuple[int, int], list[Mapping[str, int]]] = {}
    found: list[Line] = []
    for at, milliseconds in used:
        day, mode = day_of(at), modes.at(at + DAY_MS)
        if mode is BillingMode.MONTHLY_PACKAGE:
            by_month.setdefault((day.year, day.month), []).append(milliseconds)
        else:
            found.append(Line(mode, day, day, 1, milliseconds))
    for (year, month), days in by_month.items():
        begin, end = dt.date(year, month, 1), dt.date(year + month // 12, month % 12 + 1, 1)
        found.append(
            Line(
                BillingMode.MONTHLY_PACKAGE,
                max(begin, first),
                min(end - dt.timedelta(days=1), last),
                len(days),
                _together(days),
            )
        )
    return sorted(found, key=lambda line: (line.first, line.mode.value))


def _together(days: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    for one in days:
        total.update(one)
    return dict(total)


def day_of(at: int) -> dt.date:
    """The day in UTC of a moment, Unix milliseconds."""
    return dt.datetime.fromtimestamp(at / 1000, dt.UTC).date()


def begin_of(day: dt.date) -> int:
    """When a day begins in UTC, Unix milliseconds."""
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 1000

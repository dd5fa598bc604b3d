# SPDX-License-Identifier: Apache-2.0
"""`sealroom usage`: what applications used, for bills."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from sealroom.cli.flags import AsJson, ConfigFile, StateFolder
from sealroom.cli.kept import with_kept
from sealroom.cli.show import lines
from sealroom.core.errors import ConfigurationError

if TYPE_CHECKING:
    from sealroom.kept import Kept
    from sealroom.usage.statement import Line

app = App(name="usage", help="What applications used, for bills.")


@app.command(name="statement")
def statement(
    sdk_app_id: Annotated[int, Parameter(help="The application's number.")],
    *,
    first: Annotated[
        str | None,
        Parameter(
            name="--from", help="First day in UTC, as 2026-11-01; without it, the first of `--to`'s month."
        ),
    ] = None,
    last: Annotated[
        str | None, Parameter(name="--to", help="Last day in UTC, itself too; without it, today.")
    ] = None,
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Print minutes by class: a line for each day under `daily_duration`, one for each month's days under `monthly_package`."""
    from sealroom.usage.statement import BILLED, RangeInvalid

    end = _day("--to", last) or dt.datetime.now(dt.UTC).date()
    begin = _day("--from", first) or end.replace(day=1)

    async def work(kept: "Kept") -> "list[Line]":
        return await kept.usage.statement(sdk_app_id, begin, end)

    try:
        found = with_kept(config, state, work)
    except RangeInvalid as error:
        raise ConfigurationError("days_invalid", f"{error}", "Name other days.") from error
    if not json:
        print("\t".join(("mode", "first", "last", "days", *BILLED)))
    lines([_told(line) for line in found], json, _columns)


def _told(line: "Line") -> dict[str, object]:
    days: dict[str, object] = {"mode": line.mode.value, "first": f"{line.first}", "last": f"{line.last}"}
    return {**days, "days": line.days, "minutes": line.minutes}


def _columns(told: dict[str, object]) -> tuple[object, ...]:
    *days, minutes = told.values()
    return *days, *(minutes.values() if isinstance(minutes, dict) else ())


def _day(flag: str, given: str | None) -> dt.date | None:
    try:
        return None if given is None else dt.date.fromisoformat(given)
    except ValueError:
        raise ConfigurationError(
            "day_invalid", f"{flag} `{given}` is no day.", "Write it as 2026-11-01."
        ) from None

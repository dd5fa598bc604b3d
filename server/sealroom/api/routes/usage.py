# SPDX-License-Identifier: Apache-2.0
"""What an application used, as it is billed."""

import datetime as dt
from typing import Annotated, TypeAlias

import msgspec
from litestar import get
from litestar.params import QueryParameter

from sealroom.api.paging import USUAL, Page, PageSize, PageToken, Text, page, place
from sealroom.api.problems import ApiProblem, problems
from sealroom.api.routes.given import Asked, Behind, SdkAppId
from sealroom.apps.models import BillingMode
from sealroom.core.callers import Caller
from sealroom.usage.statement import Line, RangeInvalid

_LIST = "usage"
_FIRST_PLACE = ("", "")
From: TypeAlias = Annotated[dt.date, QueryParameter(name="from", description="The first day, in UTC.")]
To: TypeAlias = Annotated[
    dt.date,
    QueryParameter(name="to", description="The last day, in UTC, itself too: at most 400 days in all."),
]


class MinutesView(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes by class as TRTC bills them, to a hundredth: docs/usage.md."""

    audio: float
    """In the room without any video."""
    sd: float
    """Also what had video whose size did not lie open."""
    hd: float
    fhd: float
    qhd: float
    """2K."""
    uhd: float
    """4K."""


class UsageView(msgspec.Struct, frozen=True, kw_only=True):
    """One day of an application that is billed by day, or all days of a calendar month on which it had a package."""

    mode: BillingMode
    first: dt.date
    last: dt.date
    """Of what was asked for, within the month."""
    days: int
    """On so many of them it had the mode and used something."""
    minutes: MinutesView


@get(
    "/applications/{sdk_app_id:int}/usage", operation_id="listUsage", opt={"caller": Caller.API_KEY}, responses=problems(404),
    summary="List what was used, by billing mode", tags=["usage"],
)  # fmt: skip
async def list_usage(
    call: Asked,
    services: Behind,
    sdk_app_id: SdkAppId,
    first: From,
    last: To,
    page_size: PageSize = USUAL,
    page_token: PageToken = None,
) -> Page[UsageView]:
    """A line for each day under `daily_duration`, one for each calendar month's days under `monthly_package`; none for what was not used.
    A day counts in the mode that the application had when it ended. The last two days and today still grow."""
    await services.own(call, sdk_app_id)
    after = place(page_token, _LIST, tuple[Text, Text], _FIRST_PLACE)
    try:
        found = await services.usage.statement(sdk_app_id, first, last)
    except RangeInvalid as error:
        raise ApiProblem(400, "request_invalid", f"{error}", "Name other days.") from None
    rest = [line for line in found if _place_of(line) > after]
    return page(rest, page_size, _LIST, _view, _place_of)


def _place_of(line: Line) -> tuple[str, str]:
    return f"{line.first}", line.mode.value


def _view(line: Line) -> UsageView:
    return UsageView(
        mode=line.mode, first=line.first, last=line.last, days=line.days, minutes=MinutesView(**line.minutes)
    )


ROUTES = (list_usage,)

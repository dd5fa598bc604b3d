# SPDX-License-Identifier: Apache-2.0
"""Parameters of a request: read from JSON or from a query, checked, and refused with TRTC's codes.

A parameter that an action does not know is refused (`UnknownParameter`): to pass over a filter would answer another question.
`null` is as good as missing, as in the SDKs.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

from sealroom.trtc_api.errors import ApiError, Code
from sealroom_wire.errors import Refusal
from sealroom_wire.ids import check_sdk_app_id, check_user_id

MAX_LIST = 1000
"""Elements of a list in a query; the longest list of an action has 100."""
HISTORY_DAYS = 14
MAX_OFFSET = 1_000_000
"""How far into a result a page may lie; a store that counts so far is slow enough."""

_FAMILIES = {"MissingParameter": Code.MISSING_PARAMETER, "InvalidParameter": Code.INVALID_PARAMETER}
_SUFFIXES = {"StartTime": "StartTs", "EndTime": "EndTs", "SdkAppid": "SdkAppId"}
"""Where the code is not called as the parameter is."""


class Parameters(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Parameters of one action, under the names that TRTC gives them."""


class OfApplication(Parameters, frozen=True, kw_only=True):
    """Parameters that name an application; the caller must own it. TRTC has the number as a string in places: both are taken."""

    sdk_app_id: int


class OfAccount(Parameters, frozen=True, kw_only=True):
    """Parameters that may name an application; without one, all of the account are meant."""

    sdk_app_id: int | None = None


P = TypeVar("P", bound=Parameters)


def from_json(body: bytes) -> dict[str, object]:
    """The parameters of a POST. An empty body has none."""
    try:
        found = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(Code.INVALID_BODY, "The body is not JSON.") from error
    if not isinstance(found, dict):
        raise ApiError(Code.INVALID_BODY, "The body is not a JSON object.")
    return found


def from_query(query: str) -> dict[str, object]:
    """The parameters of a GET. Lists come as `UserIds.0=a&UserIds.1=b`, which is how the SDKs flatten them."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=MAX_LIST)
    except ValueError as error:
        raise ApiError(Code.INVALID_URL, "The query cannot be read.") from error
    found: dict[str, object] = {}
    lists: dict[str, dict[int, str]] = {}
    for name, value in pairs:
        base, dot, index = name.partition(".")
        if not dot:
            if name in found:
                raise ApiError(Code.INVALID_URL, f"`{name}` is there more than once.")
            found[name] = value
        elif re.fullmatch(r"0|[1-9][0-9]{0,3}", index):
            lists.setdefault(base, {})[int(index)] = value
        else:
            raise ApiError(Code.INVALID_URL, f"`{name}` is not an element of a list.")
    for base, elements in lists.items():
        if base in found or sorted(elements) != list(range(len(elements))):
            raise ApiError(Code.INVALID_URL, f"The elements of `{base}` are not numbered from 0.")
        found[base] = [elements[index] for index in range(len(elements))]
    return found


def read(kind: type[P], given: Mapping[str, object], *, texts: bool) -> P:
    """The parameters of one action. `texts`: they came in a query, where everything is text.

    Raises:
        ApiError: one that is unknown, missing, or of another type.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    present = {name: value for name, value in given.items() if value is not None}
    for name in present:
        if name not in fields:
            raise ApiError(Code.UNKNOWN_PARAMETER, f"The parameter `{_shown(name)}` is not recognized.")
    values: dict[str, object] = {}
    for name, field in fields.items():
        if name not in present:
            if field.required:
                raise missing(name)
            continue
        value = present[name]
        if field.name == "sdk_app_id" and isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value):
            value = int(value)
        try:
            values[field.name] = msgspec.convert(value, field.type, strict=not texts)
        except msgspec.ValidationError as error:
            raise invalid(name, "its type is another") from error
    return kind(**values)


def _shown(name: str) -> str:
    """As much of a name that somebody sent as may come back to him."""
    return re.sub(r"[^\w.]", "?", name[:64], flags=re.ASCII)


def missing(name: str) -> ApiError:
    """A parameter that is not there."""
    return ApiError(_code("MissingParameter", name), f"The request is missing a required parameter `{name}`.")


def invalid(name: str, why: str) -> ApiError:
    """A parameter whose value cannot be used; `why` goes on after `is not valid:`."""
    return ApiError(_code("InvalidParameter", name), f"The value of `{name}` is not valid: {why}.")


def _code(family: str, name: str) -> Code:
    """The code for one parameter where TRTC's list has one, else that of the family."""
    try:
        return Code(f"{family}.{_SUFFIXES.get(name, name)}")
    except ValueError:
        return _FAMILIES[family]


def check_application(number: int) -> int:
    """An application's number; raises `ApiError(InvalidParameter.SdkAppId)`."""
    try:
        return check_sdk_app_id(number)
    except Refusal as refusal:
        raise invalid("SdkAppId", "it is not the number of an application") from refusal


def check_users(users: Sequence[str], *, most: int, name: str = "UserIds") -> tuple[str, ...]:
    """User ids, at most so many and none twice; raises `ApiError`."""
    if len(users) > most:
        raise invalid(name, f"at most {most} users can be named")
    for user in users:
        try:
            check_user_id(user)
        except Refusal as refusal:
            raise invalid(name, "a user id has 1 to 32 characters of a-z, A-Z, 0-9, _ and -") from refusal
    return tuple(dict.fromkeys(users))


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in Unix seconds, both ends in it."""

    start: int
    end: int


def window(start: int, end: int, *, now: float, hours: int | None = None) -> Window:
    """A span within the last 14 days, at most so many hours long; raises `ApiError`."""
    if end < start:
        raise invalid("EndTime", "it is before StartTime")
    _check_seconds(start, end)
    if hours is not None and end - start > hours * 3600:
        raise ApiError(
            Code.INVALID_QUERY_SCALE_OVERSIZE, f"StartTime and EndTime can be at most {hours} h apart."
        )
    if start < now - HISTORY_DAYS * 86_400:
        raise ApiError(Code.INVALID_START_TS_OVERSIZE, f"StartTime must be in the last {HISTORY_DAYS} days.")
    return Window(start, end)


def _check_seconds(start: int, end: int) -> None:
    """Unix seconds up to the year 5138; milliseconds are a slip that is told."""
    for name, value in (("StartTime", start), ("EndTime", end)):
        if not 0 <= value < 10**11:
            raise invalid(name, "write Unix seconds")


def recent(start: int, end: int, *, now: float, hours: int) -> Window:
    """A span within the last so many hours, as the real-time dashboard has it; raises `ApiError`."""
    if end < start:
        raise invalid("EndTime", "it is before StartTime")
    _check_seconds(start, end)
    if start < now - hours * 3600:
        raise ApiError(Code.INVALID_START_TIME_OVERSIZE, f"StartTime must be in the last {hours} h.")
    return Window(start, end)


@dataclass(frozen=True, slots=True)
class Page:
    """Which records of a result are wanted."""

    offset: int
    limit: int


def page(number: int | None, size: int | None, *, usual: int, most: int) -> Page:
    """A page, counted from 0. Where number or size is missing, it is the first of the usual size. Raises `ApiError`."""
    if number is not None and number < 0:
        raise invalid("PageNumber", "pages are counted from 0")
    if size is not None and size < 1:
        raise invalid("PageSize", f"write 1 to {most}")
    if size is not None and size > most:
        raise ApiError(Code.INVALID_PAGE_SIZE_OVERSIZE, f"PageSize is at most {most}.")
    if number is None or size is None:
        return Page(0, usual)
    if number * size > MAX_OFFSET:
        raise invalid("PageNumber", "there are not so many records; ask for a shorter span")
    return Page(number * size, size)


def date(text: str, name: str) -> dt.date:
    """A date as `YYYY-MM-DD`; raises `ApiError`."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        try:
            found = dt.date.fromisoformat(text)
        except ValueError as error:
            raise invalid(name, "there is no such day") from error
        if 2000 <= found.year < 2200:
            return found
    raise invalid(name, "write YYYY-MM-DD")


def minute(text: str, name: str) -> dt.datetime:
    """A minute as `YYYY-MM-DD HH:MM`, in UTC; raises `ApiError`."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}", text):
        day = date(text[:10], name)
        hours, minutes = int(text[11:13]), int(text[14:])
        if hours < 24 and minutes < 60:
            return dt.datetime.combine(day, dt.time(hours, minutes), dt.UTC)
    raise invalid(name, "write YYYY-MM-DD HH:MM")

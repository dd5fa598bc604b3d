# SPDX-License-Identifier: Apache-2.0
"""Parameters from JSON and from queries, and the code for each way to be wrong."""

import pytest

from sealroom.trtc_api.errors import ApiError
from sealroom.trtc_api.moderation import DismissRoom, RemoveUser
from sealroom.trtc_api.parameters import (
    Page,
    Window,
    date,
    from_json,
    from_query,
    minute,
    page,
    read,
    recent,
    window,
)
from sealroom.trtc_api.usage import OfRooms
from server.tests.fakes import NOW

DAY = 86_400


def code(error: pytest.ExceptionInfo[ApiError]) -> str:
    return error.value.code.value


def test_json_and_query_give_the_same() -> None:
    wanted = RemoveUser(sdk_app_id=1400000001, room_id=5, user_ids=("a", "b c"))
    body = b'{"SdkAppId": 1400000001, "RoomId": 5, "UserIds": ["a", "b c"], "Other": null}'
    assert read(RemoveUser, from_json(body), texts=False) == wanted
    query = "SdkAppId=1400000001&RoomId=5&UserIds.1=b+c&UserIds.0=a"
    assert read(RemoveUser, from_query(query), texts=True) == wanted


def test_an_application_may_be_a_number_or_text_and_has_its_own_spelling_once() -> None:
    for value in (1400000001, "1400000001"):
        given = {"SdkAppId": value, "RoomId": 5}
        assert read(DismissRoom, given, texts=False).sdk_app_id == 1400000001
    given = {"SdkAppid": 7, "StartTime": "a", "EndTime": "b"}
    assert read(OfRooms, given, texts=False).sdk_app_id == 7
    with pytest.raises(ApiError) as caught:
        read(OfRooms, {"SdkAppId": 7, "StartTime": "a", "EndTime": "b"}, texts=False)
    assert code(caught) == "UnknownParameter"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, "MissingParameter.SdkAppId"),
        ({"SdkAppId": None}, "MissingParameter.SdkAppId"),
        ({"SdkAppId": 1}, "MissingParameter.RoomId"),
        ({"SdkAppId": "x", "RoomId": 5}, "InvalidParameter.SdkAppId"),
        ({"SdkAppId": 1.5, "RoomId": 5}, "InvalidParameter.SdkAppId"),
        ({"SdkAppId": True, "RoomId": 5}, "InvalidParameter.SdkAppId"),
        ({"SdkAppId": [1], "RoomId": 5}, "InvalidParameter.SdkAppId"),
        ({"SdkAppId": 1, "RoomId": "5"}, "InvalidParameter.RoomId"),
        ({"SdkAppId": 1, "RoomId": 5, "UserIds": []}, "UnknownParameter"),
        ({"SdkAppId": 1, "RoomId": 5, "sdk_app_id": 2}, "UnknownParameter"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, object], wrong: str) -> None:
    with pytest.raises(ApiError) as caught:
        read(DismissRoom, given, texts=False)
    assert code(caught) == wrong


def test_a_hostile_name_does_not_come_back_as_it_was() -> None:
    with pytest.raises(ApiError) as caught:
        read(DismissRoom, {"<script>\r\n" + "x" * 500: 1}, texts=False)
    assert "<" not in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 150


@pytest.mark.parametrize(
    "body", [b"[]", b"1", b"null", b"{", b'{"a":1}x', b"\xff", b'{"a":' * 100_000, b"a=b"]
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        from_json(body)
    assert code(caught) == "InvalidParameter.BodyParamsError"


def test_no_body_has_no_parameters() -> None:
    assert from_json(b"") == {}
    assert from_query("") == {}


@pytest.mark.parametrize(
    "query",
    [
        "a", "a=1&a=2", "L.0=x&L.2=y", "L.1=x", "L.x=1", "L.0=x&L=y", "L.-1=x", "L.00=x", "L.0.A=x", "L.99999=x",
        "&".join(f"k{n}=1" for n in range(1001)),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_read_is_refused(query: str) -> None:
    with pytest.raises(ApiError) as caught:
        from_query(query)
    assert code(caught) == "InvalidParameter.UrlParamsError"


def test_spans_of_history() -> None:
    assert window(NOW - 3600, NOW, now=NOW, hours=1) == Window(NOW - 3600, NOW)
    assert window(NOW - 14 * DAY, NOW, now=NOW) == Window(NOW - 14 * DAY, NOW)
    for start, end, hours, wrong in (
        (NOW, NOW - 1, 1, "InvalidParameter.EndTs"),
        (NOW - 3601, NOW, 1, "InvalidParameter.QueryScaleOversize"),
        (NOW - 14 * DAY - 1, NOW - 14 * DAY, 1, "InvalidParameter.StartTsOversize"),
        (NOW * 1000, NOW * 1000 + 1, 1, "InvalidParameter.StartTs"),
        (-1, 5, 1, "InvalidParameter.StartTs"),
    ):
        with pytest.raises(ApiError) as caught:
            window(start, end, now=NOW, hours=hours)
        assert code(caught) == wrong
    assert recent(NOW - 12 * 3600, NOW, now=NOW, hours=12).end == NOW
    with pytest.raises(ApiError) as caught:
        recent(NOW - 12 * 3600 - 1, NOW, now=NOW, hours=12)
    assert code(caught) == "InvalidParameter.StartTimeOversize"


def test_pages() -> None:
    assert page(None, None, usual=10, most=100) == Page(0, 10)
    assert page(3, None, usual=10, most=100) == Page(0, 10)
    assert page(None, 50, usual=10, most=100) == Page(0, 10)
    assert page(2, 100, usual=10, most=100) == Page(200, 100)
    for number, size, wrong in (
        (-1, 10, "InvalidParameter.PageNumber"),
        (0, 0, "InvalidParameter.PageSize"),
        (0, 101, "InvalidParameter.PageSizeOversize"),
        (10_001, 100, "InvalidParameter.PageNumber"),
        (10**30, 1, "InvalidParameter.PageNumber"),
    ):
        with pytest.raises(ApiError) as caught:
            page(number, size, usual=10, most=100)
        assert code(caught) == wrong


def test_dates_and_minutes() -> None:
    assert date("2026-02-28", "StartTime").day == 28
    assert minute("2026-02-28 23:59", "StartTime").isoformat() == "2026-02-28T23:59:00+00:00"
    for text in (
        "2026-02-30",
        "2026-2-3",
        "20260228",
        "2026-02-28 00:00",
        "9999-12-31",
        "0000-00-00",
        "",
        "x",
    ):
        with pytest.raises(ApiError) as caught:
            date(text, "StartTime")
        assert code(caught) == "InvalidParameter.StartTs"
    for text in (
        "2026-02-28",
        "2026-02-28 24:00",
        "2026-02-28 23:60",
        "2026-02-28T23:59",
        "2026-02-28 23:59:00",
    ):
        with pytest.raises(ApiError) as caught:
            minute(text, "EndTime")
        assert code(caught) == "InvalidParameter.EndTs"

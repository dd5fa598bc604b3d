# SPDX-License-Identifier: Apache-2.0
"""Whatever comes over the line is answered in TRTC's form, with a code of the closed set, and changes nothing that was not asked for."""

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealroom.trtc_api.actions import ACTIONS
from sealroom.trtc_api.errors import Code
from server.tests.fakes import NOW, VirtualClock
from server.tests.trtc_api.parts import APP, Request, World, exchange, signed_headers

SERVED = sorted(name for name, action in ACTIONS.items() if action.served)
CODES = {code.value for code in Code}
NAMES = st.sampled_from(
    [
        "authorization", "host", "content-type", "x-tc-action", "x-tc-version", "x-tc-timestamp", "x-tc-token", "x-tc-content-sha256",
        "x-tc-region", "content-length", "x-other",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=80),
    st.sampled_from(
        ["TC3-HMAC-SHA256 Credential=", "application/json", str(NOW), "2019-07-22", "DismissRoom"]
    ),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=70),
    st.sampled_from([APP, str(APP), NOW, NOW - 60, "2027-01-14", "d", "single", f"{APP}_r_{NOW}"]),
)  # fmt: skip
PARAMETERS = st.dictionaries(
    st.sampled_from(
        [
            "SdkAppId", "SdkAppid", "RoomId", "StrRoomId", "UserIds", "UserId", "IsMute", "CommId", "StartTime", "EndTime", "PageNumber",
            "PageSize", "DataType", "Period", "IsFloat", "MixType", "Other",
        ]
    ),
    st.one_of(SCALARS, st.lists(SCALARS, max_size=12), st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)),
    max_size=9,
)  # fmt: skip


def answered(request: Request) -> tuple[World, str]:
    """A new world for each: what one example spends, another must not miss."""
    world = World(VirtualClock())
    answer: dict[str, Any] = asyncio.run(exchange(world.api, request))["Response"]
    return world, str(answer.get("Error", {}).get("Code", ""))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pairs=st.lists(st.tuples(NAMES, VALUES), max_size=12),
    body=st.binary(max_size=200),
    query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "TRACE", ""]),
)
def test_requests_that_nobody_signed(
    pairs: list[tuple[str, str]], body: bytes, query: str, method: str
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    world, code = answered(Request(body=body, method=method, query=query, pairs=raw))
    assert code in CODES
    assert code != Code.INTERNAL_ERROR
    assert not world.rooms.actors


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(action=st.sampled_from(SERVED), parameters=PARAMETERS)
def test_parameters_that_make_no_sense(action: str, parameters: dict[str, object]) -> None:
    body = json.dumps(parameters).encode()
    _, code = answered(Request(signed_headers(action, body=body, timestamp=NOW), body))
    assert code in CODES | {""}
    assert code != Code.INTERNAL_ERROR


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    action=st.sampled_from(SERVED),
    pairs=st.lists(
        st.tuples(
            st.sampled_from(
                ["SdkAppId", "RoomId", "UserIds.0", "UserIds.1", "UserIds", "StartTime", "EndTime", "A.B", ""]
            ),
            st.sampled_from([str(APP), "1234", "alice", "", "%FF", "%00", "+", "%F0%9F%A6%8A", str(2**70)]),
        ),
        max_size=8,
    ),
)
def test_queries_that_make_no_sense(action: str, pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs)
    kind = "application/x-www-form-urlencoded"
    headers = signed_headers(action, method="GET", query=query, timestamp=NOW, content_type=kind)
    _, code = answered(Request(headers, method="GET", query=query))
    assert code in CODES | {""}
    assert code != Code.INTERNAL_ERROR

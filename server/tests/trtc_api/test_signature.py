# SPDX-License-Identifier: Apache-2.0
"""TC3-HMAC-SHA256: the official vector, the forms that SDKs send, and everything that must not pass."""

import time

import pytest

from sealroom.trtc_api.errors import ApiError
from sealroom.trtc_api.signature import Claim, Headers, Signed, read_claim, verify
from server.tests.fakes import NOW
from server.tests.trtc_api.parts import HOST, SECRET_KEY, signed_headers

BODY = b'{"SdkAppId": 1400000000, "RoomId": 1234}'


def headers(**changes: str) -> Headers:
    return Headers([(name.encode(), value.encode("latin-1")) for name, value in changes.items()])


def check(
    given: dict[str, str],
    *,
    body: bytes = BODY,
    key: str = SECRET_KEY,
    method: str = "POST",
    query: str = "",
    now: float = NOW,
) -> tuple[Claim, Signed]:
    told = Headers([(name.encode(), value.encode()) for name, value in given.items()])
    claim = read_claim(told, now)
    return claim, verify(
        claim, key, method=method, query=query, headers=told, body=body, action="DismissRoom"
    )


def refused(*arguments: object, **changes: object) -> str:
    with pytest.raises(ApiError) as caught:
        check(*arguments, **changes)  # type: ignore[arg-type]
    return caught.value.code.value


def test_the_official_signer_s_vector_verifies() -> None:
    """Computed once with `Sign.sign_tc3` of tencentcloud-sdk-python-common 3.1.195."""
    signature = "b61e3e417b12f112727e3b3adcdcae966269625a64ccfc5bc219101a78e3d842"
    given = {
        "host": "trtc.tencentcloudapi.com",
        "content-type": "application/json",
        "x-tc-timestamp": "1700000000",
        "authorization": "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2023-11-14/trtc/tc3_request, "
        f"SignedHeaders=content-type;host, Signature={signature}",
    }
    claim, signed = check(given, key="SKEXAMPLEKEY", now=1_700_000_000)
    assert claim.secret_id == "AKIDEXAMPLE"
    assert signed.covers_payload
    changed = given | {"authorization": given["authorization"][:-1] + "3"}
    assert refused(changed, key="SKEXAMPLEKEY", now=1_700_000_000) == "AuthFailure.SignatureFailure"


def test_get_and_more_signed_headers_and_both_spellings_of_values_verify() -> None:
    check(signed_headers("DismissRoom", body=BODY, timestamp=NOW))
    query = "SdkAppId=1&UserIds.0=a%20b"
    get = signed_headers(
        "X", method="GET", query=query, timestamp=NOW, content_type="application/x-www-form-urlencoded"
    )
    check(get, body=b"", method="GET", query=query)
    for lower in (False, True):
        signed = "content-type;host;x-tc-action"
        given = signed_headers("DismissRoom", body=BODY, timestamp=NOW, signed=signed, lower=lower)
        check(given)
        assert refused(given | {"x-tc-action": "RemoveUser"}) == "AuthFailure.SignatureFailure"


def test_an_unsigned_payload_says_so() -> None:
    given = signed_headers("DismissRoom", body=BODY, timestamp=NOW, unsigned=True)
    assert not check(given)[1].covers_payload
    check(given, body=b"anything")
    without = {name: value for name, value in given.items() if name != "x-tc-content-sha256"}
    assert refused(without) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize(
    "change",
    [
        {"body": BODY + b" "},
        {"body": b""},
        {"key": SECRET_KEY + "x"},
        {"key": ""},
        {"method": "GET"},
        {"query": "a=b"},
    ],
)
def test_any_change_to_what_is_signed_is_found(change: dict[str, object]) -> None:
    given = signed_headers("DismissRoom", body=BODY, timestamp=NOW)
    assert refused(given, **change) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "other.example"),
        ("host", HOST + ":443"),
        ("content-type", "text/plain"),
        ("content-type", ""),
    ],
)
def test_a_changed_header_is_found(name: str, value: str) -> None:
    given = signed_headers("DismissRoom", body=BODY, timestamp=NOW)
    assert refused(given | {name: value}) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("off", [-300, -1, 0, 1, 300])
def test_within_five_minutes_a_clock_may_be_off(off: int) -> None:
    check(signed_headers("DismissRoom", body=BODY, timestamp=NOW + off))


@pytest.mark.parametrize("off", [-301, 301, -86_400, 10**9, -NOW])
def test_beyond_it_may_not(off: int) -> None:
    given = signed_headers("DismissRoom", body=BODY, timestamp=NOW + off)
    assert refused(given) == "AuthFailure.SignatureExpire"


def test_a_moved_timestamp_is_found() -> None:
    given = signed_headers("DismissRoom", body=BODY, timestamp=NOW - 200)
    assert refused(given | {"x-tc-timestamp": str(NOW)}) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize(
    "text", ["-1", "1e9", "0x10", " ", "18000000000000000000", "１８０００００００", "NaN"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    given = signed_headers("DismissRoom", body=BODY, timestamp=NOW) | {"x-tc-timestamp": text}
    assert refused(given) in {"InvalidParameter", "MissingParameter"}


def test_the_scope_must_fit() -> None:
    for changes in (
        {"service": "cvm"},
        {"date": "2027-01-14"},
        {"signed": "content-type"},
        {"signed": "host"},
        {"signed": "host;content-type"},
        {"signed": "content-type;content-type;host"},
    ):
        given = signed_headers("DismissRoom", body=BODY, timestamp=NOW, **changes)  # type: ignore[arg-type]
        assert refused(given) == "AuthFailure.InvalidAuthorization", changes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SKIP",
        "Basic QUtJRDp4",
        "TC3-HMAC-SHA256",
        "TC3-HMAC-SHA512 Credential=A/2027-01-15/trtc/tc3_request, SignedHeaders=content-type;host, Signature=" + "0" * 64,
        "TC3-HMAC-SHA256 Credential=A/2027-01-15/trtc/tc3_request, SignedHeaders=content-type;host, Signature=" + "0" * 63,
        "TC3-HMAC-SHA256 Credential=A/2027-01-15/trtc/tc3_request, SignedHeaders=content-type;host, Signature=" + "G" * 64,
        "TC3-HMAC-SHA256 Credential=A\nB/2027-01-15/trtc/tc3_request, SignedHeaders=content-type;host, Signature=" + "0" * 64,
        "TC3-HMAC-SHA256 Credential=" + "A" * 129 + "/2027-01-15/trtc/tc3_request, SignedHeaders=content-type;host, Signature=" + "0" * 64,
        "TC3-HMAC-SHA256 Credential=A/2027-01-15/trtc/tc3_request, SignedHeaders=content-type;host, Signature=" + "0" * 64 + " x",
    ],
)  # fmt: skip
def test_what_is_no_authorization_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match=r"AuthFailure\.InvalidAuthorization"):
        read_claim(headers(authorization=text, host="h"), NOW)


@pytest.mark.parametrize("name", ["authorization", "host", "content-type", "x-tc-timestamp"])
def test_a_header_that_comes_twice_is_refused(name: str) -> None:
    """Which of them was signed, and which would be believed?"""
    given = signed_headers("DismissRoom", body=BODY, timestamp=NOW)
    pairs = [(key.encode(), value.encode()) for key, value in given.items()]
    told = Headers([*pairs, (name.encode(), given[name].encode())])
    with pytest.raises(ApiError, match=r"AuthFailure\.InvalidAuthorization"):
        verify(
            read_claim(told, NOW), SECRET_KEY, method="POST", query="", headers=told, body=BODY, action="X"
        )


def test_an_authorization_of_hostile_length_costs_little() -> None:
    hostile = "TC3-HMAC-SHA256 Credential=" + "A/" * 8000 + "SignedHeaders=" + "a;" * 8000
    begin = time.perf_counter()
    with pytest.raises(ApiError):
        read_claim(headers(authorization=hostile), NOW)
    assert time.perf_counter() - begin < 0.05


def test_nothing_of_a_key_shows_in_what_is_kept() -> None:
    claim, signed = check(signed_headers("DismissRoom", body=BODY, timestamp=NOW))
    assert SECRET_KEY not in repr(claim) + repr(signed)

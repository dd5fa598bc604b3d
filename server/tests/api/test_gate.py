# SPDX-License-Identifier: Apache-2.0
"""Who is let in: signatures, clocks, replays, rates, sizes; and what every answer says."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from sealroom.api.endpoint import application, routed
from sealroom.api.gate import CALLS, FAILURES, MAX_BODY_BYTES
from sealroom.core.db import Database
from sealroom.core.errands import Errands
from sealroom.core.ids import Ids
from sealroom.core.keys import EnvelopeError
from sealroom.core.metrics import Metrics
from sealroom.core.traces import Span, SpanName, Value
from server.tests import fakes
from server.tests.api.parts import HOST, Answer, World, send, signed
from server.tests.fakes import APP, NOW

MINE = f"/v1/applications/{APP}"


@pytest.fixture
async def world(
    database: Database, tmp_path: Path, clock: fakes.VirtualClock, errands: Errands
) -> AsyncIterator[World]:
    second = Database(tmp_path / "test.db")
    yield await World.make(database, second, clock, errands)
    await second.close()


async def sent(
    world: World, method: str = "GET", path: str = MINE, query: str = "", body: bytes = b"", *, change: dict[str, str] | None = None,
    to: tuple[str, str, str, bytes] | None = None, pair: tuple[str, str] | None = None, now: float | None = None, **how: Any,
) -> Answer:  # fmt: skip
    """Signs one request; sends it with `change`d headers, or another request under its signature (`to`)."""
    headers = how.pop("headers", {})
    made = signed(
        pair or world.pair,
        method,
        path,
        query,
        body,
        headers,
        now=world.clock.unix() if now is None else now,
        **how,
    )
    made = {name: value for name, value in (made | (change or {})).items() if value}
    return await send(world.here.gate, *(to or (method, path, query, body)), made)


async def test_a_signed_request_goes_in_and_an_unsigned_one_does_not(world: World) -> None:
    assert (await sent(world)).status == 200
    bare = await send(world.here.gate, "GET", MINE, "", b"", {"host": HOST})
    assert (bare.status, bare.code) == (401, "authorization_invalid")
    assert bare.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "to",
    [
        ("DELETE", MINE, "", b""),
        ("GET", f"{MINE}/keys", "", b""),
        ("GET", f"{MINE}/", "", b""),
        ("GET", MINE, "a=1", b""),
        ("GET", MINE, "", b"x"),
    ],
)
async def test_a_signature_fits_one_request(world: World, to: tuple[str, str, str, bytes]) -> None:
    answer = await sent(world, to=to)
    assert (answer.status, answer.code) == (401, "signature_invalid")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"host": "other.example"}, "signature_invalid"),
        ({"content-type": "text/plain"}, "signature_invalid"),
        ({"x-tc-timestamp": ""}, "timestamp_missing"),
        ({"x-tc-timestamp": "soon"}, "timestamp_invalid"),
        ({"x-tc-timestamp": str(NOW + 1)}, "signature_invalid"),
        ({"x-tc-content-sha256": "UNSIGNED-PAYLOAD"}, ""),
        ({"authorization": "Bearer x"}, "authorization_invalid"),
        ({"if-match": '"1"'}, "authorization_invalid"),
        ({"idempotency-key": "k"}, "authorization_invalid"),
    ],
)
async def test_what_is_signed_cannot_be_changed_or_left_out(
    world: World, change: dict[str, str], code: str
) -> None:
    assert (await sent(world, change=change)).code == code


async def test_an_unsigned_payload_is_not_taken(world: World) -> None:
    """TRTC's SDKs may leave the payload unsigned; here the header means nothing."""
    change = {"x-tc-content-sha256": "UNSIGNED-PAYLOAD"}
    answer = await sent(world, change=change, to=("GET", MINE, "", b"{}"))
    assert answer.code == "signature_invalid"


async def test_a_signature_for_another_service_opens_nothing(world: World) -> None:
    answer = await sent(world, service="trtc")
    assert (answer.status, answer.code) == (401, "authorization_invalid")


async def test_a_key_that_is_none_is_refused_like_a_wrong_one(world: World) -> None:
    assert (await sent(world, pair=("AKID" + "x" * 32, "y"))).code == "api_key_rejected"
    assert (await sent(world, pair=(world.pair[0], "y" * 32))).code == "signature_invalid"
    assert (await sent(world, pair=(world.others_pair[0], world.pair[1]))).code == "signature_invalid"


@pytest.mark.parametrize(("off", "status"), [(-301, 401), (-300, 200), (300, 200), (301, 401)])
async def test_a_clock_may_be_off_by_five_minutes(world: World, off: int, status: int) -> None:
    answer = await sent(world, now=NOW + off)
    assert (answer.status, answer.code) == (status, "signature_expired" if status == 401 else "")


async def test_a_change_is_carried_out_once_for_a_signature(world: World) -> None:
    body = json.dumps({"relay": True}).encode()
    headers = {"if-match": "*"}
    assert (await sent(world, "PATCH", body=body, headers=headers)).status == 200
    again = await sent(world, "PATCH", body=body, headers=headers)
    assert (again.status, again.code) == (401, "signature_used")
    assert (await sent(world)).json["revision"] == 2
    assert [(await sent(world)).status for _ in range(3)] == [200] * 3
    world.clock.advance(1)
    assert (await sent(world, "PATCH", body=body, headers=headers)).status == 200


async def test_a_change_is_carried_out_once_by_whichever_process(world: World) -> None:
    body, headers = json.dumps({"relay": True}).encode(), {"if-match": "*"}
    made = signed(world.pair, "PATCH", MINE, "", body, headers, now=NOW)
    answers = [await send(one.gate, "PATCH", MINE, "", body, made) for one in (world.here, world.there)]
    assert [(one.status, one.code) for one in answers] == [(200, ""), (401, "signature_used")]
    assert (await sent(world)).json["revision"] == 2


async def test_an_answer_with_a_secret_is_not_replayed_to_whoever_recorded_the_request(world: World) -> None:
    headers = {"idempotency-key": "k1"}
    first = await sent(world, "POST", f"{MINE}/keys", headers=headers)
    assert first.status == 201
    stolen = await sent(world, "POST", f"{MINE}/keys", headers=headers)
    assert (stolen.status, stolen.code) == (401, "signature_used")
    assert first.json["secret_key"] not in stolen.body.decode()


async def test_an_account_that_asks_too_often_waits(world: World) -> None:
    answers = [await world.call("GET", MINE) for _ in range(CALLS.burst + 1)]
    assert [one.status for one in answers] == [200] * CALLS.burst + [429]
    late = answers[-1]
    assert (late.code, late.headers["retry-after"]) == ("rate_limited", "1")
    assert answers[0].headers["ratelimit-policy"] == '"account";q=100;w=5'
    assert answers[0].headers["ratelimit"] == '"account";r=99;t=1'
    assert late.headers["ratelimit"] == '"account";r=0;t=5'
    assert (await world.other("GET", "/v1/applications")).status == 200
    world.clock.advance(0.1)
    assert (await world.call("GET", MINE)).status == 200


async def test_an_address_that_guesses_is_shut_out_and_others_are_not(world: World) -> None:
    guess = (world.pair[0], "guess")
    codes = [(await sent(world, pair=guess)).code for _ in range(FAILURES.burst + 1)]
    assert codes == ["signature_invalid"] * FAILURES.burst + ["address_blocked"]
    assert (await sent(world)).status == 429
    elsewhere = world.call
    elsewhere.address = "198.51.100.9"
    assert (await elsewhere("GET", MINE)).status == 200
    world.clock.advance(1)
    assert (await sent(world)).status == 200


async def test_bodies_and_queries_are_bounded(world: World) -> None:
    large = await sent(world, "PATCH", body=b" " * (MAX_BODY_BYTES + 1))
    assert (large.status, large.code) == (413, "body_too_large")
    long = await sent(world, query="a=" + "x" * 5000)
    assert (long.status, long.code) == (400, "request_invalid")


async def test_every_answer_says_what_no_cache_and_no_browser_may_do(world: World) -> None:
    for answer in (
        await sent(world),
        await sent(world, path="/v1/nothing"),
        await sent(world, change={"authorization": "x"}),
        await sent(world, "PUT"),
        await send(world.here.gate, "GET", "/v1/problems/not_found", "", b"", {"host": HOST}),
        await sent(world, path="/v1/catalogue", query="format=html"),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_the_id_of_a_request_is_given_back_where_it_is_one(world: World) -> None:
    given = await sent(world, headers={"x-request-id": "mine-1"}, path="/v1/nothing")
    assert given.headers["x-request-id"] == given.json["request"] == "mine-1"
    for wrong in ("a b", "x" * 65, "ü"):
        answer = await sent(world, change={"x-request-id": wrong})
        assert answer.headers["x-request-id"].startswith("req_")


async def test_paths_and_methods_that_are_not_there(world: World) -> None:
    nothing = await sent(world, path="/v1/nothing")
    assert (nothing.status, nothing.code) == (404, "not_found")
    other = await sent(world, "PUT")
    assert (other.status, other.code) == (405, "method_not_allowed")
    assert set(other.headers["allow"].replace(" ", "").split(",")) >= {"GET", "PATCH"}


async def test_a_store_that_is_away_is_told_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise EnvelopeError("master_key_away", "The key service does not answer.", "Try again.")

    monkeypatch.setattr(world.here.desk.register, "find", away)
    behind = await sent(world)
    monkeypatch.setattr(world.here.desk.api_keys, "secret_of", away)
    before = await sent(world)
    for answer in (behind, before):
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "store_away", "5")


async def test_what_a_program_s_fault_says_stays_in_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret text")

    monkeypatch.setattr(world.here.desk.register, "find", broken)
    answer = await sent(world)
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "secret text" not in answer.body.decode()


async def test_codes_are_explained_to_anyone_but_not_without_end(world: World) -> None:
    async def ask(code: str) -> Answer:
        return await send(world.here.gate, "GET", f"/v1/problems/{code}", "", b"", {"host": HOST})

    problem = await sent(world, path="/v1/nothing")
    explained = await send(world.here.gate, "GET", problem.json["docs"], "", b"", {"host": HOST})
    assert (explained.status, explained.json["code"]) == (200, "not_found")
    assert (await ask("nonsense")).status == 404
    assert [(await ask("not_found")).status for _ in range(49)][-2:] == [200, 429]
    assert (await sent(world)).status == 200


async def test_nobody_gets_in_around_the_gate(world: World) -> None:
    async with AsyncTestClient(routed(world.here.services), raise_server_exceptions=False) as client:
        for path in ("/v1/applications", MINE, "/v1/audit/checkpoint", "/v1/catalogue"):
            assert (await client.get(path)).status_code == 401


async def test_what_is_counted_names_operations_and_codes(world: World) -> None:
    await sent(world)
    await sent(world, path="/v1/applications/5")
    await sent(world, path="/v1/nothing")
    text = world.here.metrics.text().decode()
    assert 'sealroom_v1_answers_total{action="getApplication",code="ok"} 1.0' in text
    assert 'sealroom_v1_answers_total{action="getApplication",code="application_unknown"} 1.0' in text
    assert 'sealroom_v1_answers_total{action="none",code="not_found"} 1.0' in text


async def test_the_day_of_a_key_s_last_use_is_noted(world: World) -> None:
    await sent(world)
    (status,) = await world.here.desk.api_keys.of(fakes.UIN)
    assert str(status.last_used_day) == "2027-01-15"


class Spans:
    """Keeps what spans said."""

    def __init__(self) -> None:
        self.told: list[tuple[SpanName, str, dict[str, Value]]] = []

    @contextlib.contextmanager
    def span(self, name: SpanName, parent: str = "") -> Iterator[Span]:
        said: dict[str, Value] = {}
        self.told.append((name, parent, said))

        class One:
            def set(self, name: str, value: Value) -> None:
                said[name] = value

        yield One()

    async def close(self) -> None:
        """Nothing is left."""


async def test_a_request_is_a_span_with_its_operation_and_code(world: World) -> None:
    spans = Spans()
    world.here.gate = application(world.here.services, world.clock, Ids(), Metrics("test"), spans)
    assert (await world.call("GET", MINE, traceparent="00-ab-cd-01")).status == 200
    await world.other("GET", MINE)
    await send(world.here.gate, "GET", MINE, "", b"", {"host": HOST})
    assert spans.told == [
        (SpanName.V1_REQUEST, "00-ab-cd-01", {"action": "getApplication", "code": "ok", "application": APP}),
        (SpanName.V1_REQUEST, "", {"action": "getApplication", "code": "application_unknown"}),
        (SpanName.V1_REQUEST, "", {"action": "none", "code": "authorization_invalid"}),
    ]

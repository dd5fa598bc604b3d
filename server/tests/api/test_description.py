# SPDX-License-Identifier: Apache-2.0
"""The API keeps to its OpenAPI document, whatever it is sent; and the document says what is there."""

import asyncio
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from requests.adapters import HTTPAdapter
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from urllib3 import HTTPResponse

from sealroom.api.document import document, text
from sealroom.api.endpoint import ROUTES, routed
from sealroom.api.problems import CODES
from sealroom.core.callers import Caller
from sealroom.core.db import Database
from sealroom.core.errands import Errands
from sealroom.webhooks.models import State
from server.tests import fakes
from server.tests.api.contract import HOOK, OVER, letters, receipt
from server.tests.api.parts import HOST, World, send, signed
from server.tests.fakes import APP

ROOT = Path(__file__).parents[3]
EXAMPLES = 20
"""For each operation. More find more, and take longer."""
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance, response_headers_conformance,
]  # fmt: skip


def _described(found: Any) -> Any:
    return found.ok()


SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = {one.label: one for found in SCHEMA.get_all_operations() if (one := _described(found))}


class InProcess(HTTPAdapter):
    """Signs what a client would send, and hands it to the application."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._world, self._loop = world, loop

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        assert request.url is not None
        assert request.method is not None
        # As if time had passed, so that nothing is asked too often and no signature is equal to another.
        self._world.clock.advance(1)
        parts, body = urlsplit(request.url), request.body or b""
        assert isinstance(body, str | bytes)
        octets = body.encode() if isinstance(body, str) else body
        headers = {
            name.lower(): value if isinstance(value, str) else value.decode("latin-1")
            for name, value in request.headers.items()
            if name.lower() not in {"authorization", "x-tc-timestamp", "host"}
        }  # fmt: skip
        names = tuple({"host", "content-type"} | set(headers))
        made = signed(
            self._world.pair, request.method, parts.path, parts.query, octets, headers, now=self._world.clock.unix(), names=names
        )  # fmt: skip
        answer = self._loop.run_until_complete(
            send(
                self._world.here.gate,
                request.method,
                unquote(parts.path),
                parts.query,
                octets,
                made,
                raw_path=parts.path,
            )
        )
        raw = HTTPResponse(
            body=io.BytesIO(answer.body), headers=answer.headers, status=answer.status, preload_content=False, version=11
        )  # fmt: skip
        return self.build_response(request, raw)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[requests.Session]:
    """A client of a world with one of everything."""
    loop = asyncio.new_event_loop()
    file = tmp_path_factory.mktemp("api") / "x.db"
    databases = Database(file), Database(file)

    async def make() -> World:
        world = await World.make(*databases, fakes.VirtualClock(), Errands())
        await world.call("PUT", f"/v1/applications/{APP}/bans/0", {}, if_none_match="*")
        await world.call("PUT", f"/v1/applications/{APP}/webhooks/room", HOOK, if_none_match="*")
        await letters(world, {State.DEAD: 3})
        await receipt(world, OVER)
        return world

    session = requests.Session()
    session.mount("https://", InProcess(loop.run_until_complete(make()), loop))
    yield session
    for one in databases:
        loop.run_until_complete(one.close())
    loop.close()


def _lead(case: Any) -> None:
    """Half of the questions about something that is there, from the state that it has: else none would get beyond the conditions."""
    there = {"sdk_app_id": APP, "user_id": "0", "call_id": OVER}
    if len(str(case.path_parameters)) % 2:
        for name in set(case.path_parameters or {}) & set(there):
            case.path_parameters[name] = there[name]
        if case.headers.get("If-None-Match"):
            case.headers.pop("If-Match", None)
        elif case.headers.get("If-Match"):
            case.headers["If-Match"] = "*"


@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_sent_the_answer_is_one_that_is_described(session: requests.Session, label: str) -> None:
    operation = OPERATIONS[label]

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        _lead(case)
        response = case.call(base_url=f"https://{HOST}", session=session)
        case.validate_response(response, checks=CHECKS)

    ask()


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_does_not_fit_is_refused_as_described(session: requests.Session, label: str) -> None:
    """Parameters and bodies that break the schema: refused or passed over, never a fault."""
    operation = OPERATIONS[label]

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def ask(case: Any) -> None:
        response = case.call(base_url=f"https://{HOST}", session=session)
        # A path that is broken may lead elsewhere, and so may a method that is not the path's.
        if response.status_code not in {404, 405}:
            case.validate_response(response, checks=CHECKS)
        assert response.status_code < 500

    ask()


def test_the_committed_document_is_what_the_program_serves() -> None:
    """`make generate` writes it."""
    assert (ROOT / "protocol" / "openapi.json").read_text() == text()


def test_every_operation_is_named_with_a_verb_and_a_noun_and_says_who_may_call_it() -> None:
    names = []
    for path in document()["paths"].values():
        for operation in path.values():
            names.append(operation["operationId"])
            assert re.fullmatch(
                r"(list|get|create|change|put|delete|retire|disable|lift|export|explain)[A-Z][A-Za-z]+",
                names[-1],
            )
            assert operation["summary"]
            assert operation["description"]
            assert {"400", "401", "429", "500", "503"} <= set(operation["responses"])
    assert len(set(names)) == len(names) == len(ROUTES)
    for route in routed(None).routes:
        for handler in getattr(route, "route_handlers", ()):
            assert isinstance(handler.opt.get("caller"), Caller) or handler.http_methods == {"OPTIONS"}


def test_the_schemas_are_valid_and_closed_where_something_is_taken() -> None:
    schemas = document()["components"]["schemas"]
    for name, schema in schemas.items():
        Draft202012Validator.check_schema(schema)
        if name.endswith(("Spec", "Change")):
            assert schema["additionalProperties"] is False, name


def test_the_documentation_explains_every_code() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    for code, meaning in CODES.items():
        assert f"| `{code}` | {meaning} |" in page

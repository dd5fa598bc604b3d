# SPDX-License-Identifier: Apache-2.0
"""Who asks `/v1` for what another site serves is told where, and nothing of him is written."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sealroom.api.endpoint import application
from sealroom.api.homes import Homes
from sealroom.core.db import Database
from sealroom.core.errands import Errands
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.regions.directory import Contents, FileDirectory, hash_of, write
from server.tests import fakes
from server.tests.api.parts import OTHERS_APP, Backend, World
from server.tests.regions.test_directory import SG
from server.tests.regions.test_elsewhere import rows

THERE = 1_400_000_077
SECRET_ID = "AKIDofTheOtherSite01"


@pytest.fixture
async def world(
    database: Database, tmp_path: Path, clock: fakes.VirtualClock, errands: Errands
) -> AsyncIterator[World]:
    path = tmp_path / "directory.toml"
    told = Contents({"sg": SG}, {str(THERE): "sg", str(fakes.APP): "sg"}, {hash_of(SECRET_ID): "sg"})
    path.write_text(write(told))
    second = Database(tmp_path / "test.db")
    made = await World.make(database, second, clock, errands)
    made.here.services = dataclasses.replace(
        made.here.services, homes=Homes(FileDirectory(path, "cn", clock), made.here.desk.register)
    )
    made.here.gate = application(made.here.services, clock, Ids(), Metrics("test"))
    yield made
    await second.close()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/applications", None),
        ("PATCH", f"/v1/applications/{fakes.APP}", {"relay": True}),
        ("POST", "/v1/api-keys", None),
    ],
)
async def test_a_key_of_another_site_is_sent_there(
    world: World, database: Database, method: str, path: str, body: object
) -> None:
    before = await rows(database)
    stranger = Backend(world.here.gate, world.clock, (SECRET_ID, "x" * 32))
    with capture_logs() as logs:
        answer = await stranger(method, path, body)
    assert (answer.status, answer.code) == (421, "account_at_another_site")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["endpoint"] == SG.api
    assert await rows(database) == before
    assert SECRET_ID not in str(logs)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/v1/applications/{THERE}", None),
        ("PUT", f"/v1/applications/{THERE}/bans/canary", {"issued_before": 1}),
        ("POST", f"/v1/applications/{THERE}/keys", None),
    ],
)
async def test_an_application_of_another_site_is_named_with_its_endpoint(
    world: World, database: Database, method: str, path: str, body: object
) -> None:
    await world.call("GET", "/v1/applications")
    before = await rows(database)
    with capture_logs() as logs:
        answer = await world.call(method, path, body, if_none_match="*" if method == "PUT" else "")
    assert (answer.status, answer.code) == (421, "application_at_another_site")
    assert answer.json["endpoint"] == SG.api
    assert await rows(database) == before
    assert not [text for text in (str(THERE), "canary") if text in str(logs)]


async def test_what_is_here_or_nowhere_is_not_sent_elsewhere(world: World) -> None:
    """Whoever writes the directory cannot send our customers away; somebody else's and nobody's are not told apart."""
    assert (await world.call("GET", f"/v1/applications/{fakes.APP}")).status == 200
    answers = [await world.call("GET", f"/v1/applications/{one}") for one in (OTHERS_APP, THERE + 1)]
    assert {(one.status, one.code) for one in answers} == {(404, "application_unknown")}
    assert "endpoint" not in answers[0].json
    nobody = Backend(world.here.gate, world.clock, ("AKIDnobody", "x" * 32))
    assert (await nobody("GET", "/v1/applications")).code == "api_key_rejected"

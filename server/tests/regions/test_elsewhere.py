# SPDX-License-Identifier: Apache-2.0
"""Who asks for another site's application is told where it is, and nothing of him is written."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from sealroom.core.config.schema import SignallingSettings
from sealroom.core.db import Database, metadata
from sealroom.core.metrics import Metrics
from sealroom.regions.directory import Contents, FileDirectory, hash_of, write
from sealroom.rooms.service import RoomService
from sealroom.signalling.closing import CloseCode
from sealroom.signalling.conversation import Conversation, Peer, Services
from sealroom.signalling.line import Line
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode
from server.tests import fakes
from server.tests.administration import apps_with
from server.tests.regions.test_directory import SG
from server.tests.signalling.test_conversation import Talk, enter
from server.tests.trtc_api import parts
from server.tests.trtc_api.parts import World, exchange

THERE = 1_400_000_077
SECRET_ID = "AKIDofTheOtherSite01"


@pytest.fixture
def directory(tmp_path: Path, clock: fakes.VirtualClock) -> FileDirectory:
    path = tmp_path / "directory.toml"
    path.write_text(write(Contents({"sg": SG}, {str(THERE): "sg"}, {hash_of(SECRET_ID): "sg"})))
    return FileDirectory(path, "cn", clock)


class Entries:
    """Would be told of attempts."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_entry(self, *what: Any) -> None:
        self.told.append(what)


@pytest.fixture
async def services(
    rooms: RoomService, clock: fakes.VirtualClock, metrics: Metrics, database: Database, directory: FileDirectory
) -> Services:  # fmt: skip
    apps = await apps_with(database, clock, fakes.application())
    return Services(apps, rooms, clock, metrics, SignallingSettings(), entries=Entries(), directory=directory)


def connect(services: Services, takes: frozenset[str] = frozenset({"sites"})) -> Talk:
    line = Line()
    return Talk(Conversation(services, line, Peer("192.0.2.77", None, takes)), line)


async def rows(database: Database) -> dict[str, int]:
    """How many there are in each table."""
    return {
        table.name: (await database.ask(select(func.count()).select_from(table)))[0][0]
        for table in metadata.sorted_tables
    }


async def test_an_entry_is_answered_with_the_endpoint_and_leaves_no_trace(
    services: Services, database: Database, metrics: Metrics
) -> None:
    talk, before = connect(services), await rows(database)
    with capture_logs() as logs:
        refused = await talk.ask(enter("canary", sdk_app_id=THERE), signalling.Refused)
    assert (refused.code, refused.endpoint) == (ErrorCode.APPLICATION_AT_ANOTHER_SITE, SG.signalling)
    assert refused.id == 7
    assert talk.ended() is CloseCode.REFUSED
    assert logs == []
    assert await rows(database) == before
    assert isinstance(services.entries, Entries)
    assert services.entries.told == []
    assert str(THERE) not in metrics.text().decode()


async def test_who_does_not_know_of_sites_is_told_as_before_there_were_any(services: Services) -> None:
    talk = connect(services, frozenset({"reports"}))
    with capture_logs() as logs:
        await talk.say(enter("canary", sdk_app_id=THERE))
    assert b"endpoint" not in talk.line._waiting[0].encode()
    (refused,) = talk.hear()
    assert isinstance(refused, signalling.Refused)
    assert refused.code is ErrorCode.APPLICATION_UNKNOWN
    assert logs == []


async def test_an_application_of_nobody_is_unknown(services: Services) -> None:
    refused = await connect(services).ask(enter(sdk_app_id=THERE + 1), signalling.Refused)
    assert refused.code is ErrorCode.APPLICATION_UNKNOWN


async def test_an_application_of_ours_does_not_ask_the_directory(services: Services) -> None:
    """Whoever writes the directory cannot send our users elsewhere."""
    assert isinstance(services.directory, FileDirectory)
    services.directory.contents = Contents({"sg": SG}, {str(fakes.APP): "sg"})
    await connect(services).ask(enter(), signalling.Entered)


@pytest.fixture
def world(clock: fakes.VirtualClock, directory: FileDirectory) -> World:
    made = World(clock)
    made.api._directory = directory
    return made


async def test_the_api_names_the_endpoint_of_another_site_s_key(world: World) -> None:
    from server.tests.trtc_api.test_endpoint import ROOM, request

    with capture_logs() as logs:
        answer = await exchange(world.api, request("DismissRoom", ROOM, secret_id=SECRET_ID))
    error = answer["Response"]["Error"]
    assert error["Code"] == "UnsupportedRegion"
    assert SG.api in error["Message"]
    assert SECRET_ID not in str(logs)
    assert world.keys.noted == []


async def test_the_api_names_the_endpoint_of_another_site_s_application(world: World) -> None:
    with capture_logs() as logs:
        error = (await world.call("DismissRoom", {"SdkAppId": THERE, "RoomId": 1}))["Error"]
    assert error["Code"] == "UnsupportedRegion"
    assert SG.api in error["Message"]
    assert str(THERE) not in str(logs)
    assert not world.rooms.actors


async def test_somebody_else_s_application_of_this_site_is_still_not_told_apart(world: World) -> None:
    error = (await world.call("DismissRoom", {"SdkAppId": parts.OTHERS_APP, "RoomId": 1}))["Error"]
    assert error["Code"] == "FailedOperation.SdkAppIdNotUnderAppId"

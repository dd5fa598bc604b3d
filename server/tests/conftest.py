# SPDX-License-Identifier: Apache-2.0
"""What most tests of the operator's side need."""

import random
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealroom.apps.models import Admission, Identity
from sealroom.core.config.schema import DatabaseSettings, RoomSettings
from sealroom.core.db import Database
from sealroom.core.db.schema import migrate
from sealroom.core.db.target import Target
from sealroom.core.errands import Errands
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.rooms.service import Request, RoomService
from sealroom.rooms.state import Origin, Participant
from sealroom_wire import signalling
from sealroom_wire.ids import RoomId, room_string
from sealroom_wire.signalling import Role, Scene
from sealroom_wire.usersig import Privilege
from server.tests import fakes, offers

ROOM = room_string("room")


@pytest.fixture
def clock() -> fakes.VirtualClock:
    return fakes.VirtualClock()


@pytest.fixture
def engine() -> fakes.FakeEngine:
    return fakes.FakeEngine()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("test")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of this program's schema in which nothing is: migrating each test's own would cost more than most tests."""
    file = tmp_path_factory.mktemp("migrated") / "empty.db"
    migrate(Target(file, DatabaseSettings()))
    return file


@pytest.fixture
def database_file(migrated: Path, tmp_path: Path) -> Path:
    """This test's own copy."""
    return shutil.copyfile(migrated, tmp_path / "test.db")


@pytest.fixture
async def database(database_file: Path) -> AsyncIterator[Database]:
    database = Database(database_file)
    yield database
    await database.close()


@pytest.fixture
async def errands() -> AsyncIterator[Errands]:
    async with Errands() as errands:
        yield errands


@pytest.fixture
def listening() -> fakes.Listening:
    return fakes.Listening()


@pytest.fixture
def rooms(
    engine: fakes.FakeEngine,
    clock: fakes.VirtualClock,
    errands: Errands,
    metrics: Metrics,
    listening: fakes.Listening,
) -> RoomService:
    return RoomService(
        engine, offers.SERVER, clock=clock, ids=Ids(random.Random(1)), settings=RoomSettings(), errands=errands,
        metrics=metrics, listeners=(listening,),
    )  # fmt: skip


@dataclass
class House:
    """Lets people into rooms."""

    rooms: RoomService

    async def enter(
        self,
        user: str,
        *,
        room: RoomId = ROOM,
        scene: Scene = Scene.RTC,
        role: Role = Role.ANCHOR,
        rights: Privilege = Privilege.ALL,
        sdp: str | None = None,
        line: fakes.FakeLine | None = None,
        origin: Origin | None = None,
        issued_at: int = 0,
        **application: Any,
    ) -> tuple[Participant, fakes.FakeLine, tuple[signalling.Participant, ...]]:
        """Enters; returns the participant, its line, and whom it was told of."""
        line = line or fakes.FakeLine()
        identity = Identity(fakes.application(**application), user, issued_at)
        sdp = offers.offer() if sdp is None else sdp
        request = Request(
            Admission(identity, rights, issued_at),
            room,
            scene,
            role,
            sdp,
            offers.TRACKS,
            origin or fakes.origin(user),
        )
        participant, others = await self.rooms.enter(request, line)
        return participant, line, others


@pytest.fixture
def house(rooms: RoomService) -> House:
    return House(rooms)

# SPDX-License-Identifier: Apache-2.0
"""Several servers on a real PostgreSQL, with a real NATS between them, which dies and comes back."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from sealroom.core.bus import Bus
from sealroom.core.bus.connection import NatsSettings
from sealroom.core.bus.jetstream import NatsBus
from sealroom.nodes.models import NODES
from sealroom_wire.errors import ErrorCode
from server.tests import fakes
from server.tests.nodes.contract import CATALOGUE, Connect, NodesContract, Server, refusal
from tools.services.fixtures import OwnDatabase, OwnSubjects

pytestmark = pytest.mark.services


class TestOnServices(NodesContract):
    @pytest.fixture
    def where(self, own_database: OwnDatabase) -> str:
        return own_database.url

    @pytest.fixture
    async def connect(self, own_subjects: OwnSubjects, clock: fakes.VirtualClock) -> AsyncIterator[Connect]:
        server = own_subjects.server
        trust = ssl.create_default_context(cafile=str(server.authority))
        settings = NatsSettings((server.url,), own_subjects.prefix, server.user, server.password, trust)
        async with AsyncExitStack() as closing:

            async def give() -> Bus:
                bus = await NatsBus.connect(settings, CATALOGUE, clock)
                closing.push_async_callback(bus.close)
                return bus

            yield give

    async def test_after_the_bus_was_gone_changes_are_told_again(
        self, servers: tuple[Server, Server], own_subjects: OwnSubjects
    ) -> None:
        one, other = servers
        await other.desk.apps.find(fakes.APP)
        own_subjects.server.process.kill()
        await one.desk.register.change(fakes.APP, {"name": "Other"}, fakes.ACTOR, expected_revision=None)
        await asyncio.to_thread(own_subjects.server.process.start)
        for server in servers:
            await server.bus.get(NODES, "nobody")  # waits for the connection
        heard = await other.hears("applications")
        await one.desk.register.change(fakes.APP, {"enabled": False}, fakes.ACTOR, expected_revision=None)
        await heard()
        assert await refusal(other.desk.apps.find(fakes.APP)) is ErrorCode.APPLICATION_DISABLED

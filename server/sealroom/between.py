# SPDX-License-Identifier: Apache-2.0
"""What the servers of one site have between them: the bus, the store of objects, their names, and copies of what they signed."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from sealroom.audit.copies import Copies, CopyMetrics
from sealroom.catalogue import Catalogue
from sealroom.core.bus import Bus
from sealroom.core.bus.opening import open_bus
from sealroom.core.clock import Clock
from sealroom.core.config import Configuration
from sealroom.core.errands import goes_on, place_of
from sealroom.core.health import Health
from sealroom.core.logging import get_logger
from sealroom.core.objects import Objects, ObjectsError
from sealroom.core.objects.opening import objects_of
from sealroom.core.state import StateDirectory
from sealroom.kept import TOLD, Kept
from sealroom.listeners import program_version
from sealroom.nodes.changes import Announcer, ChangeMetrics
from sealroom.nodes.lease import NodeName, home_of
from sealroom.nodes.models import Node
from sealroom.nodes.presence import Presence
from sealroom.rooms.service import RoomService
from sealroom.telemetry import Telemetry

_log = get_logger()


@dataclass(frozen=True, slots=True)
class Between:
    """Of one server."""

    bus: Bus
    objects: Objects
    copies: Copies
    name: NodeName
    since: int

    def be_present(
        self, parts: AsyncExitStack, rooms: RoomService, health: Health, *, url: str, api: str
    ) -> None:
        """Says from now on, until the end of `parts`, that this server is there. **Once it takes calls.**"""

        def says() -> Node:
            everybody = rooms.everybody()
            return Node(
                version=program_version(), endpoint=url, api=api, draining=health.draining,
                rooms=len({one.room.number for one in everybody}), participants=len(everybody), since=self.since,
            )  # fmt: skip

        presence = Presence(self.bus, self.name.name, says)
        self.name.when_lost(presence.stop)
        parts.push_async_callback(presence.end)
        goes_on(parts, presence.run())


async def open_between(
    parts: AsyncExitStack, configuration: Configuration, state: StateDirectory, kept: Kept, made: Catalogue, telemetry: Telemetry,
    clock: Clock,
) -> Between:  # fmt: skip
    """Opens it all, before any feature writes under the server's name; the end of `parts` closes it.

    Raises:
        ConfigurationError: a setting that cannot be used.
        StartError: the bus is not there; another live server has the name.
    """
    home = home_of(state, shares_database=bool(configuration.database.url))
    name = NodeName(kept.database, clock, configuration.server.name, home)
    await name.claim()
    parts.push_async_callback(name.release)
    goes_on(parts, name.run())
    objects = objects_of(configuration.objects, state, made, configuration.site.name)
    parts.push_async_callback(objects.close)
    copies = Copies(objects, kept.audit, kept.keys, CopyMetrics(telemetry.metrics.registry))
    parts.push_async_callback(_at_the_end, copies)
    await _at_the_start(copies)
    bus = await open_bus(configuration.bus, made, configuration.site.name, clock)
    parts.push_async_callback(bus.close)
    announcer = Announcer(bus, kept.database.changes, TOLD, ChangeMetrics(telemetry.metrics.registry))
    await announcer.start()
    goes_on(parts, announcer.run())
    telemetry.watch_between(name, bus, objects, copies)
    return Between(bus, objects, copies, name, int(clock.unix()))


async def _at_the_start(copies: Copies) -> None:
    """A log that is not what its copies stand for is said loudly, and does not keep calls from being carried."""
    try:
        await copies.prove()
    except ObjectsError as error:
        _log.warning("audit_copies_away", code=error.code)
    except Exception as error:
        _log.error("audit_copies_not_read", error=type(error).__name__, place=place_of(error))


async def _at_the_end(copies: Copies) -> None:
    """Nothing may keep a server from ending."""
    try:
        await copies.take()
    except Exception as error:
        _log.warning("audit_not_copied", error=type(error).__name__, place=place_of(error))

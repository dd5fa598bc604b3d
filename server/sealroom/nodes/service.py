# SPDX-License-Identifier: Apache-2.0
"""Which servers there are, for people and for other features."""

from dataclasses import dataclass
from enum import StrEnum

from sealroom.core.bus import Bus
from sealroom.core.clock import Clock
from sealroom.core.db import Database
from sealroom.nodes.lease import holders
from sealroom.nodes.models import NODES, Node


class NodeState(StrEnum):
    """What a server is about."""

    RUNS = "runs"
    DRAINS = "drains"
    GONE = "gone"
    """It ended, or its lease is over."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A server as it is shown. What it says itself is None while it is not heard on the bus."""

    name: str
    state: NodeState
    version: str | None = None
    endpoint: str | None = None
    api: str | None = None
    rooms: int | None = None
    participants: int | None = None
    since: int | None = None


async def nodes(database: Database, bus: Bus, clock: Clock) -> list[NodeStatus]:
    """Every server that ever used the database, by its name. Raises `BusUnavailable`."""
    now = clock.unix() * 1000
    return [
        _status(name, await bus.get(NODES, name) if until > now else None, is_alive=until > now)
        for name, until in (await holders(database)).items()
    ]


async def alive(database: Database, clock: Clock) -> set[str]:
    """The names of servers that run, by their leases."""
    now = clock.unix() * 1000
    return {name for name, until in (await holders(database)).items() if until > now}


def _status(name: str, node: Node | None, *, is_alive: bool) -> NodeStatus:
    if not is_alive:
        return NodeStatus(name, NodeState.GONE)
    if node is None:
        return NodeStatus(name, NodeState.RUNS)
    state = NodeState.DRAINS if node.draining else NodeState.RUNS
    return NodeStatus(
        name, state, node.version, node.endpoint, node.api, node.rooms, node.participants, node.since
    )

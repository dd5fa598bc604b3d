# SPDX-License-Identifier: Apache-2.0
"""What the servers of one site have between them: the bus, the store of objects, their names."""

import asyncio
import time

from sealroom.app import catalogue
from sealroom.core.bus.opening import open_bus
from sealroom.core.clock import SystemClock
from sealroom.core.config import Configuration
from sealroom.core.db import Database
from sealroom.core.errors import StartError
from sealroom.core.objects.opening import FOLDER, objects_of
from sealroom.core.state import StateDirectory
from sealroom.doctor.finding import Said
from sealroom.doctor.stores import folder, has_schema, is_served
from sealroom.nodes.lease import holders

PATIENCE_SECONDS = 5.0


def objects(configuration: Configuration) -> str | Said:
    """Whether the store answers, and lies elsewhere than the database."""
    settings, place = configuration.objects, folder(configuration) / FOLDER
    if not settings.endpoint and not place.exists():
        return f"{place} (made at the first start)"
    began = time.perf_counter()
    if not asyncio.run(_objects_work(configuration)):
        raise StartError(
            "objects_unavailable",
            f"The store of objects does not answer or lets us not in: {settings.endpoint or place}.",
            "Look at [objects] access, secret, bucket and ca, and whether the bucket is there."
            if settings.endpoint
            else "Look at the disk, and who owns the folder.",
        )
    if not settings.endpoint:
        if configuration.database.url:
            return Said(
                f"{place}, on this machine alone.",
                "With several servers name a bucket of S3 in [objects]: each would keep copies of the audit log of its own.",
            )
        return f"{place}, beside the database: who rolls back one can roll back both"
    took = (time.perf_counter() - began) * 1000
    return f"{settings.endpoint}, bucket {settings.bucket}, {took:.0f} ms"


def bus(configuration: Configuration) -> str | Said:
    """Whether it is reached, lets us in, and has JetStream."""
    settings = configuration.bus
    if not settings.url:
        if configuration.database.url:
            return Said(
                "In this process: other servers of this database see changes a second or two later, and none moderates another's rooms.",
                "With several servers name NATS in [bus].",
            )
        return "in this process"
    began = time.perf_counter()
    if not asyncio.run(_bus_works(configuration)):
        raise StartError(
            "bus_without_jetstream",
            f"NATS at {settings.url} is reached, and JetStream does not answer.",
            "Switch JetStream on for the account that [bus] user belongs to.",
        )
    return f"{settings.url}, {(time.perf_counter() - began) * 1000:.0f} ms"


def node(configuration: Configuration) -> str:
    """What this server is called, and which others there are."""
    mine = configuration.server.name
    if not has_schema(configuration):
        return mine
    now = time.time() * 1000
    alive = [one for one, until in asyncio.run(_holders(configuration)).items() if until > now]
    others = ", ".join(one for one in alive if one != mine) or "none"
    running = " (it runs)" if mine in alive or is_served(configuration) else ""
    return f"{mine}{running}; others that run on this database: {others}"


async def _objects_work(configuration: Configuration) -> bool:
    state = StateDirectory(folder(configuration))
    store = objects_of(configuration.objects, state, catalogue(), configuration.site.name)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await store.works()
    except TimeoutError:
        return False
    finally:
        await store.close()


async def _bus_works(configuration: Configuration) -> bool:
    opened = await open_bus(
        configuration.bus, catalogue(), configuration.site.name, SystemClock(), patience=PATIENCE_SECONDS
    )
    try:
        return await opened.works()
    finally:
        await opened.close()


async def _holders(configuration: Configuration) -> dict[str, int]:
    state = StateDirectory(folder(configuration))
    opened = Database(configuration.database.url or state.database, configuration.database)
    try:
        return await holders(opened)
    finally:
        await opened.close()

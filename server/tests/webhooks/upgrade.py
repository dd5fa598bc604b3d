# SPDX-License-Identifier: Apache-2.0
"""Endpoints and events of a database from before there were subscribers: everything of it is the backend's, its key included."""

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError

from sealroom.core.clock import SystemClock
from sealroom.core.config.schema import DatabaseSettings, KeySettings
from sealroom.core.db import Database
from sealroom.core.db.migrations import run
from sealroom.core.db.target import Target, Where
from sealroom.core.keys import Envelope, master_keys
from sealroom.core.state import StateDirectory
from sealroom.webhooks.address import Addresses
from sealroom.webhooks.endpoints import Endpoints
from sealroom.webhooks.letters import Letters
from sealroom.webhooks.models import Group, Subscriber, outbox
from server.tests.fakes import ACTOR, APP, audit

_ROW = {
    "event_id": "e" * 32, "sdk_app_id": APP, "group_id": 1, "event_type": 104, "lane": "l" * 32, "info": "{}", "state": "parked",
    "created_at": 1, "since": 1, "next_at": 1, "attempts": 7, "parked": 1, "lease_until": 0,
}  # fmt: skip


class UpgradeContract:
    """Subclasses give a fixture `where` with the place of an empty database."""

    async def test_what_was_there_before_subscribers_is_the_backends(
        self, where: Where, tmp_path: Path
    ) -> None:
        envelope = Envelope(master_keys(KeySettings(), StateDirectory(tmp_path / "state")))
        # What a program of before wrote: bound to application and group alone.
        sealed = await envelope.encrypt(
            "webhook_key", ("webhook_endpoints", "key", str(APP), "1"), b"Before1"
        )
        self._before(where, sealed)
        database = Database(where)
        clock = SystemClock()
        endpoints = Endpoints(database, audit(database), envelope, clock, Addresses())
        (one,) = await endpoints.all()
        assert (one.subscriber, one.group, one.key) == (Subscriber.BACKEND, Group.ROOM, b"Before1")
        (letter,) = await Letters(database, audit(database), clock).page()
        assert (letter.id, letter.subscriber, letter.attempts) == (7, Subscriber.BACKEND, 7)
        await endpoints.set(
            APP, Group.ROOM, "https://keys.example/", "Beside1", actor=ACTOR, subscriber=Subscriber.AUTHORITY
        )
        assert [one.key for one in await endpoints.all()] == [b"Beside1", b"Before1"]
        async with database.writing() as connection:
            await connection.execute(insert(outbox).values(**_ROW, subscriber="authority"))
        with pytest.raises(IntegrityError):
            async with database.writing() as connection:
                await connection.execute(insert(outbox).values(**_ROW))
        ((newest,),) = await database.ask(select(func.max(outbox.c.id)))
        assert newest > 7
        await database.close()

    def _before(self, where: Where, sealed: bytes) -> None:
        engine = Target(where, DatabaseSettings()).engine()
        config = run._config()
        names = ", ".join(_ROW)
        values = ", ".join(f":{name}" for name in _ROW)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0015")
            connection.execute(text(f"INSERT INTO webhook_outbox (id, {names}) VALUES (7, {values})"), _ROW)
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT setval(pg_get_serial_sequence('webhook_outbox', 'id'), 7)"))
            connection.execute(
                text("INSERT INTO webhook_endpoints VALUES (:app, 1, 'https://a.example/', :key, :on, 1)"),
                {"app": APP, "key": sealed, "on": True},
            )
        engine.dispose()

# SPDX-License-Identifier: Apache-2.0
"""Replacing the master key beside a running server."""

from pathlib import Path

import pytest

from sealroom.audit.events import AuditEvent
from sealroom.core.db import Database, metadata
from sealroom.core.keys import Envelope, EnvelopeError
from sealroom.core.keys.columns import SEALED as MARK
from sealroom.core.keys.master import FileMasterKeys
from sealroom.kept import SEALED
from sealroom.rotation import Rotation
from sealroom_wire.errors import ErrorCode
from server.tests import fakes
from server.tests.administration import Desk
from server.tests.apps.entering import answer


async def test_a_rotation_beside_a_running_server_is_recorded_and_disturbs_nobody(
    tmp_path: Path, database: Database, clock: fakes.VirtualClock
) -> None:
    file = tmp_path / "master.key"

    def process() -> Desk:
        return Desk(database, clock, Envelope(FileMasterKeys(file)))

    running, command = process(), process()
    await running.accounts.create(fakes.ACCOUNT, fakes.ACTOR, uin=fakes.UIN)
    app = fakes.application()
    await running.register.create(
        app.uin, app.spec, fakes.ACTOR, sdk_app_id=app.sdk_app_id, secret_key=fakes.KEY
    )
    key = await running.api_keys.create(fakes.UIN, fakes.ACTOR)
    assert await answer(running.apps) is None
    rotation = Rotation(database, command.envelope, command.audit, SEALED)
    (old,) = await rotation.values()
    new = await rotation.rotate(fakes.ACTOR)
    assert new.version == old.version + 1
    assert await answer(running.apps) is None
    assert await rotation.encrypt_again() == 2
    assert await rotation.values() == {new: 2}
    assert await rotation.encrypt_again() == 0
    await running.register.add_key(app.sdk_app_id, fakes.ACTOR, expected_revision=None)
    assert await rotation.values() == {new: 3}
    clock.advance(2)
    for desk in (running, process()):
        assert await answer(desk.apps) is None
        found = await desk.api_keys.secret_of(key.secret_id)
        assert found is not None
        assert found.secret_key == key.secret_key
    events = [entry async for entry in command.audit.entries(event=AuditEvent.MASTER_KEY_ROTATED)]
    assert [(entry.target, entry.payload) for entry in events] == [(str(new), "{}")]


async def test_once_nothing_is_under_an_old_key_its_line_may_go(
    tmp_path: Path, database: Database, clock: fakes.VirtualClock
) -> None:
    file = tmp_path / "master.key"
    desk = Desk(database, clock, Envelope(FileMasterKeys(file)))
    await desk.accounts.create(fakes.ACCOUNT, fakes.ACTOR, uin=fakes.UIN)
    app = fakes.application()
    await desk.register.create(
        app.uin, app.spec, fakes.ACTOR, sdk_app_id=app.sdk_app_id, secret_key=fakes.KEY
    )
    rotation = Rotation(database, desk.envelope, desk.audit, SEALED)
    await rotation.rotate(fakes.ACTOR)

    def without_the_old_line() -> Desk:
        lines = file.read_text().splitlines(keepends=True)
        kept = tmp_path / "kept.key"
        kept.touch(0o600)
        kept.write_text("".join(line for line in lines if " 1 " not in line))
        return Desk(database, clock, Envelope(FileMasterKeys(kept)))

    assert await answer(without_the_old_line().apps) is ErrorCode.INTERNAL_ERROR
    with pytest.raises(EnvelopeError):
        await Rotation(database, without_the_old_line().envelope, desk.audit, SEALED).encrypt_again()
    await rotation.encrypt_again()
    assert await answer(without_the_old_line().apps) is None


def test_every_column_that_says_it_is_encrypted_is_rotated() -> None:
    """Whoever adds one and forgets the list would find it unreadable after the old key is gone."""
    told = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if MARK in column.info
    }
    listed = {(one.table.name, one.column.name) for one in SEALED}
    assert told == listed
    assert len(listed) >= 3

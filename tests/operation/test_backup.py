# SPDX-License-Identifier: Apache-2.0
"""A backup as docs/operate/running.md says: beside a running server, and with its key or not at all."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sealroom.core.config import Configuration
from sealroom.core.config.schema import StateSettings
from sealroom.core.errors import StartError
from sealroom.kept import kept
from tests.operation.serving import APP, KEY, Server


def back_up(server: Server, folder: Path, *keys: str) -> Path:
    """What `.backup` of the sqlite3 command does, then the named keys."""
    folder.mkdir(mode=0o700)
    state = server.folder / "state"
    with (
        closing(sqlite3.connect(state / "sealroom.db")) as source,
        closing(sqlite3.connect(folder / "sealroom.db")) as copy,
    ):
        source.backup(copy)
    for name in keys:
        shutil.copy2(state / name, folder / name)
    return folder


def key_in(folder: Path) -> str:
    """The application's secret key, out of a restored folder."""

    async def read() -> str:
        async with kept(Configuration(state=StateSettings(directory=str(folder)))) as everything:
            return (await everything.apps.find(APP)).secret_keys[0]

    return asyncio.run(read())


def test_a_backup_beside_a_running_server_is_restored(server: Server, tmp_path: Path) -> None:
    restored = back_up(server, tmp_path / "restored", "master.key", "audit.key")
    assert key_in(restored) == KEY
    assert KEY.encode() not in (restored / "sealroom.db").read_bytes()


def test_a_database_without_its_master_key_is_refused(server: Server, tmp_path: Path) -> None:
    restored = back_up(server, tmp_path / "restored", "audit.key")
    with pytest.raises(StartError) as refused:
        key_in(restored)
    assert refused.value.action

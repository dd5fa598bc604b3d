# SPDX-License-Identifier: Apache-2.0
"""The database: migrated at start, refused when it is not ours."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from sealroom.app import catalogue
from sealroom.core.db import Database, metadata
from sealroom.core.db.database import schema_version
from sealroom.core.db.migrations import HEAD
from sealroom.core.db.migrations.run import script
from sealroom.core.errors import StartError
from sealroom.core.state import StateDirectory, write_private


def test_the_newest_revision_is_the_one_that_is_named() -> None:
    assert script().get_heads() == [HEAD]


async def test_a_new_file_gets_the_schema_and_keeps_it(tmp_path: Path) -> None:
    for _ in range(2):
        database = Database(tmp_path / "x.db")
        async with database.reading() as connection:
            mode = (await connection.execute(text("PRAGMA journal_mode"))).scalar()
        await database.close()
        assert mode == "wal"
    assert schema_version(tmp_path / "x.db") == HEAD


async def test_the_migrations_make_what_the_features_declare(tmp_path: Path) -> None:
    await Database(tmp_path / "x.db").close()
    assert list(catalogue()), "every feature's tables are in `metadata`"
    engine = create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
        connection.commit()
    with pytest.raises(StartError) as caught:
        Database(file)
    assert caught.value.code == "database_of_newer_program"


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database" * 100)
    with pytest.raises(StartError):
        Database(tmp_path / "x.db")
    assert (tmp_path / "x.db").read_text().startswith("not a database")


def test_the_state_folder_is_for_this_user_only_and_for_one_server(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "deep" / "state")
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    assert state.log_key() == StateDirectory(state.path).log_key()
    assert stat.S_IMODE((state.path / "log.key").stat().st_mode) == 0o600
    with state.locked(), pytest.raises(StartError), StateDirectory(state.path).locked():
        pass
    with state.locked():
        pass


def test_a_private_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "x"
    write_private(file, b"old")
    with pytest.raises(TypeError):
        write_private(file, "text")  # type: ignore[arg-type]
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]

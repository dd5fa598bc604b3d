# SPDX-License-Identifier: Apache-2.0
"""Runs alembic without a file of its own."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_FOLDER = Path(__file__).parent


def script() -> ScriptDirectory:
    """All revisions."""
    return ScriptDirectory.from_config(_config())


def upgrade(connection: Connection) -> str:
    """Runs every revision that is missing in the connection's transaction; returns the lowest version compatible with the last."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return lowest_compatible()


def lowest_compatible() -> str:
    """The lowest schema version whose programs can use the schema of this one."""
    (head,) = script().get_revisions("head")
    return str(head.module.lowest_compatible)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config

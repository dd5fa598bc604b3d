# SPDX-License-Identifier: Apache-2.0
"""Runs alembic without a file of its own."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

_FOLDER = Path(__file__).parent


def script() -> ScriptDirectory:
    """All revisions."""
    return ScriptDirectory.from_config(_config())


def is_known(revision: str) -> bool:
    """Whether this program has that revision."""
    return revision in {known.revision for known in script().walk_revisions()}


def upgrade(path: Path) -> None:
    """Runs every revision that is missing, in one transaction each."""
    config = _config()
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config

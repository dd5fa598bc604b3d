# SPDX-License-Identifier: Apache-2.0
"""Entering and administering on SQLite."""

from pathlib import Path

import pytest

from server.tests.apps.entering import EnteringContract
from server.tests.apps.registering import RegisterContract


class _OnSQLite:
    @pytest.fixture
    def where(self, database_file: Path) -> Path:
        return database_file


class TestEntering(_OnSQLite, EnteringContract):
    """All of it."""


class TestRegister(_OnSQLite, RegisterContract):
    """All of it."""

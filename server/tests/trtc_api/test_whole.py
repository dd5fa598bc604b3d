# SPDX-License-Identifier: Apache-2.0
"""The whole way on SQLite."""

from pathlib import Path

import pytest

from server.tests.trtc_api.whole import WholeContract


class TestWhole(WholeContract):
    """All of it."""

    @pytest.fixture
    def where(self, database_file: Path) -> Path:
        return database_file

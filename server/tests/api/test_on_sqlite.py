# SPDX-License-Identifier: Apache-2.0
"""The API `/v1` on SQLite."""

from pathlib import Path

import pytest

from server.tests.api.contract import ApiContract


class TestApi(ApiContract):
    @pytest.fixture
    def where(self, database_file: Path) -> Path:
        return database_file

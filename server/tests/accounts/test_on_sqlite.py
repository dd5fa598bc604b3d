# SPDX-License-Identifier: Apache-2.0
"""Accounts on SQLite."""

from pathlib import Path

import pytest

from server.tests.accounts.contract import AccountsContract


class TestAccounts(AccountsContract):
    @pytest.fixture
    def where(self, database_file: Path) -> Path:
        return database_file

# SPDX-License-Identifier: Apache-2.0
"""Accounts on SQLite."""

from pathlib import Path

import pytest

from server.tests.accounts.contract import AccountsContract


class TestAccounts(AccountsContract):
    @pytest.fixture
    def where(self, tmp_path: Path) -> Path:
        return tmp_path / "x.db"

# SPDX-License-Identifier: Apache-2.0
"""Accounts on a real PostgreSQL."""

import pytest

from server.tests.accounts.contract import AccountsContract
from tools.services.fixtures import OwnDatabase

pytestmark = pytest.mark.services


class TestAccounts(AccountsContract):
    @pytest.fixture
    def where(self, own_database: OwnDatabase) -> str:
        return own_database.url

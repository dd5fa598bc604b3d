# SPDX-License-Identifier: Apache-2.0
"""The API `/v1` on a real PostgreSQL."""

import pytest

from server.tests.api.contract import ApiContract
from tools.services.fixtures import OwnDatabase

pytestmark = pytest.mark.services


class TestApi(ApiContract):
    @pytest.fixture
    def where(self, own_database: OwnDatabase) -> str:
        return own_database.url

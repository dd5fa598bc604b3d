# SPDX-License-Identifier: Apache-2.0
"""The whole way on a real PostgreSQL."""

import pytest

from server.tests.trtc_api.whole import WholeContract
from tools.services.fixtures import OwnDatabase

pytestmark = pytest.mark.services


class TestWhole(WholeContract):
    """All of it."""

    @pytest.fixture
    def where(self, own_database: OwnDatabase) -> str:
        return own_database.url

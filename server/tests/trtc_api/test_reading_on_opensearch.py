# SPDX-License-Identifier: Apache-2.0
"""History and the dashboard from a real OpenSearch."""

from collections.abc import AsyncIterator

import pytest

from sealroom.app import catalogue
from sealroom.core.clock import SystemClock
from sealroom.core.records.search import Access, SearchRecords
from sealroom.core.records.search.opensearch import OpenSearchWire
from server.tests.trtc_api.reading import ReadingContract
from tools.services.fixtures import OwnIndices

pytestmark = pytest.mark.services


class TestReading(ReadingContract):
    """All of it."""

    @pytest.fixture
    async def records(self, own_indices: OwnIndices) -> AsyncIterator[SearchRecords]:
        wire = OpenSearchWire(Access(own_indices.server.url))
        records = SearchRecords(wire, catalogue(), "sg", SystemClock(), replicas=0, prefix=own_indices.prefix)
        await records.prepare()
        yield records
        await records.close()

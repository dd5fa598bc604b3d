# SPDX-License-Identifier: Apache-2.0
"""A real OpenSearch: the contract, what becomes of a kind over the years, and a server that is killed."""

from collections.abc import AsyncIterator

import pytest

from sealroom.core.clock import SystemClock
from sealroom.core.records.search import Access, SearchRecords
from sealroom.core.records.search.opensearch import OpenSearchWire
from server.tests.core.records.contract import Contract
from server.tests.core.records.samples import catalogue
from tools.services.fixtures import OwnIndices

pytestmark = pytest.mark.services


def opened(indices: OwnIndices) -> SearchRecords:
    wire = OpenSearchWire(Access(indices.server.url))
    return SearchRecords(wire, catalogue(), "sg", SystemClock(), replicas=0, prefix=indices.prefix)


@pytest.fixture
async def records(own_indices: OwnIndices) -> AsyncIterator[SearchRecords]:
    records = opened(own_indices)
    await records.prepare()
    yield records
    await records.close()


class TestOpenSearch(Contract):
    """The contract."""

# SPDX-License-Identifier: Apache-2.0
"""Elasticsearch's own client, over TLS with a password. The server behind it is OpenSearch in its clothes (see `front`)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealroom.core.clock import SystemClock
from sealroom.core.errors import StartError
from sealroom.core.records.search import Access, SearchRecords
from sealroom.core.records.search.elasticsearch import ElasticsearchWire
from server.tests.core.records.contract import Contract
from server.tests.core.records.front import PASSWORD, USER, Front, front
from server.tests.core.records.samples import catalogue
from tools.services.fixtures import OwnIndices

pytestmark = pytest.mark.services


def opened(access: Access, prefix: str) -> SearchRecords:
    return SearchRecords(
        ElasticsearchWire(access), catalogue(), "sg", SystemClock(), replicas=0, prefix=prefix
    )


@pytest.fixture
async def clothed(own_indices: OwnIndices, tmp_path: Path) -> AsyncIterator[Front]:
    async with front(own_indices.server.url, tmp_path, as_elasticsearch=True) as clothed:
        yield clothed


@pytest.fixture
async def records(clothed: Front, own_indices: OwnIndices) -> AsyncIterator[SearchRecords]:
    records = opened(Access(clothed.url, USER, PASSWORD, str(clothed.ca)), own_indices.prefix)
    await records.prepare()
    yield records
    await records.close()


class TestElasticsearch(Contract):
    """The contract."""


async def test_another_product_is_refused(own_indices: OwnIndices) -> None:
    records = opened(Access(own_indices.server.url), own_indices.prefix)
    with pytest.raises(StartError, match="cannot be used"):
        await records.prepare()
    await records.close()


async def test_a_wrong_password_is_refused(clothed: Front, own_indices: OwnIndices) -> None:
    records = opened(Access(clothed.url, USER, "guess", str(clothed.ca)), own_indices.prefix)
    with pytest.raises(StartError, match="store_forbids"):
        await records.prepare()
    await records.close()

# SPDX-License-Identifier: Apache-2.0
"""`records` in OpenSearch or Elasticsearch: an index for each site, kind and day. The clients come with the extra `search`."""

from sealroom.core.records.search.store import SearchRecords
from sealroom.core.records.search.wire import Access, Wire

__all__ = ["Access", "SearchRecords", "Wire"]

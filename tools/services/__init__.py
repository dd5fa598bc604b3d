# SPDX-License-Identifier: Apache-2.0
"""Real PostgreSQL, OpenSearch, NATS and S3 for tests and for developers, from packages only, on loopback only.

One context manager for each: `with postgresql(folder) as server`. What is installed lies in `.services/` of the checkout, what a
server writes in the folder it is given. **Nothing here is shipped, and nothing here is fit to run in earnest**: PostgreSQL does not fsync.
"""

from tools.services.bus import Nats, nats
from tools.services.database import PostgreSQL, postgresql
from tools.services.faults import ServiceError
from tools.services.objects import S3, s3
from tools.services.search import Search, opensearch

__all__ = [
    "S3", "Nats", "PostgreSQL", "Search", "ServiceError", "nats", "opensearch", "postgresql", "s3",
]  # fmt: skip

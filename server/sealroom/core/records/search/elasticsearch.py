# SPDX-License-Identifier: Apache-2.0
"""Elasticsearch by its own client, which refuses every other server. 8.x: it speaks to servers of that version."""

from collections.abc import Mapping

from elastic_transport import TransportError
from elastic_transport.client_utils import DEFAULT
from elasticsearch import ApiError, AsyncElasticsearch, UnsupportedProductError

from sealroom.core.records.search.wire import SECONDS, Access, Answered, Json, Unreachable, kind_of, silence

_LOGS = (
    "elastic_transport.node",
    "elastic_transport.node_pool",
    "elastic_transport.transport",
    "elasticsearch",
)


class ElasticsearchWire:
    """Implements `Wire`."""

    def __init__(self, access: Access) -> None:
        silence(*_LOGS)
        self._client = AsyncElasticsearch(
            access.url,
            basic_auth=(access.user, access.password) if access.user else None,
            ca_certs=access.ca or DEFAULT,
            # Trying again is the store's: it knows what may be done twice.
            max_retries=0,
            retry_on_timeout=False,
            request_timeout=SECONDS,
        )

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | bytes | None = None,
        seconds: float = SECONDS,
    ) -> Json:
        """One request."""
        kind = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
        headers = {"accept": "application/json"} | ({"content-type": kind} if body is not None else {})
        try:
            answer = await self._client.options(request_timeout=seconds).perform_request(
                method, path, params=query, headers=headers, body=body
            )
        except (TransportError, UnsupportedProductError) as error:
            raise Unreachable(type(error).__name__) from None
        except ApiError as error:
            raise Answered(error.meta.status, kind_of(error.body)) from None
        return dict(answer.body) if isinstance(answer.body, Mapping) else {"items": answer.body}

    async def close(self) -> None:
        """Lets go of connections."""
        await self._client.close()

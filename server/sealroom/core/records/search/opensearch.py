# SPDX-License-Identifier: Apache-2.0
"""OpenSearch by its own client."""

from collections.abc import Mapping

from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import ConnectionError as Broken
from opensearchpy.exceptions import ImproperlyConfigured, SerializationError, TransportError

from sealroom.core.records.search.wire import SECONDS, Access, Answered, Json, Unreachable, kind_of, silence


class OpenSearchWire:
    """Implements `Wire`."""

    def __init__(self, access: Access) -> None:
        silence("opensearch", "opensearchpy.trace")
        self._client = AsyncOpenSearch(
            hosts=[access.url],
            http_auth=(access.user, access.password) if access.user else None,
            ca_certs=access.ca or None,
            verify_certs=True,
            # Trying again is the store's: it knows what may be done twice.
            max_retries=0,
            timeout=SECONDS,
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
        try:
            answer = await self._client.transport.perform_request(
                method,
                path,
                params={**(query or {}), "request_timeout": seconds},
                body=body,
                headers={"content-type": kind},
            )
        except (Broken, ImproperlyConfigured, SerializationError) as error:
            raise Unreachable(type(error).__name__) from None
        except TransportError as error:
            raise Answered(int(error.status_code), kind_of(error.info)) from None
        return answer if isinstance(answer, dict) else {"items": answer}

    async def close(self) -> None:
        """Lets go of connections."""
        await self._client.close()

# SPDX-License-Identifier: Apache-2.0
"""Objects in a bucket of S3, whoever's. The digest lies in the object's metadata; the bucket is the operator's, and keeps no versions."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO, TYPE_CHECKING

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from sealroom.catalogue import Catalogue
from sealroom.core.objects.errors import (
    ObjectDamaged,
    ObjectExists,
    ObjectMissing,
    ObjectsUnavailable,
    ObjectTooLarge,
)
from sealroom.core.objects.kind import ObjectKind, demand_declared, demand_name
from sealroom.core.objects.local import demand_range
from sealroom.core.objects.port import MAX_WHOLE_BYTES, PART_BYTES, Content, Listed, Stored
from sealroom.core.objects.verified import verified
from sealroom.core.objects.whole import whole

_DIGEST = "sha256"
"""Name of the metadata field."""
_MULTIPART_BYTES = 8 * 1024 * 1024
"""What is longer goes in several requests at once."""
_RETRIES, _RETRY_SECONDS = 3, 10

if TYPE_CHECKING:
    from obstore.store import ClientConfig


@dataclass(frozen=True)
class S3Settings:
    """Where the bucket is, and who may use it."""

    endpoint: str
    """As `https://s3.internal`; plain http is refused but to loopback."""
    bucket: str
    access: str
    secret: str = field(repr=False)
    region: str = "us-east-1"
    authority: str = ""
    """PEM of an authority to trust beside the system's."""
    prefix: str = ""
    """Before every name: a bucket that others use too."""


class S3Objects:
    """See the port."""

    def __init__(self, settings: S3Settings, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        plain = settings.endpoint.startswith(("http://127.0.0.1:", "http://localhost:"))
        options: ClientConfig = {"timeout": "60s", "connect_timeout": "3s", "allow_http": plain}
        if settings.authority:
            options["root_certificate"] = settings.authority
        self._store = S3Store(
            settings.bucket, prefix=settings.prefix or None, endpoint=settings.endpoint, region=settings.region,
            access_key_id=settings.access, secret_access_key=settings.secret, virtual_hosted_style_request=False,
            # The server compares what arrived with what was sent.
            checksum_algorithm="SHA256", conditional_put="etag",
            client_options=options,
            retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
        )  # fmt: skip

    async def put(self, kind: ObjectKind, name: str, content: Content, *, if_absent: bool = False) -> Stored:
        """See the port."""
        key = self._key(kind, name)
        # The digest goes ahead of the content, which therefore is written beside first where it does not lie in memory.
        with tempfile.SpooledTemporaryFile(max_size=_MULTIPART_BYTES) as spool:
            stored = await _spooled(name, content, spool)
            if if_absent and stored.size > MAX_WHOLE_BYTES:
                raise ObjectTooLarge(f"{key} is to be created with more than {MAX_WHOLE_BYTES} bytes.")
            try:
                await obstore.put_async(
                    self._store, key, content if isinstance(content, bytes) else spool,
                    attributes={_DIGEST: stored.digest}, mode="create" if if_absent else "overwrite",
                    use_multipart=stored.size > _MULTIPART_BYTES and not if_absent,
                )  # fmt: skip
            except (AlreadyExistsError, PreconditionError):
                raise ObjectExists(f"{key}.") from None
            except (BaseError, OSError) as error:
                raise _fault(error, key) from error
        return stored

    async def get(self, kind: ObjectKind, name: str) -> bytes:
        """See the port."""
        return await whole(self.read(kind, name), f"{kind.name}/{name}")

    async def read(self, kind: ObjectKind, name: str) -> AsyncIterator[bytes]:
        """See the port."""
        key = self._key(kind, name)
        try:
            found = await obstore.get_async(self._store, key)
            expected = found.attributes.get(_DIGEST)
            if expected is None:
                raise ObjectDamaged(f"{key} has no digest.")

            async def parts() -> AsyncIterator[bytes]:
                async for part in found.stream(min_chunk_size=PART_BYTES):
                    yield bytes(part)

            async for part in verified(parts(), expected, key):
                yield part
        except (BaseError, OSError) as error:
            raise _fault(error, key) from error

    async def read_range(self, kind: ObjectKind, name: str, start: int, length: int) -> bytes:
        """See the port."""
        demand_range(start, length)
        key = self._key(kind, name)
        try:
            size = (await obstore.head_async(self._store, key))["size"]
            if start >= size:
                return b""
            return bytes(
                await obstore.get_range_async(self._store, key, start=start, end=min(size, start + length))
            )
        except (BaseError, OSError) as error:
            raise _fault(error, key) from error

    async def exists(self, kind: ObjectKind, name: str) -> bool:
        """See the port."""
        key = self._key(kind, name)
        try:
            await obstore.head_async(self._store, key)
        except (BaseError, OSError) as error:
            fault = _fault(error, key)
            if not isinstance(fault, ObjectMissing):
                raise fault from error
            # An answer without a body does not say whether it is the bucket that is missing.
            if not await self.works():
                raise ObjectsUnavailable("there is no such bucket.") from None
            return False
        return True

    async def list(self, kind: ObjectKind, under: str = "") -> AsyncIterator[Listed]:
        """See the port."""
        demand_declared(self._catalogue, kind)
        prefix = f"{kind.name}/{demand_name(under)}/" if under else f"{kind.name}/"
        try:
            async for chunk in obstore.list(self._store, prefix):
                for one in chunk:
                    at = int(one["last_modified"].timestamp() * 1000)
                    yield Listed(one["path"].removeprefix(f"{kind.name}/"), one["size"], at)
        except (BaseError, OSError) as error:
            raise _fault(error, prefix) from error

    async def delete(self, kind: ObjectKind, name: str) -> None:
        """See the port."""
        key = self._key(kind, name)
        try:
            await obstore.delete_async(self._store, key)
        except (BaseError, OSError) as error:
            fault = _fault(error, key)
            if not isinstance(fault, ObjectMissing):
                raise fault from error

    async def works(self) -> bool:
        """See the port."""
        try:
            async for _ in obstore.list(self._store, "nothing-is-called-so/", chunk_size=1):
                break
        except (BaseError, OSError):
            return False
        return True

    async def close(self) -> None:
        """See the port."""

    def _key(self, kind: ObjectKind, name: str) -> str:
        demand_declared(self._catalogue, kind)
        return f"{kind.name}/{demand_name(name)}"


async def _spooled(name: str, content: Content, spool: IO[bytes]) -> Stored:
    """Size and digest of the content, which stands in `spool` afterwards unless it was bytes."""
    if isinstance(content, bytes):
        whole = await asyncio.to_thread(hashlib.sha256, content)
        return Stored(name, len(content), whole.hexdigest())
    digest, size = hashlib.sha256(), 0
    async for part in content:
        await asyncio.to_thread(spool.write, part)
        digest.update(part)
        size += len(part)
    spool.seek(0)
    return Stored(name, size, digest.hexdigest())


def _fault(error: Exception, key: str) -> ObjectMissing | ObjectsUnavailable:
    """What the port says. The library's own texts hold addresses and answers of the server: they stay out."""
    if isinstance(error, FileNotFoundError | NotFoundError) and "NoSuchBucket" not in str(error):
        return ObjectMissing(f"{key}.")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return ObjectsUnavailable("the store does not let us in.")
    return ObjectsUnavailable(f"{type(error).__name__}.")

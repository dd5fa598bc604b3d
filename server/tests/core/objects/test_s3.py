# SPDX-License-Identifier: Apache-2.0
"""Objects in a bucket of a real S3 server."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sealroom.core.objects import ObjectDamaged, Objects, ObjectsUnavailable, ObjectTooLarge
from sealroom.core.objects.s3 import S3Objects, S3Settings
from server.tests.core.objects.contract import CATALOGUE, KIND, ObjectsContract, names, read, stream
from tools.services.certificate import make_certificate
from tools.services.fixtures import OwnBucket

pytestmark = pytest.mark.services


@pytest.fixture
def settings(own_bucket: OwnBucket) -> S3Settings:
    server = own_bucket.server
    return S3Settings(
        server.endpoint, own_bucket.name, server.access, server.secret, authority=server.authority.read_text()
    )


@pytest.fixture
def objects(settings: S3Settings) -> Objects:
    return S3Objects(settings, CATALOGUE)


@pytest.fixture
def bucket(own_bucket: OwnBucket) -> Path:
    """Where the gateway keeps the bucket."""
    return own_bucket.server.process.folder / "s3" / own_bucket.name


class TestS3(ObjectsContract):
    async def test_what_was_changed_at_the_store_is_found(self, objects: Objects, bucket: Path) -> None:
        await objects.put(KIND, "a", b"what was done")
        with (bucket / KIND.name / "a").open("r+b") as file:
            file.write(b"X")
        with pytest.raises(ObjectDamaged):
            await objects.get(KIND, "a")

    async def test_what_somebody_else_laid_there_is_not_believed(
        self, objects: Objects, bucket: Path
    ) -> None:
        await objects.put(KIND, "a", b"ours")
        (bucket / KIND.name / "b").write_bytes(b"theirs")
        with pytest.raises(ObjectDamaged):
            await objects.get(KIND, "b")

    async def test_a_long_one_that_is_changed_is_found_before_its_end(
        self, objects: Objects, bucket: Path
    ) -> None:
        await objects.put(KIND, "a", stream(*[b"x" * 3_000_000] * 5))
        with (bucket / KIND.name / "a").open("r+b") as file:
            file.seek(14_999_999)
            file.write(b"y")
        with pytest.raises(ObjectDamaged):
            await read(objects, "a")

    async def test_two_prefixes_of_a_bucket_are_two_stores(self, settings: S3Settings) -> None:
        one, two = (S3Objects(replace(settings, prefix=prefix), CATALOGUE) for prefix in ("one", "two"))
        await one.put(KIND, "a", b"1")
        assert not await two.exists(KIND, "a")
        assert await names(one) == ["a"]
        assert await names(two) == []

    async def test_what_is_long_is_replaced_and_not_created(
        self, objects: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sealroom.core.objects.s3.MAX_WHOLE_BYTES", 10)
        await objects.put(KIND, "a", stream(b"x" * 11))
        with pytest.raises(ObjectTooLarge):
            await objects.put(KIND, "b", stream(b"x" * 11), if_absent=True)
        assert await names(objects) == ["a"]

    async def test_while_the_store_is_gone_everything_says_so_and_afterwards_all_is_there(
        self, objects: Objects, own_bucket: OwnBucket
    ) -> None:
        await objects.put(KIND, "a", b"kept")
        own_bucket.server.process.kill()
        assert not await objects.works()
        for use in (
            objects.put(KIND, "b", b"x"),
            objects.get(KIND, "a"),
            objects.exists(KIND, "a"),
            names(objects),
        ):
            with pytest.raises(ObjectsUnavailable):
                await use
        await asyncio.to_thread(own_bucket.server.process.start)
        assert await objects.works()
        assert await objects.get(KIND, "a") == b"kept"

    @pytest.mark.parametrize("wrong", ["secret", "bucket", "authority", "plain"])
    async def test_a_store_that_cannot_be_used_is_told(
        self, settings: S3Settings, wrong: str, tmp_path: Path
    ) -> None:
        bad = {
            "secret": replace(settings, secret="wrong"),
            "bucket": replace(settings, bucket="nothing-here"),
            "authority": replace(settings, authority=make_certificate(tmp_path).authority.read_text()),
            "plain": replace(settings, endpoint="http://192.0.2.1:9"),
        }[wrong]
        objects = S3Objects(bad, CATALOGUE)
        assert not await objects.works()
        for use in (
            objects.put(KIND, "a", b"x"),
            objects.get(KIND, "a"),
            objects.exists(KIND, "a"),
            names(objects),
        ):
            with pytest.raises(ObjectsUnavailable):
                await use

# SPDX-License-Identifier: Apache-2.0
"""What every implementation of the port `objects` does. A module of its own runs it on each."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from sealroom.catalogue import (
    Catalogue,
    DataClass,
    Field,
    LegalBasis,
    Purpose,
    Retention,
    Store,
    Undeclared,
)
from sealroom.core.db import metadata
from sealroom.core.objects import ObjectExists, ObjectKind, ObjectMissing, Objects, ObjectTooLarge, Stored
from sealroom.core.objects import port as objects_port

CONTENT = Field("Of the tests.", personal=True)


def kind_of(name: str) -> ObjectKind:
    """A kind that differs from another in its name alone."""
    return ObjectKind(
        name, "Of the tests.", DataClass.EVIDENCE, Purpose.PROVE, LegalBasis.LEGAL_OBLIGATION,
        Retention.age(30, "tests"), CONTENT,
    )  # fmt: skip


KIND, OTHER, UNDECLARED = kind_of("reports"), kind_of("exports"), kind_of("undeclared")
CATALOGUE = Catalogue(metadata, others=[KIND.dataset, OTHER.dataset])


async def stream(*parts: bytes) -> AsyncIterator[bytes]:
    """Content that comes in parts."""
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def read(objects: Objects, name: str) -> list[bytes]:
    """Every part of an object."""
    return [part async for part in objects.read(KIND, name)]


async def names(objects: Objects, under: str = "") -> list[str]:
    """What is listed."""
    return [one.name async for one in objects.list(KIND, under)]


class ObjectsContract:
    """The suite; `objects` is a fixture of the module that runs it."""

    @pytest.mark.parametrize("content", [b"", b"x", b"\x00\xff" * 70_000, b"sealroom-object-1 "])
    async def test_what_is_put_is_got(self, objects: Objects, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        assert await objects.put(KIND, "a", content) == Stored("a", len(content), digest)
        assert await objects.get(KIND, "a") == content
        assert b"".join(await read(objects, "a")) == content

    async def test_a_long_one_is_put_and_read_part_by_part(self, objects: Objects) -> None:
        parts = [bytes([number]) * 1_000_003 for number in range(20)]
        stored = await objects.put(KIND, "long", stream(*parts))
        assert stored.size == sum(map(len, parts))
        assert stored.digest == hashlib.sha256(b"".join(parts)).hexdigest()
        got = await read(objects, "long")
        assert len(got) > 5
        assert b"".join(got) == b"".join(parts)

    async def test_the_next_replaces_unless_it_may_only_be_created(self, objects: Objects) -> None:
        await objects.put(KIND, "a", b"one", if_absent=True)
        with pytest.raises(ObjectExists):
            await objects.put(KIND, "a", b"two", if_absent=True)
        with pytest.raises(ObjectExists):
            await objects.put(KIND, "a", stream(b"th", b"ree"), if_absent=True)
        assert await objects.get(KIND, "a") == b"one"
        await objects.put(KIND, "a", b"four")
        assert await objects.get(KIND, "a") == b"four"

    async def test_who_reads_while_it_is_replaced_gets_one_or_the_other(self, objects: Objects) -> None:
        contents = [bytes([number]) * 300_000 for number in range(6)]
        await objects.put(KIND, "a", contents[0])

        async def replace() -> None:
            for content in contents:
                await objects.put(KIND, "a", content)

        replacing = asyncio.ensure_future(replace())
        seen = 0
        while not replacing.done():
            assert await objects.get(KIND, "a") in contents
            seen += 1
        await replacing
        assert seen

    async def test_content_that_breaks_off_leaves_what_was_there(self, objects: Objects) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield b"new"
            raise ValueError("it breaks off")

        await objects.put(KIND, "a", b"old")
        for name in ("a", "b"):
            with pytest.raises(ValueError, match="breaks off"):
                await objects.put(KIND, name, broken())
        assert await objects.get(KIND, "a") == b"old"
        assert await names(objects) == ["a"]

    async def test_what_is_not_there_is_missing(self, objects: Objects) -> None:
        for use in (objects.get(KIND, "a"), objects.read_range(KIND, "a", 0, 1), read(objects, "a")):
            with pytest.raises(ObjectMissing):
                await use
        assert not await objects.exists(KIND, "a")
        assert await names(objects) == []
        await objects.delete(KIND, "a")

    async def test_what_is_deleted_is_gone(self, objects: Objects) -> None:
        await objects.put(KIND, "x/a", b"one")
        await objects.put(OTHER, "x/a", b"two")
        assert await objects.exists(KIND, "x/a")
        await objects.delete(KIND, "x/a")
        assert not await objects.exists(KIND, "x/a")
        assert await names(objects) == []
        assert await objects.get(OTHER, "x/a") == b"two"
        await objects.put(KIND, "x/a", b"again", if_absent=True)

    async def test_a_range_is_what_there_is_of_it(self, objects: Objects) -> None:
        await objects.put(KIND, "a", b"0123456789")
        ranges = {(0, 1): b"0", (3, 4): b"3456", (8, 100): b"89", (10, 1): b"", (11, 5): b""}
        for (start, length), expected in ranges.items():
            assert await objects.read_range(KIND, "a", start, length) == expected
        for start, length in ((-1, 1), (0, 0), (0, -1)):
            with pytest.raises(ValueError, match="a range"):
                await objects.read_range(KIND, "a", start, length)

    async def test_a_list_has_those_under_a_name_in_order(self, objects: Objects) -> None:
        for name in ("b", "a-b/x", "a/2", "a/10", "a/c/d", "ab", "a.b"):
            await objects.put(KIND, name, b"123")
        await objects.put(OTHER, "a/other", b"")
        assert await names(objects) == sorted(["b", "a-b/x", "a/2", "a/10", "a/c/d", "ab", "a.b"])
        assert await names(objects, "a") == ["a/10", "a/2", "a/c/d"]
        assert await names(objects, "a/c") == ["a/c/d"]
        assert await names(objects, "nothing") == []
        listed = [one async for one in objects.list(KIND, "a/c")]
        assert listed[0].size == 3
        assert listed[0].at > 1_700_000_000_000

    async def test_only_what_fits_into_memory_is_got_whole(
        self, objects: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sealroom.core.objects.whole.MAX_WHOLE_BYTES", 1_000)
        await objects.put(KIND, "fits", b"x" * 1_000)
        assert len(await objects.get(KIND, "fits")) == 1_000
        await objects.put(KIND, "long", b"x" * 1_001)
        with pytest.raises(ObjectTooLarge):
            await objects.get(KIND, "long")
        assert sum(map(len, await read(objects, "long"))) == 1_001
        assert objects_port.MAX_WHOLE_BYTES > 1_000

    @pytest.mark.parametrize(
        "name",
        ["", "/", "a/", "/a", "a//b", "..", "a/../b", ".a", "a/.b", "A", "a b", "a=", "a\\b", "a\n", "ä", "a" * 201, "a/."],
    )  # fmt: skip
    async def test_a_bad_name_is_refused(self, objects: Objects, name: str) -> None:
        for use in (
            objects.put(KIND, name, b""),
            objects.get(KIND, name),
            objects.delete(KIND, name),
            objects.exists(KIND, name),
            objects.read_range(KIND, name, 0, 1),
        ):
            with pytest.raises(ValueError, match="a name is"):
                await use

    async def test_a_kind_that_nobody_declared_is_refused(self, objects: Objects) -> None:
        other = ObjectKind(
            KIND.name, "Something else.", KIND.data_class, KIND.purpose, KIND.basis, KIND.retention, CONTENT
        )
        for kind in (UNDECLARED, other):
            for use in (objects.put(kind, "a", b""), objects.get(kind, "a"), objects.delete(kind, "a")):
                with pytest.raises(Undeclared):
                    await use
            with pytest.raises(Undeclared):
                [one async for one in objects.list(kind)]

    async def test_it_works(self, objects: Objects) -> None:
        assert await objects.works()
        assert (Store.OBJECTS, KIND.name) in CATALOGUE.datasets
        await objects.close()

# SPDX-License-Identifier: Apache-2.0
"""The format of the journal's files: what was written is read, what was damaged is found, and nothing else is lost with it."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealroom.core.errors import OperatorError
from sealroom.core.keys.frames import FrameCipher, FrameDamaged, fresh_key
from sealroom.core.records.journal.reading import SegmentReader
from sealroom.core.records.journal.segment import (
    SegmentDamaged,
    SegmentWriter,
    new_header,
    read_header,
    shred,
)
from server.tests.core.records.shaky import MemoryKeys

KEYS = MemoryKeys()
PAYLOADS = st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=6)
WITH_FILES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


async def written(path: Path, payloads: list[bytes], *, finished: bool, number: int = 1) -> list[int]:
    """A segment with these frames; returns where each ends."""
    shred(path)
    octets, opened = await new_header(KEYS, "sg", number, 1_000)
    writer = SegmentWriter(path, octets, opened)
    ends = []
    for payload in payloads:
        writer.add([payload])
        ends.append(writer.size)
    if finished:
        writer.finish()
    else:
        writer.abandon()
    return ends


async def read(path: Path, until: int | None = None) -> tuple[list[bytes], SegmentReader]:
    reader = await SegmentReader.open(path, KEYS)
    return [payload for _, payload in reader.read(until)], reader


@WITH_FILES
@given(payloads=PAYLOADS, finished=st.booleans())
def test_what_was_written_is_read(tmp_path: Path, payloads: list[bytes], finished: bool) -> None:
    async def run() -> None:
        await written(tmp_path / "x", payloads, finished=finished)
        found, reader = await read(tmp_path / "x")
        assert found == payloads
        assert reader.ended is finished
        assert (reader.findings.frames, reader.findings.torn) == (0, 0)

    asyncio.run(run())


@WITH_FILES
@given(payloads=PAYLOADS)
def test_a_tail_that_is_torn_anywhere_is_cut_and_nothing_before_it(
    tmp_path: Path, payloads: list[bytes]
) -> None:
    """Every length that a process killed while it wrote the last frame may leave."""

    async def run() -> None:
        ends = await written(tmp_path / "x", payloads, finished=False)
        whole = (tmp_path / "x").read_bytes()
        begin = ends[-2] if len(ends) > 1 else read_header(whole)[1]
        for cut in range(begin, ends[-1]):
            (tmp_path / "x").write_bytes(whole[:cut])
            found, reader = await read(tmp_path / "x")
            assert found == payloads[:-1]
            assert (reader.findings.frames, reader.findings.torn) == (0, cut - begin)

    asyncio.run(run())


@WITH_FILES
@given(payloads=PAYLOADS, data=st.data())
def test_any_flipped_bit_behind_the_header_is_found_and_costs_one_frame(
    tmp_path: Path, payloads: list[bytes], data: st.DataObject
) -> None:
    async def run() -> None:
        ends = await written(tmp_path / "x", payloads, finished=True)
        whole = bytearray((tmp_path / "x").read_bytes())
        begin = read_header(bytes(whole))[1]
        at = data.draw(st.integers(begin, len(whole) - 1))
        whole[at] ^= 1 << data.draw(st.integers(0, 7))
        (tmp_path / "x").write_bytes(whole)
        found, reader = await read(tmp_path / "x")
        hit = next((place for place, end in enumerate(ends) if at < end), len(payloads))
        assert found == payloads[:hit] + payloads[hit + 1 :]
        assert reader.findings.frames == 1
        assert reader.findings.torn == 0

    asyncio.run(run())


async def test_every_flipped_byte_of_the_header_is_found(tmp_path: Path) -> None:
    await written(tmp_path / "x", [b"payload"], finished=True)
    whole = (tmp_path / "x").read_bytes()
    for at in range(read_header(whole)[1]):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        (tmp_path / "x").write_bytes(damaged)
        with pytest.raises(SegmentDamaged):
            await read(tmp_path / "x")


async def test_frames_that_were_taken_out_are_missed(tmp_path: Path) -> None:
    ends = await written(tmp_path / "x", [b"1", b"2", b"3", b"4"], finished=True)
    whole = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(whole[: ends[0]] + whole[ends[2] :])
    found, reader = await read(tmp_path / "x")
    assert found == [b"1", b"4"]
    assert reader.findings.frames == 2
    (tmp_path / "x").write_bytes(whole[: ends[1]] + whole[ends[3] :])
    found, reader = await read(tmp_path / "x")
    assert found == [b"1", b"2"]
    assert reader.findings.frames == 2


async def test_a_frame_of_another_file_does_not_open(tmp_path: Path) -> None:
    ends = await written(tmp_path / "x", [b"mine", b"mine too"], finished=False)
    others = await written(tmp_path / "y", [b"theirs", b"theirs too"], finished=False)
    mine, theirs = (tmp_path / "x").read_bytes(), (tmp_path / "y").read_bytes()
    (tmp_path / "x").write_bytes(mine[: ends[0]] + theirs[others[0] :])
    found, reader = await read(tmp_path / "x")
    assert found == [b"mine"]
    assert reader.findings.frames == 1


async def test_an_open_file_is_read_as_far_as_it_was_committed_and_read_on(tmp_path: Path) -> None:
    ends = await written(tmp_path / "x", [b"1", b"2", b"3"], finished=True)
    reader = await SegmentReader.open(tmp_path / "x", KEYS)
    assert [payload for _, payload in reader.read(ends[0])] == [b"1"]
    assert [payload for _, payload in reader.read(ends[0])] == []
    before = reader.place()
    assert [payload for _, payload in reader.read(None)] == [b"2", b"3"]
    reader.return_to(before)
    assert [payload for _, payload in reader.read(None)] == [b"2", b"3"]
    assert reader.findings.frames == 0


async def test_frames_that_were_shipped_before_a_restart_are_passed_over(tmp_path: Path) -> None:
    await written(tmp_path / "x", [b"1", b"2", b"3"], finished=True)
    reader = await SegmentReader.open(tmp_path / "x", KEYS)
    reader.skip = 2
    assert list(reader.read(None)) == [(2, b"3")]
    assert reader.findings.frames == 0


async def test_a_removed_segment_leaves_no_key_on_the_disk(tmp_path: Path) -> None:
    """A second name keeps what the disk would keep."""
    await written(tmp_path / "x", [b"secret"], finished=True)
    (tmp_path / "kept").hardlink_to(tmp_path / "x")
    key = read_header((tmp_path / "kept").read_bytes())[0].key
    shred(tmp_path / "x")
    assert not (tmp_path / "x").exists()
    assert key not in (tmp_path / "kept").read_bytes()
    with pytest.raises(SegmentDamaged):
        await read(tmp_path / "kept")
    shred(tmp_path / "x")


async def test_a_header_under_another_sites_key_does_not_open(tmp_path: Path) -> None:
    await written(tmp_path / "x", [b"secret"], finished=True)
    with pytest.raises(OperatorError):
        await SegmentReader.open(tmp_path / "x", MemoryKeys())


def test_a_frames_number_is_used_once() -> None:
    cipher = FrameCipher(fresh_key(), b"header")
    cipher.seal(3, b"a")
    for number in (3, 2):
        with pytest.raises(ValueError, match="once"):
            cipher.seal(number, b"b")


def test_a_cipher_shows_nothing_and_opens_only_what_it_sealed() -> None:
    key = fresh_key()
    cipher = FrameCipher(key, b"header")
    sealed = cipher.seal(0, b"text")
    assert key.hex() not in repr(cipher)
    assert cipher.open(0, sealed) == b"text"
    for number, ciphertext in ((1, sealed), (0, sealed[:-1]), (0, b"")):
        with pytest.raises(FrameDamaged):
            cipher.open(number, ciphertext)
    with pytest.raises(FrameDamaged):
        FrameCipher(key, b"other").open(0, sealed)

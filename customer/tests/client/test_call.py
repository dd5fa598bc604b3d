# SPDX-License-Identifier: Apache-2.0
"""Clients in rooms of the real operator: layers, codecs, DTLS, slots, and lines that break."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from customer.tests.client.call import SECONDS, Member, entry, member, relay, sending
from sealroom_customer.client import (
    ClientFault,
    Closed,
    FrameRefused,
    KeyFrameWanted,
    Reconnected,
    Reconnecting,
    Slots,
    TrackAppeared,
)
from sealroom_customer.client.entry import DtlsVersion
from sealroom_customer.client.events import CodecName
from tests.deployment import Deployment, deployment

SPS_AND_PPS = bytes.fromhex("000000016742c01f8c8d40501e0000000168ce3c80")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Both sides; the operator takes both versions of DTLS."""
    folder = tmp_path_factory.mktemp("call")
    config = folder / "operator.toml"
    config.write_text('[media]\ndtls = "auto"\n')
    with deployment(folder, "--config", str(config)) as both:
        yield both


def picture(number: int, layer: int = 0, *, key: bool = True, size: int = 3_000) -> bytes:
    """A frame of VP8 that says which it is."""
    head = b"\x10\x00\x00\x9d\x01\x2a" if key else b"\x11\x00\x00\x00\x00\x00"
    return head + bytes([layer]) + number.to_bytes(4, "big") + bytes([layer]) * size


class Camera:
    """Makes a key frame of a layer when one is asked for, and at no other time."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._made = [0, 0, 0]

    def __call__(self, number: int, layer: int) -> bytes:
        asked = sum(wanted.layer == layer for wanted in self._member.told(KeyFrameWanted))
        key = asked > self._made[layer]
        self._made[layer] = asked
        return picture(number, layer, key=key)


def spoken(running: Deployment, version: str) -> float:
    """Connections so far that speak a version of DTLS."""
    lines = [line for line in running.metrics().splitlines() if f'dtls="{version}"' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def layer_of(body: bytes) -> int:
    return body[6]


def vp9(number: int, _: int) -> bytes:
    """Every tenth is a key frame of profile 0."""
    return bytes([0x82 if number % 10 == 0 else 0x86]) + number.to_bytes(4, "big") + bytes(range(256)) * 12


def h264(number: int, _: int) -> bytes:
    """Every tenth is an IDR picture behind its parameter sets, the others are single slices."""
    head = SPS_AND_PPS + b"\0\0\0\1\x65\xb8" if number % 10 == 0 else b"\0\0\0\1\x41\x9a"
    return head + (number + 2**20).to_bytes(4, "big") + bytes(range(1, 256)) * (12 if number % 10 else 2)


def shows(layer: int) -> Callable[[Member], bool]:
    """Whether the last frames of alice are of one layer."""
    return lambda one: [layer_of(body) for body in one.bodies("alice")[-5:]] == [layer] * 5


async def test_a_receiver_chooses_the_layer_and_key_frames_are_asked_for_by_layer(
    running: Deployment,
) -> None:
    async with AsyncExitStack() as stack:
        alice = await stack.enter_async_context(member(await entry(running, "alice", "layers")))
        bob = await stack.enter_async_context(member(await entry(running, "bob", "layers")))
        await alice.client.publish("main", layers=3)
        await bob.appeared("alice")
        await stack.enter_async_context(sending(alice, "main", "vp8", Camera(alice), layers=3))
        for layer in (0, 2, 1):
            await bob.client.watch("alice", layer=layer)
            await bob.until(shows(layer))
        asked = [wanted.layer for wanted in alice.told(KeyFrameWanted)]
        assert list(dict.fromkeys(asked)) == [0, 2, 1], "each layer when it was chosen"
        shown = [layer_of(body) for body in bob.bodies("alice")]
        assert sum(one != other for one, other in pairwise(shown)) == 2, (
            "it goes from one to the next, and not back"
        )
        for body in bob.bodies("alice"):
            assert body[11:] == picture(0, layer_of(body))[11:], "not what was sent"
        # Before the slot was bound and the keys were there frames may be refused, never for another reason.
        assert {refused.reason for refused in bob.told(FrameRefused)} <= {"no_key", "wrong_sender"}


@pytest.mark.parametrize(
    ("codec", "make", "dtls", "number"),
    [
        ("vp9", vp9, "1.3", None),
        ("h264", h264, "1.2", None),
        ("h264", h264, "1.3", 45),
        ("vp9", vp9, "1.2", 127),
    ],
)
async def test_frames_of_other_codecs_come_back_byte_for_byte_under_any_payload_type_and_dtls(
    running: Deployment,
    codec: CodecName,
    make: Callable[[int, int], bytes],
    dtls: DtlsVersion,
    number: int | None,
) -> None:
    room, before = f"{codec}-{dtls}-{number}", spoken(running, dtls)
    types = {} if number is None else {codec: number}
    usual = await entry(running, "bob", room, dtls=dtls)
    async with (
        member(await entry(running, "alice", room, dtls=dtls, payload_types=types)) as alice,
        member(usual) as bob,
    ):
        await alice.client.publish("main")
        await bob.appeared("alice")
        await bob.client.watch("alice")
        async with sending(alice, "main", codec, make):
            await bob.until(lambda one: len(one.bodies("alice")) >= 25)
    numbers = []
    for body in bob.bodies("alice"):
        (at,) = [at for at in range(400) if make(at, 0) == body]
        numbers.append(at)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "one after the other, none missing"
    assert {frame.codec for frame in bob.events if hasattr(frame, "codec")} == {codec}
    assert spoken(running, dtls) >= before + 2


async def test_more_people_than_slots_are_all_seen(running: Deployment) -> None:
    few = Slots(audio=1, video=1)
    async with AsyncExitStack() as stack:
        bob = await stack.enter_async_context(member(await entry(running, "bob", "many", slots=few)))
        others = []
        for name in ("alice", "carol", "dave"):
            one = await stack.enter_async_context(member(await entry(running, name, "many", slots=few)))
            await one.client.publish("main")
            await stack.enter_async_context(sending(one, "main", "vp8", picture))
            others.append(name)
        for name in others:
            await bob.appeared(name)
        await asyncio.gather(*(bob.client.watch(name) for name in others))
        for name in others:
            await bob.gets(name, 3)


async def test_a_line_that_broke_is_followed_by_another_with_the_same_keys_tracks_and_slots(
    running: Deployment,
) -> None:
    async with AsyncExitStack() as stack:
        alice_entry = await entry(running, "alice", "broken")
        line = await stack.enter_async_context(relay(alice_entry.operator))
        alice = await stack.enter_async_context(member(dataclasses.replace(alice_entry, operator=line.url)))
        bob = await stack.enter_async_context(member(await entry(running, "bob", "broken")))
        for one in (alice, bob):
            await one.client.publish("main")
            await stack.enter_async_context(sending(one, "main", "vp8", picture))
        for one, other in ((alice, "bob"), (bob, "alice")):
            await one.appeared(other)
            await one.client.watch(other)
        await alice.gets("bob", 3)
        await bob.gets("alice", 3)
        version, members = alice.client.stats()["epoch"], alice.client.words
        line.cut()
        await alice.until(lambda one: one.told(Reconnected))
        assert [fault.fault.code for fault in alice.told(Reconnecting)] == ["line_lost"]
        # The operator sees a new participant; the authority has seen nothing.
        assert (alice.client.stats()["epoch"], alice.client.words) == (version, members)
        await bob.until(lambda one: one.told(TrackAppeared).count(TrackAppeared("alice", "main")) == 2)
        await bob.client.watch("alice")
        await bob.gets("alice", 5)
        await alice.gets("bob", 5)
        reasons = {refused.reason for one in (alice, bob) for refused in one.told(FrameRefused)}
        assert "replay" not in reasons, "a counter was used twice"
        assert reasons <= {"no_key", "wrong_sender"}


async def test_who_is_put_out_meanwhile_does_not_come_back(running: Deployment) -> None:
    usual = await entry(running, "alice", "replaced")
    async with relay(usual.operator) as line, member(dataclasses.replace(usual, operator=line.url)) as first:
        async with member(await entry(running, "alice", "replaced")):
            await first.until(lambda one: one.told(Closed))
        fault = first.told(Closed)[0].fault
        assert fault is not None
        assert fault.code == "replaced_by_new_entry"
        assert not first.told(Reconnecting)
        with pytest.raises(ClientFault, match="replaced_by_new_entry"):
            await first.client.watch("bob")


async def test_a_member_is_told_what_is_kept_of_him_and_nothing_of_another(running: Deployment) -> None:
    async with (
        member(await entry(running, "alice", "kept")) as alice,
        member(await entry(running, "bob", "kept")) as bob,
    ):
        await bob.client.connected()
        kept = await alice.client.kept()
        assert kept is not None
        (presences,) = [one for one in kept.datasets if one.name == "presences"]
        assert presences.place == "in the site of the application, nowhere else"
        assert "bob" not in {value for one in kept.datasets for row in one.rows for value in row.values}
        refused = await asyncio.gather(*(alice.client.kept() for _ in range(10)), return_exceptions=True)
        assert any(isinstance(one, ClientFault) and one.code == "too_many_records" for one in refused)


async def test_an_operator_that_stays_away_ends_the_client_with_the_reason(
    running: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealroom_customer.client.room.reentry._PAUSES", (0.01, 0.01, 0.01))
    usual = await entry(running, "alice", "away")
    async with relay(usual.operator) as line, member(dataclasses.replace(usual, operator=line.url)) as alice:
        line.down = True
        line.cut()
        asked = asyncio.create_task(alice.client.publish("audio"))
        await alice.until(lambda one: one.told(Closed))
        (closed,) = alice.told(Closed)
        assert closed.fault is not None
        assert closed.fault.code == "line_lost"
        assert line.lines == 4
        async with asyncio.timeout(SECONDS):
            with pytest.raises(ClientFault, match="line_lost"):
                await asked
    # Who was given up may enter as anybody does.
    async with member(usual) as again:
        await again.client.publish("audio")


def test_nothing_went_wrong_on_the_operators_side(running: Deployment, tmp_path: Path) -> None:
    assert not [line for line in running.operator.lines if "Traceback" in line or "error" in line.lower()]

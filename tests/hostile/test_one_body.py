# SPDX-License-Identifier: Apache-2.0
"""The witness that watches every test's operator for a counter with two bodies: it finds one, and takes nothing else for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.model import sframe
from protocol.model.sealing import kid
from tests import one_body
from tests.browser import dump
from tests.deployment import deployment
from tests.one_body import Witness
from tests.virtual.room import VirtualRoom

TWICE = "two bodies under one counter"


def talking() -> VirtualRoom:
    """Two members, one of whom has sent for a second."""
    room = VirtualRoom(9)
    room.join()
    room.join()
    room.run(2_000)
    room.bind(1, 0)
    room.talk(50)
    return room


def test_members_who_count_on_are_watched_and_found_right() -> None:
    room = talking()
    room.run(500)
    assert room.witness.frames >= 180, "two members sent fifty pictures and fifty sounds each"


def test_a_client_that_sets_its_counter_back_is_found() -> None:
    """The same place in the roster with the same secret, from a client that remembers nothing: it begins at 0 again."""
    room = talking()
    room.remove(0)
    room.run(100)
    room.join(index=0)
    room.run(2_000)
    with pytest.raises(AssertionError, match=TWICE):
        room.talk(3)


def voice(
    epoch: int, counter: int, body: bytes = b"body", *, room: int = 1, sequence: int = 0
) -> dump.Packet:
    """A sealed packet of the member at index 0."""
    header = sframe.encode_header(kid(epoch, 0, 0, "audio"), counter)
    return dump.Packet(room, 1, 1, 0, dump.OPUS_CODEC, False, sequence, 0, header + body)


def test_the_same_frame_again_is_no_second_body_and_another_is() -> None:
    witness = Witness()
    witness.watch([voice(1, 5), voice(1, 5, sequence=9)])
    with pytest.raises(AssertionError, match=TWICE):
        witness.watch([voice(1, 5, b"another", sequence=10)])


def test_a_sender_that_begins_everything_anew_is_found_at_the_same_place_too() -> None:
    witness = Witness()
    witness.watch([voice(1, 0), voice(1, 0)])
    with pytest.raises(AssertionError, match=TWICE):
        witness.watch([voice(1, 0, b"another")])


def test_rooms_and_the_epochs_that_one_key_id_stands_for_are_kept_apart() -> None:
    witness = Witness()
    witness.watch([voice(1, 0), voice(1, 0, b"elsewhere", room=2)])
    witness.watch(voice(epoch, 0, bytes([epoch]), sequence=epoch) for epoch in range(2, 130))
    with pytest.raises(AssertionError, match="epoch 129"):
        witness.watch([voice(129, 0, b"another", sequence=999)])


def test_pictures_are_judged_whole_in_whatever_order_their_packets_came() -> None:
    header = sframe.encode_header(kid(1, 0, 0, "main"), 0)

    def picture(peer: int, last: bytes) -> Iterator[dump.Packet]:
        first = b"\x10" + b"\x11\0\0" + header + bytes(30)
        yield dump.Packet(1, peer, 2, 0, dump.VP8_CODEC, True, 2, 7, b"\0" + last)
        yield dump.Packet(1, peer, 2, 0, dump.VP8_CODEC, False, 1, 7, first)

    witness = Witness()
    witness.watch([*picture(1, b"end"), *picture(2, b"end")])
    assert witness.frames == 2
    with pytest.raises(AssertionError, match=TWICE):
        witness.watch(picture(3, b"another end"))


def test_a_deployment_whose_operator_forwarded_two_bodies_fails_its_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=TWICE), deployment(tmp_path) as running:
        running.sink.write_bytes(_dumped(voice(1, 0)) + _dumped(voice(1, 0, b"another", sequence=1)))
    assert one_body.check(tmp_path / "nothing") == 0


def _dumped(packet: dump.Packet) -> bytes:
    fixed = (packet.room, packet.peer, packet.sequence, packet.timestamp)
    record = dump.FIXED.pack(*fixed, packet.track, packet.layer, packet.codec, packet.marker) + packet.payload
    return dump.LENGTH.pack(len(record)) + record

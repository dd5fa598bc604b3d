# SPDX-License-Identifier: Apache-2.0
"""Places at the gate, and buckets."""

import pytest

from sealroom.core.config.schema import SignallingSettings
from sealroom.signalling.limits import Bucket, Gate
from sealroom_wire.errors import ErrorCode, Refusal
from server.tests.fakes import VirtualClock

SETTINGS = SignallingSettings(max_connections=10, max_connections_per_address=6, max_waiting_per_address=3)


def busy(gate: Gate, address: str) -> bool:
    try:
        place = gate.admit(address)
    except Refusal as refusal:
        return refusal.code is ErrorCode.SERVER_BUSY
    with place:
        return False


def test_those_who_have_not_entered_are_few_per_address() -> None:
    gate = Gate(SETTINGS)
    for _ in range(3):
        gate.admit("192.0.2.1")
    assert busy(gate, "192.0.2.1")
    assert not busy(gate, "192.0.2.2")


def test_an_office_behind_one_address_is_let_in_as_it_enters() -> None:
    gate = Gate(SETTINGS)
    for _ in range(6):
        gate.admit("192.0.2.1").entered()
    assert busy(gate, "192.0.2.1")


def test_an_ipv6_network_counts_as_one_and_a_mapped_ipv4_as_itself() -> None:
    gate = Gate(SETTINGS)
    for last in range(3):
        gate.admit(f"2001:db8:1:2::{last}")
    assert busy(gate, "2001:db8:1:2:ffff::1")
    assert not busy(gate, "2001:db8:1:3::1")
    for _ in range(3):
        gate.admit("::ffff:192.0.2.1")
    assert busy(gate, "192.0.2.1")


def test_the_whole_server_has_a_bound_and_places_come_back() -> None:
    gate = Gate(SETTINGS)
    places = [gate.admit(f"192.0.2.{number}") for number in range(10)]
    assert busy(gate, "198.51.100.1")
    for place in places:
        place.__exit__(None, None, None)
    assert gate.total == 0
    assert not busy(gate, "192.0.2.1")
    assert not gate._open
    assert not gate._waiting


def test_a_bucket_fills_with_time_and_not_beyond_its_burst() -> None:
    clock = VirtualClock()
    bucket = Bucket(2.0, 4, clock)
    for _ in range(4):
        bucket.take()
    with pytest.raises(Refusal):
        bucket.take()
    clock.advance(0.5)
    bucket.take()
    clock.advance(1000)
    for _ in range(4):
        bucket.take()
    with pytest.raises(Refusal):
        bucket.take()

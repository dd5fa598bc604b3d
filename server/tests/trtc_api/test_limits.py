# SPDX-License-Identifier: Apache-2.0
"""Rates by account and action, failed signatures by address, and changes that are carried out once."""

import pytest

from sealroom.core.http.rates import Buckets
from sealroom.trtc_api.actions import ACTIONS
from sealroom.trtc_api.errors import ApiError
from sealroom.trtc_api.limits import Limits, Once
from sealroom.trtc_api.signature import Signed
from server.tests.fakes import NOW, VirtualClock
from server.tests.trtc_api.parts import Used


def allowed(limits: Limits, name: str, uin: int = 1) -> bool:
    try:
        limits.take_call(uin, ACTIONS[name])
    except ApiError as error:
        return error.code != "RequestLimitExceeded"
    return True


@pytest.mark.parametrize(
    ("name", "burst", "wait"),
    [("DismissRoom", 20, 0.05), ("DescribeTrtcUsage", 5, 0.2), ("DescribeTrtcRoomUsage", 1, 15.0)],
)
def test_each_action_has_its_rate(clock: VirtualClock, name: str, burst: int, wait: float) -> None:
    limits = Limits(clock)
    assert [allowed(limits, name) for _ in range(burst + 1)] == [True] * burst + [False]
    assert allowed(limits, name, uin=2)
    assert allowed(limits, "DescribeScaleInfo")
    clock.advance(wait * 0.9)
    assert not allowed(limits, name)
    clock.advance(wait * 0.2)
    assert allowed(limits, name)


def test_failures_are_counted_by_address_and_ipv6_network(clock: VirtualClock) -> None:
    limits = Limits(clock)
    for number in range(100):
        limits.check_address("2001:db8::1")
        limits.count_failure(f"2001:db8::{number + 1:x}")
    with pytest.raises(ApiError, match="IPLimitExceeded"):
        limits.check_address("2001:db8::ffff")
    limits.check_address("2001:db8:0:1::1")
    limits.check_address("192.0.2.1")
    clock.advance(0.2)
    limits.check_address("2001:db8::1")


def test_buckets_are_bounded_and_forget_the_oldest(clock: VirtualClock) -> None:
    buckets = Buckets(clock, most=3)
    rate = ACTIONS["DescribeTrtcRoomUsage"].rate
    for key in "abcd":
        assert buckets.take(key, rate)
    assert not buckets.take("d", rate)
    assert buckets.take("a", rate)


def signed(mark: bytes, at: int = NOW) -> Signed:
    return Signed(mark, at, covers_payload=True)


async def test_a_change_is_carried_out_once_also_after_a_query(clock: VirtualClock) -> None:
    once = Once(clock, Used())
    await once.check("key", signed(b"1"))
    with pytest.raises(ApiError, match="SignatureExpire"):
        await once.check("key", signed(b"1"))
    await once.check("other key", signed(b"1"))
    assert once.note("key", signed(b"2"))
    assert not once.note("key", signed(b"2"))
    with pytest.raises(ApiError, match="SignatureExpire"):
        await once.check("key", signed(b"2"))


async def test_within_the_whole_window_nothing_is_forgotten(clock: VirtualClock) -> None:
    once = Once(clock, Used())
    await once.check("key", signed(b"early", NOW - 300))
    await once.check("key", signed(b"late", NOW + 300))
    clock.advance(599)
    await once.check("key", signed(b"other", NOW + 599))
    with pytest.raises(ApiError):
        await once.check("key", signed(b"late", NOW + 300))


async def test_memory_is_bounded_and_what_is_forgotten_is_refused(clock: VirtualClock) -> None:
    """A flood of queries must not make room for a replay."""
    once = Once(clock, Used(), most=10)
    await once.check("key", signed(b"change", NOW))
    for number in range(30):
        once.note("key", signed(bytes([number]), NOW + 1 + number))
    with pytest.raises(ApiError):
        await once.check("key", signed(b"change", NOW))
    assert once._keys["key"].count <= 10
    assert sum(len(marks) for marks in once._keys["key"].by_second.values()) == once._keys["key"].count
    await once.check("key", signed(b"new", NOW + 40))

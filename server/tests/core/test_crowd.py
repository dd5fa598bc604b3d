# SPDX-License-Identifier: Apache-2.0
"""A listener takes so many connections and no more, and has places again when some are gone."""

import asyncio
import contextlib

from sealroom.core.clock import SystemClock
from sealroom.core.http.address import ListenAddress
from sealroom.core.http.crowd import Crowd
from sealroom.core.http.dispatch import Dispatcher
from sealroom.core.http.listener import Listener


async def test_one_connection_too_many_is_cut_and_a_place_that_is_free_is_given_again() -> None:
    crowd = Crowd(2, None)
    listener = Listener(Dispatcher(()), ListenAddress("127.0.0.1", 0), SystemClock(), crowd=crowd)
    address = await listener.start()
    async with asyncio.timeout(10):
        kept = [await asyncio.open_connection(address.host, address.port) for _ in range(2)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b"", "cut without a word"
        writer.close()
        kept[0][1].close()
        while not crowd.admit("192.0.2.1"):  # noqa: ASYNC110 - the listener tells nobody
            await asyncio.sleep(0.01)
        for _, one in kept[1:]:
            one.close()
        await listener.stop()


def test_one_address_does_not_take_all_places_and_an_ipv6_line_is_one_address() -> None:
    crowd = Crowd(10, 2)
    assert [crowd.admit("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert [crowd.admit(f"2001:db8::{number}") for number in range(3)] == [True, True, False]
    assert crowd.admit("2001:db8:0:1::1")
    crowd.leave("192.0.2.1")
    assert crowd.admit("192.0.2.1")


def test_behind_proxies_only_the_sum_counts() -> None:
    crowd = Crowd(3, None)
    assert [crowd.admit("192.0.2.1") for _ in range(4)] == [True, True, True, False]

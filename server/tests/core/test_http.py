# SPDX-License-Identifier: Apache-2.0
"""Addresses, the rule against clear text, proxies, and the admin routes."""

from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.testing import AsyncTestClient

from sealroom.core.callers import Caller
from sealroom.core.errors import ConfigurationError
from sealroom.core.health import Health, Version, admin_application
from sealroom.core.http.address import (
    ListenAddress,
    check_encrypted,
    neighbourhood_of,
    read_listen_address,
    read_networks,
)
from sealroom.core.http.proxy import BehindProxy
from sealroom.core.metrics import Metrics
from sealroom.media.engine import Load
from sealroom.media.metrics import EngineMetrics
from server.tests.fakes import FakeEngine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:7880", ListenAddress("127.0.0.1", 7880)),
        ("[::1]:0", ListenAddress("::1", 0)),
        ("localhost:1", ListenAddress("127.0.0.1", 1)),
    ],
)
def test_listen_addresses_are_read(text: str, expected: ListenAddress) -> None:
    assert read_listen_address(text, "x") == expected


@pytest.mark.parametrize(
    "text", ["", "7880", ":7880", "example.org:1", "127.0.0.1:70000", "1.2.3:4", "[1]:2", "127.0.0.1:1 "]
)
def test_what_is_no_listen_address_is_refused_by_the_setting_s_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"signalling\.listen"):
        read_listen_address(text, "signalling.listen")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "fd00::1"])
def test_nothing_is_spoken_in_clear_beyond_loopback(host: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_encrypted(ListenAddress(host, 1), certificate=False, behind_proxy=False)
    assert caught.value.code == "configuration_in_clear"
    check_encrypted(ListenAddress(host, 1), certificate=True, behind_proxy=False)
    check_encrypted(ListenAddress(host, 1), certificate=False, behind_proxy=True)


def test_loopback_may_be_in_clear() -> None:
    for host in ("127.0.0.1", "127.9.9.9", "::1"):
        check_encrypted(ListenAddress(host, 1), certificate=False, behind_proxy=False)


def test_networks_are_read_strictly() -> None:
    assert len(read_networks(("10.0.0.0/8", "fd00::/8"))) == 2
    for wrong in ("10.0.0.1/8", "everything", ""):
        with pytest.raises(ConfigurationError):
            read_networks((wrong,))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.5, 10.0.0.2"], "203.0.113.5"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["not an address"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("192.0.2.1", ["203.0.113.5"], None),
    ],
)
async def test_the_client_is_who_the_trusted_proxies_saw(
    peer: str, forwarded: list[str], client: str | None
) -> None:
    seen: list[str | None] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["client"][0])

    async def refuse(_scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(None)

    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded] + [
        (b"x-forwarded-proto", b"https")
    ]
    scope = {"type": "websocket", "client": (peer, 5), "headers": headers}
    nothing: Any = None
    await BehindProxy(application, read_networks(("10.0.0.0/8",)), refuse)(scope, nothing, nothing)
    assert seen == [client]


def admin(engine: FakeEngine, health: Health) -> Litestar:
    metrics, counters = Metrics("1.2.3"), EngineMetrics()
    metrics.add(counters)

    async def refresh() -> None:
        counters.stats, counters.load = await engine.stats(), Load(1.5, 2, 3, 4)

    return admin_application(health, metrics, Version("1.2.3", (1,)), refresh)


def test_every_admin_route_says_who_may_call_it(engine: FakeEngine) -> None:
    routes = [route for route in admin(engine, Health()).routes if isinstance(route, HTTPRoute)]
    assert {route.path for route in routes} == {"/livez", "/readyz", "/metrics", "/version"}
    for route in routes:
        for handler in route.route_handlers:
            if handler.fn.__module__.startswith("sealroom."):
                assert isinstance(handler.opt.get("caller"), Caller), route.path


async def test_the_admin_routes_answer(engine: FakeEngine) -> None:
    health = Health()

    async def broken() -> bool:
        raise OSError

    async with AsyncTestClient(admin(engine, health)) as client:
        assert (await client.get("/livez")).text == "ok\n"
        assert (await client.get("/version")).json() == {
            "version": "1.2.3",
            "protocol": [1],
            "deprecations": [],
        }
        metrics = (await client.get("/metrics")).text
        assert 'sealroom_media_dropped_packets_total{reason="clear_media"} 3.0' in metrics
        assert "sealroom_media_cpu_seconds_total 1.5" in metrics
        assert 'sealroom_media_unsent_datagrams_total{reason="buffer_full"} 2.0' in metrics
        assert "sealroom_media_unread_datagrams_total 4.0" in metrics
        assert "_created" not in metrics
        assert (await client.get("/readyz")).json()["ready"] is True
        health.draining = True
        assert (await client.get("/readyz")).status_code == 503
        health.draining = False
        health.add("database", broken)
        assert (await client.get("/readyz")).json()["checks"] == {"database": False}
        missing = await client.get("/../etc/passwd")
        assert missing.status_code == 404
        assert missing.headers["content-type"] == "application/problem+json"


def test_every_metric_has_the_prefix_and_base_units(engine: FakeEngine) -> None:
    for family in Metrics("x").registry.collect():
        assert family.name.startswith("sealroom_")
        assert not family.name.endswith(("_ms", "_milliseconds", "_kb"))
        assert not {"user", "room", "address"} & {
            label for sample in family.samples for label in sample.labels
        }


def test_whom_an_address_stands_for_is_what_the_native_listener_says_too() -> None:
    known = (Path(__file__).parents[3] / "engine" / "wss" / "neighbourhoods.txt").read_text()
    lines = [line.split(" ") for line in known.splitlines() if not line.startswith("#")]
    assert len(lines) > 10
    for address, stands_for in lines:
        assert neighbourhood_of(address).removesuffix("/64") == stands_for, address

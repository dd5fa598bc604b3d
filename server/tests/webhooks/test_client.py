# SPDX-License-Identifier: Apache-2.0
"""One request to an endpoint: what goes out, what counts as taken, and what an endpoint cannot do to us."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from sealroom.webhooks import client as module
from sealroom.webhooks.address import Addresses
from sealroom.webhooks.client import Client, NotTaken, Problem, read_url
from sealroom.webhooks.names import Names
from server.tests.certificates import make_certificate
from server.tests.fakes import VirtualClock
from server.tests.webhooks.sink import CLOSING, CUT, ERROR, HANG, OK, Sink

LOOPBACK = Addresses([ipaddress.ip_network("127.0.0.0/8")])
HEADERS = {"SdkAppId": "1400000001"}


async def resolve(host: str, port: int) -> list[str]:
    """Every name is this machine."""
    return ["127.0.0.1"]


def client(addresses: Addresses = LOOPBACK, **more: object) -> Client:
    return Client(VirtualClock(), addresses, **({"resolve": resolve} | more))  # type: ignore[arg-type]


async def problem(attempt: object) -> Problem:
    with pytest.raises(NotTaken) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.problem


async def test_what_goes_out_and_that_a_connection_is_used_again() -> None:
    mine = client()
    async with Sink() as sink:
        for _ in range(3):
            await mine.post(f"http://hook.example:{sink.port}/a/b?c=d", HEADERS, b'{"x":1}')
        first = sink.requests[0]
        assert first.line == "POST /a/b?c=d HTTP/1.1"
        assert first.headers == {
            "Host": f"hook.example:{sink.port}", "User-Agent": "sealroom", "Accept": "*/*", "SdkAppId": "1400000001",
            "Content-Type": "application/json", "Content-Length": "7",
        }  # fmt: skip
        assert first.body == b'{"x":1}'
        assert sink.connections == 1
        mine.close()


async def test_a_kept_connection_that_the_endpoint_closed_costs_nothing() -> None:
    mine = client()
    async with Sink() as sink:
        url = f"http://hook.example:{sink.port}/"
        await mine.post(url, HEADERS, b"1")
        answers = iter([CUT, OK])
        sink.answer = lambda _: next(answers)
        await mine.post(url, HEADERS, b"2")
        assert [one.body for one in sink.requests] == [b"1", b"2", b"2"]
        mine.close()


async def test_an_idle_connection_is_kept_for_a_while_only() -> None:
    clock = VirtualClock()
    mine = Client(clock, LOOPBACK, resolve=resolve)
    async with Sink() as sink:
        for _ in range(2):
            await mine.post(f"http://hook.example:{sink.port}/", HEADERS, b"1")
            clock.advance(module.KEEP_SECONDS + 1)
            mine.sweep()
        assert sink.connections == 2
        assert mine._idle == {}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ERROR, Problem.STATUS), (b"HTTP/1.1 204 No Content\r\n\r\n", Problem.STATUS),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/admin\r\nContent-Length: 0\r\n\r\n", Problem.STATUS),
        (CUT, Problem.CLOSED), (b"SSH-2.0-OpenSSH\r\n", Problem.ANSWER), (b"\x00" * 100, Problem.ANSWER),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", Problem.ANSWER),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 3000 + b"\r\n\r\n", Problem.ANSWER),
    ],
)  # fmt: skip
async def test_nothing_but_200_is_taken(answer: bytes, expected: Problem) -> None:
    mine = client()
    async with Sink(lambda _: answer) as sink:
        assert await problem(mine.post(f"http://hook.example:{sink.port}/", HEADERS, b"1")) is expected
        assert len(sink.requests) == 1  # no redirect was followed
    mine.close()


@pytest.mark.parametrize(
    "answer", [CLOSING, b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"HTTP/1.0 200 OK\r\n\r\nuntil the end", OK]
)
async def test_200_is_taken_in_whatever_form(answer: bytes) -> None:
    mine = client()
    async with Sink(lambda _: answer) as sink:
        await mine.post(f"http://hook.example:{sink.port}/", HEADERS, b"1")
    mine.close()


async def test_of_a_huge_answer_little_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 50 << 20
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
    mine = client()
    async with Sink(lambda _: head + b"x" * size) as sink:
        await mine.post(f"http://hook.example:{sink.port}/", HEADERS, b"1")
        assert sink.sent < size // 2
    mine.close()


async def test_an_endpoint_that_hangs_costs_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.ANSWER_SECONDS == 5.0
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
    mine = client()
    async with Sink(lambda _: HANG) as sink:
        assert await problem(mine.post(f"http://hook.example:{sink.port}/", HEADERS, b"1")) is Problem.TIMEOUT
    mine.close()


async def test_a_body_that_never_ends_does_not_undo_the_200(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_SECONDS", 0.05)
    mine = client()
    async with Sink(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1") as sink:
        await mine.post(f"http://hook.example:{sink.port}/", HEADERS, b"1")
        assert mine._idle == {}
    mine.close()


async def test_nobody_at_home() -> None:
    async with Sink() as sink:
        port = sink.port
    assert await problem(client().post(f"http://hook.example:{port}/", HEADERS, b"1")) is Problem.CONNECT


# where it goes


class Changing:
    """A resolver that says something else each time, as one does that attacks."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0)


async def test_what_was_judged_is_what_is_connected_to() -> None:
    """The name is asked for once: a second answer, of the operator's network, is never seen."""
    allowed = Addresses([ipaddress.ip_network("127.0.0.1/32")])
    async with Sink() as sink:
        names = Changing(["127.0.0.1"], ["127.0.0.2"])
        mine = Client(VirtualClock(), allowed, resolve=names)
        url = f"http://hook.example:{sink.port}/"
        sink.answer = lambda _: CLOSING
        await mine.post(url, HEADERS, b"1")
        assert names.asked == 1
        # For the next connection it is asked again, and judged again.
        assert await problem(mine.post(url, HEADERS, b"2")) is Problem.ADDRESS
        assert len(sink.requests) == 1


async def test_of_a_names_addresses_only_good_ones_are_tried() -> None:
    allowed = Addresses([ipaddress.ip_network("127.0.0.1/32")])
    sink = await Sink().start(host="0.0.0.0")
    names = Changing(["127.0.0.2", "::ffff:127.0.0.3", "127.0.0.1"])
    mine = Client(VirtualClock(), allowed, resolve=names)
    await mine.post(f"http://hook.example:{sink.port}/", HEADERS, b"1")
    assert [request.address for request in sink.requests] == ["127.0.0.1"]
    assert sink.connections == 1
    mine.close()
    await sink.__aexit__()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001", "2130706433", "127.1"]
)
async def test_loopback_in_any_spelling_is_refused(host: str) -> None:
    async with Sink() as sink:
        mine = Client(VirtualClock(), Addresses())
        for scheme in ("http", "https"):
            found = await problem(mine.post(f"{scheme}://{host}:{sink.port}/", HEADERS, b"1"))
            assert found in (Problem.ADDRESS, Problem.UNRESOLVED)
        assert sink.connections == 0


async def test_a_name_that_hangs_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A customer whose name servers do not answer must not hold up other customers' names, nor what else is done in threads."""
    go_on, asked = threading.Event(), Counter[str]()

    def look(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked[host] += 1
        if host.startswith("hangs"):
            go_on.wait(30)
        raise OSError("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", look)
    mine = Client(VirtualClock(), Addresses())
    many = [
        asyncio.create_task(mine.post(f"https://hangs{n % 2}.example/", HEADERS, b"1")) for n in range(100)
    ]
    try:
        async with asyncio.timeout(3):
            assert await problem(mine.post("https://other.example/", HEADERS, b"1")) is Problem.UNRESOLVED
            await asyncio.to_thread(asked.total)
        assert asked == {"hangs0.example": 1, "hangs1.example": 1, "other.example": 1}
    finally:
        go_on.set()
        for task in many:
            task.cancel()
        await asyncio.wait(many)
        mine.close()


async def test_who_gives_up_a_name_gives_up_for_himself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def look(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        go_on.wait(30)
        return [(0, 0, 0, "", ("192.0.2.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    names = Names()
    impatient, patient = (asyncio.create_task(names("hook.example", 443)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait({impatient})
    go_on.set()
    assert await patient == ["192.0.2.1"]
    names.close()


async def test_a_name_that_is_none() -> None:
    async def nothing(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    assert (
        await problem(client(resolve=nothing).post("https://nowhere.example/", HEADERS, b"1"))
        is Problem.UNRESOLVED
    )


async def test_tls_checks_the_name_although_the_address_is_pinned(tmp_path: Path) -> None:
    chain, key = make_certificate(tmp_path, "hook.example")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(chain, key)
    trusted = ssl.create_default_context(cafile=str(chain))
    sink = await Sink().start(server)
    mine = client(tls=trusted)
    await mine.post(f"https://hook.example:{sink.port}/", HEADERS, b"1")
    assert await problem(mine.post(f"https://other.example:{sink.port}/", HEADERS, b"1")) is Problem.TLS
    distrusting = client(tls=ssl.create_default_context())
    assert await problem(distrusting.post(f"https://hook.example:{sink.port}/", HEADERS, b"1")) is Problem.TLS
    assert len(sink.requests) == 1
    mine.close()
    await sink.__aexit__()
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    "url",
    [
        "", "hook.example", "ftp://hook.example/", "file:///etc/passwd", "https://", "https://user@hook.example/",
        "https://user:pass@hook.example/", "https://hook.example/#part", "https://hook.example:99999/", "https://höok.example/",
        "https://hook.example/\r\nX-Evil: 1", "https://hook.example/ a", "gopher://hook.example/", "//hook.example/",
        "https://hook.example/" + "a" * 2083, "https://[::1/",
    ],
)  # fmt: skip
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(NotTaken) as caught:
        read_url(url)
    assert caught.value.problem is Problem.URL

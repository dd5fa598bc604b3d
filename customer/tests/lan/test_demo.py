# SPDX-License-Identifier: Apache-2.0
"""The demo at a place in a network: everything at one origin over TLS, and nothing that a device would remember against it."""

import asyncio
import contextlib
import hashlib
import http.client
import json
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_operator
from websockets.exceptions import InvalidStatus

from customer.tests.page.hostile_server import Release
from sealroom_customer.clock import SystemClock
from sealroom_customer.demo.app import make
from sealroom_customer.demo.operator import Operator
from sealroom_customer.http.server import bound, serving
from sealroom_customer.lan import Place, introducing


@dataclass
class Running:
    """A demo for devices of the network, on loopback."""

    place: Place
    port: int
    context: ssl.SSLContext

    async def ask(self, path: str, body: object = None) -> tuple[http.client.HTTPResponse, bytes]:
        def work() -> tuple[http.client.HTTPResponse, bytes]:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=self.context)
            octets = None if body is None else json.dumps(body)
            with contextlib.closing(connection):
                connection.request(
                    "GET" if body is None else "POST", path, octets, {"content-type": "application/json"}
                )
                answer = connection.getresponse()
                return answer, answer.read()

        return await asyncio.to_thread(work)


async def greet(line: ServerConnection) -> None:
    await line.send("hello from the operator")


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Running]:
    release = Release(folder / "static").build()
    place = Place.prepare(folder / "lan", ("127.0.0.1",), time.time())
    listening = place.listening(0)
    sockets, port = bound(listening)
    async with serve_operator(greet, "127.0.0.1", 0) as operator_server:
        endpoint = f"ws://127.0.0.1:{operator_server.sockets[0].getsockname()[1]}/rtc/v1"
        operator = Operator(endpoint, 1400000000, "0123456789abcdef" * 4)
        demo = make(operator, folder / "state", listening.origins(port), SystemClock(), release.folder, place)
        async with serving(demo.app, listening, sockets):
            trusting = ssl.create_default_context(cafile=str(place.issued.authority_file))
            yield Running(place, port, trusting)
    for listener in sockets:
        listener.close()


async def test_both_lines_are_at_the_pages_own_origin(tmp_path: Path) -> None:
    async with running(tmp_path) as demo:
        answer, body = await demo.ask("/api/tokens", {"user": "alice", "room": "demo"})
        tokens = json.loads(body)
        assert answer.status == 200, body
        assert tokens["operator"] == f"wss://127.0.0.1:{demo.port}/rtc/v1"
        assert tokens["authority"] == f"wss://127.0.0.1:{demo.port}/authority/v1"
        async with connect(tokens["operator"], ssl=demo.context, proxy=None) as line:
            assert await asyncio.wait_for(line.recv(), 10) == "hello from the operator"
        with pytest.raises(InvalidStatus) as caught:
            await connect(
                tokens["operator"],
                ssl=demo.context,
                proxy=None,
                additional_headers={"Origin": "https://evil.example"},
            )
        assert caught.value.response.status_code == 403
        answer, _ = await demo.ask("/")
        (connect_src,) = [
            part
            for part in answer.headers["content-security-policy"].split("; ")
            if part.startswith("connect-src")
        ]
        assert set(connect_src.split()[2:]) == {f"wss://{host}:{demo.port}" for host in demo.place.hosts}


async def test_no_device_is_told_to_keep_to_https(tmp_path: Path) -> None:
    async with running(tmp_path) as demo:
        for path in ("/", "/nowhere", "/api/config", "/livez", "/ca.crt"):
            answer, _ = await demo.ask(path)
            assert answer.status in (200, 404)
            assert answer.headers["strict-transport-security"] is None, path


async def test_plain_http_gets_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as demo:
        reader, writer = await asyncio.open_connection("127.0.0.1", demo.port)
        writer.write(b"GET /ca.crt HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            got = await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            got = b""
        writer.close()
        assert b"HTTP" not in got


async def test_what_is_printed_leads_to_the_certificate_that_is_meant(tmp_path: Path) -> None:
    async with running(tmp_path) as demo:
        page = f"https://127.0.0.1:{demo.port}/?room=demo"
        told = "\n".join(introducing.lines(demo.place, demo.port, page))
        answer, body = await demo.ask("/ca.crt")
        shown = ssl.create_default_context(cadata=body).get_ca_certs(binary_form=True)
        assert shown == [body], "devices can read it"
        assert answer.headers["content-type"] == "application/x-x509-ca-cert"
        digest = hashlib.sha256(body).hexdigest().upper()
        assert ":".join(digest[at : at + 2] for at in range(0, 64, 2)) in told
        assert f"https://127.0.0.1:{demo.port}/ca.crt" in told
        for device in ("Android", "iPhone", "macOS", "Windows", "Linux", "Firefox"):
            assert device in told

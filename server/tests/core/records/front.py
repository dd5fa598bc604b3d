# SPDX-License-Identifier: Apache-2.0
"""What stands before a search server in earnest: TLS and a password. With `as_elasticsearch` it also says that it is that product, which
the client insists on: no Elasticsearch of version 8 can be had from packages, and OpenSearch speaks the same language."""

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, web

from tools.services.certificate import make_certificate

USER, PASSWORD = "sealroom", "correct horse"
_COMPATIBLE = "application/vnd.elasticsearch+"


@dataclass(frozen=True)
class Front:
    """A running one."""

    url: str
    ca: Path


@asynccontextmanager
async def front(server: str, folder: Path, *, as_elasticsearch: bool = False) -> AsyncIterator[Front]:
    """Passes requests on to a server, those of the right user."""
    made = make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.chain, made.key)
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    async with ClientSession() as session:

        async def passed_on(request: web.Request) -> web.Response:
            product = {"X-Elastic-Product": "Elasticsearch"} if as_elasticsearch else {}
            if request.headers.get("Authorization") != expected:
                return web.json_response(
                    {"error": {"type": "security_exception"}}, status=401, headers=product
                )
            # An Elasticsearch of version 8 takes its own media types; what stands behind this front does not know them.
            kind = request.headers.get("Content-Type", "")
            if kind.startswith(_COMPATIBLE):
                kind = f"application/{kind.removeprefix(_COMPATIBLE).partition(';')[0]}"
            headers = {"Content-Type": kind} if kind else {}
            body = await request.read()
            async with session.request(
                request.method, f"{server}{request.raw_path}", data=body or None, headers=headers
            ) as answer:
                return web.Response(
                    body=await answer.read(), status=answer.status, headers={"Content-Type": "application/json"} | product
                )  # fmt: skip

        application = web.Application(client_max_size=64 * 1024**2)
        application.router.add_route("*", "/{path:.*}", passed_on)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        try:
            port = runner.addresses[0][1]
            yield Front(f"https://localhost:{port}", made.authority)
        finally:
            await runner.cleanup()

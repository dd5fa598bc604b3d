# SPDX-License-Identifier: Apache-2.0
"""Runs the demo customer's site until it is told to stop."""

import asyncio
import contextlib
import socket
from pathlib import Path

import msgspec
import uvicorn

from sealroom_customer.authority.front import AuthorityFront
from sealroom_customer.authority.grants import Verifier
from sealroom_customer.authority.keys import credential, public_text, signing_key
from sealroom_customer.authority.service import AuthorityService
from sealroom_customer.demo.backend import Backend, OperatorHandOver
from sealroom_customer.demo.site import Site
from sealroom_customer.signing import GrantSigner

ISSUER, AUTHORITY = "demo-customer", "demo-authority"
OPERATOR_SECONDS = 60.0
"""How long the operator may take to start: its first start makes keys and a database."""


class DemoError(Exception):
    """The demo cannot run; the text says why and what to do."""


async def operator_hand_over(path: Path) -> OperatorHandOver:
    """Waits for the operator's file, which appears whole when the operator is ready."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(OPERATOR_SECONDS):
            while not path.exists():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)
            return msgspec.json.decode(path.read_bytes(), type=OperatorHandOver)
    raise DemoError(f"{path} did not appear: start the operator with `sealroom dev --demo-out {path}`")


def listening_socket(port: int) -> socket.socket:
    """A socket on the loopback address; port 0 takes a free one."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
    except OSError as error:
        made.close()
        raise DemoError(f"port {port} is taken: choose another with --port, or 0 for a free one") from error
    return made


def make_site(state: Path, operator: OperatorHandOver, port: int) -> tuple[Site, AuthorityFront]:
    """The demo customer with its keys from `state`, on a loopback port."""
    authority_key = signing_key(state / "authority.key")
    backend_key = signing_key(state / "backend.key")
    grants = GrantSigner(ISSUER, AUTHORITY, public_text(authority_key), backend_key)
    verifier = Verifier(ISSUER, AUTHORITY, public_text(authority_key), backend_key.public_key())
    service = AuthorityService(authority_key, verifier)
    front = AuthorityFront(service, credential(state / "backend.credential"))
    backend = Backend(operator, f"ws://localhost:{port}/authority/v1", grants)
    return Site(backend, front, f"http://localhost:{port}"), front


async def serve(site: Site, front: AuthorityFront, listening: socket.socket, ready: asyncio.Event) -> None:
    """Serves until SIGTERM or SIGINT; sets `ready` when requests are taken."""
    config = uvicorn.Config(
        site, log_config=None, access_log=False, lifespan="off", ws_max_size=16_384, ws_per_message_deflate=False,
        server_header=False, timeout_graceful_shutdown=2, h11_max_incomplete_event_size=16_384,
    )  # fmt: skip
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as tasks:
        timers = tasks.create_task(front.run())
        serving = tasks.create_task(server.serve([listening]))
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        ready.set()
        await serving
        timers.cancel()

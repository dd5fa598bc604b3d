# SPDX-License-Identifier: Apache-2.0
"""The backend of a deployment's customer, as a test plays it: signs grants, puts members out, owns the way to the authority."""

import asyncio
import contextlib
import json
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sealroom_customer.authority.api import LINE_PATH
from sealroom_customer.authority.identity import authority_keys, backend_credential, public_text, signing_key
from sealroom_customer.client import Entry
from sealroom_customer.clock import SystemClock
from sealroom_customer.signing import GrantSigner
from sealroom_wire.authority import MemberRole
from sealroom_wire.ids import room_string
from tests.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Backend:
    """Knows what the customer's process has in its state folder."""

    running: Deployment
    state: Path

    def entry(
        self,
        room: str,
        user: str,
        *,
        life: int = 900,
        silence: int = 30,
        authority: str = "",
        renews: bool = True,
    ) -> Entry:
        """What `user` needs to enter. `silence` is the grant's `max_key_silence`; `authority` is another way to it."""
        tokens = self._post("api/tokens", {"user": user, "room": room})
        authority_key, _ = authority_keys(self.state)
        signer = GrantSigner(
            "demo-backend",
            "demo-authority",
            public_text(authority_key),
            signing_key(self.state / "grant-signing-key.pem"),
        )
        given = 0

        async def grant() -> str:
            nonlocal given
            given += 1
            if given > 1 and not renews:
                await asyncio.Event().wait()
            return signer.sign(
                sdk_app_id=tokens["sdkAppId"],
                room=room_string(room),
                user_id=user,
                role=MemberRole.PUBLISH,
                now=int(SystemClock().unix()),
                life=life,
                max_key_silence=silence,
            )

        return Entry(
            operator=tokens["operator"],
            sdk_app_id=tokens["sdkAppId"],
            user_id=user,
            user_sig=tokens["userSig"],
            room=room_string(room),
            authority=authority or tokens["authority"],
            grant=grant,
        )

    def put_out(self, room: str, user: str) -> None:
        """Tells the authority to put a member out; it has when this returns."""
        where = f"{LINE_PATH.lstrip('/')}/rooms/string/{room}/members/{user}/remove"
        application = self.running.application()["sdk_app_id"]
        credential = {"Authorization": f"Bearer {backend_credential(self.state)}"}
        self._post(where, {"app": application}, credential)

    async def remove(self, room: str, user: str) -> None:
        """`put_out`, for whoever has a loop to keep going."""
        await asyncio.to_thread(self.put_out, room, user)

    def _post(
        self, where: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        octets = json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} | (headers or {})
        request = urllib.request.Request(self.running.page + where, octets, sent)
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@dataclass
class Way:
    """TCP to the authority, in the hands of somebody who may cut it."""

    url: str = ""
    whole: bool = True
    lines: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Every line breaks, and no new one comes through."""
        self.whole = False
        for line in self.lines:
            line.close()

    def mend(self) -> None:
        """New lines come through again."""
        self.whole = True


@contextlib.asynccontextmanager
async def way_to(page: str) -> AsyncIterator[Way]:
    """A way to the authority behind a deployment's page."""
    there, way = urlsplit(page), Way()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(65536):
                writer.write(octets)
                await writer.drain()
        writer.close()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not way.whole:
            writer.close()
            return
        onward_reader, onward = await asyncio.open_connection(there.hostname, there.port)
        way.lines |= {writer, onward}
        await asyncio.gather(carry(reader, onward), carry(onward_reader, writer))
        way.lines -= {writer, onward}

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        way.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}{LINE_PATH}"
        yield way
        way.cut()

# SPDX-License-Identifier: Apache-2.0
"""The API `/v1` over one database, as one process serves it, and a customer's backend that signs."""

import asyncio
import datetime as dt
import hashlib
import hmac
import ipaddress
import itertools
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from sealroom.accounts.signatures import Signatures
from sealroom.api.endpoint import application
from sealroom.api.gate import Gate
from sealroom.api.homes import Homes
from sealroom.api.idempotency import Answers
from sealroom.api.services import Services
from sealroom.app import catalogue
from sealroom.apps.models import ApplicationSpec
from sealroom.core.clock import Clock
from sealroom.core.config.schema import RoomSettings
from sealroom.core.db import Database
from sealroom.core.errands import Errands
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.regions.receipts import ReceiptBook
from sealroom.rooms.bans import Bans
from sealroom.rooms.moderation import Moderation
from sealroom.rooms.service import RoomService
from sealroom.usage.service import UsageService
from sealroom.webhooks.address import Addresses
from sealroom.webhooks.endpoints import Endpoints
from sealroom.webhooks.letters import Letters
from server.tests import fakes, offers
from server.tests.administration import SIGNING_KEYS, Desk

HOST = "api.sealroom.example"
OTHER_UIN, OTHERS_APP = fakes.UIN + 1, fakes.APP + 1_000
_NONCES = itertools.count()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of the problem; '' for none."""
        return str(self.json["code"]) if self.status >= 400 else ""

    @property
    def etag(self) -> str:
        return self.headers["etag"]


def signed(
    pair: tuple[str, str], method: str, path: str, query: str, body: bytes, headers: Mapping[str, str], *, now: float,
    names: tuple[str, ...] | None = None, service: str = "sealroom",
) -> dict[str, str]:  # fmt: skip
    """Headers with a signature, written from the specification and not from the server's code."""
    given = {"host": HOST, "content-type": "application/json", **{k.lower(): v for k, v in headers.items()}}
    signing = sorted(given if names is None else names)
    date = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%d")
    canonical = "\n".join(
        [
            method, path, query, "".join(f"{name}:{given[name]}\n" for name in signing), ";".join(signing),
            hashlib.sha256(body).hexdigest(),
        ]
    )  # fmt: skip
    scope = f"{date}/{service}/tc3_request"
    text = f"TC3-HMAC-SHA256\n{int(now)}\n{scope}\n{hashlib.sha256(canonical.encode('latin-1')).hexdigest()}"
    key = f"TC3{pair[1]}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    given["x-tc-timestamp"] = str(int(now))
    given["authorization"] = (
        f"TC3-HMAC-SHA256 Credential={pair[0]}/{scope}, SignedHeaders={';'.join(signing)}, "
        f"Signature={hmac.digest(key, text.encode(), 'sha256').hex()}"
    )
    return given


@dataclass
class Backend:
    """A customer's backend. Every request has an id of its own, so that no two signatures are equal."""

    gate: Gate
    clock: Clock
    pair: tuple[str, str] = field(repr=False)
    address: str = "192.0.2.7"

    async def __call__(
        self, method: str, path: str, body: object = None, *, query: Mapping[str, object] | None = None, raw_path: str | None = None,
        **headers: str,
    ) -> Answer:  # fmt: skip
        """Signs and sends; `if_match=` and such are headers. `raw_path`: the path as it is encoded on the wire."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("x-request-id", f"test-{next(_NONCES)}")
        if method == "POST":
            named.setdefault("idempotency-key", f"key-{next(_NONCES)}")
        octets = b"" if body is None else json.dumps(body).encode()
        text = urlencode({name: str(value) for name, value in (query or {}).items()})
        made = signed(self.pair, method, raw_path or path, text, octets, named, now=self.clock.unix())
        return await send(
            self.gate, method, path, text, octets, made, address=self.address, raw_path=raw_path
        )


async def send(
    gate: Any, method: str, path: str, query: str, body: bytes, headers: Mapping[str, str], *, address: str = "192.0.2.7",
    raw_path: str | None = None,
) -> Answer:  # fmt: skip
    """One request as the listener would hand it over."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path, "raw_path": (raw_path or path).encode(),
        "query_string": query.encode(), "root_path": "", "scheme": "https", "client": (address, 5), "server": (HOST, 443), "state": {},
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()], "extensions": {},
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    told: list[Any] = []

    async def receive() -> Any:
        return waiting.pop() if waiting else await asyncio.Event().wait()

    async def take(message: Any) -> None:
        told.append(message)

    await gate(scope, receive, take)
    start = told[0]
    found = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    assert len(found) == len(start["headers"]), "a header twice"
    return Answer(start["status"], found, b"".join(one.get("body", b"") for one in told[1:]))


@dataclass
class Process:
    """One process that serves the API."""

    desk: Desk
    services: Services
    gate: Gate
    rooms: RoomService
    metrics: Metrics

    @classmethod
    def start(cls, database: Database, clock: Clock, errands: Errands) -> "Process":
        """On a database that may be shared."""
        desk, metrics = Desk(database, clock), Metrics("test")
        bans = Bans(database, desk.audit, clock)
        rooms = RoomService(
            fakes.FakeEngine(), offers.SERVER, clock=clock, ids=Ids(random.Random(1)), settings=RoomSettings(), errands=errands,
            metrics=metrics, listeners=(), bans=bans,
        )  # fmt: skip
        addresses = Addresses([ipaddress.ip_network("127.0.0.0/8")])
        services = Services(
            desk.register, desk.api_keys, bans, Moderation(rooms, bans, database, desk.audit, clock, errands),
            Endpoints(database, desk.audit, desk.envelope, clock, addresses), Letters(database, desk.audit, clock), desk.audit,
            ReceiptBook(database, SIGNING_KEYS), catalogue(), Answers(database, desk.envelope, clock), Signatures(database, clock),
            Homes(None, desk.register), UsageService(database, clock),
        )  # fmt: skip
        return cls(desk, services, application(services, clock, Ids(), metrics), rooms, metrics)

    def backend(self, pair: tuple[str, str]) -> Backend:
        """Somebody who calls this process."""
        return Backend(self.gate, self.desk.clock, pair)


@dataclass
class World:
    """Two accounts with an application each, and two processes on one database."""

    here: Process
    there: Process
    virtual: fakes.VirtualClock | None
    database: Database
    pair: tuple[str, str]
    others_pair: tuple[str, str]

    @classmethod
    async def make(cls, database: Database, second: Database, clock: Clock, errands: Errands) -> "World":
        here, there = (Process.start(one, clock, errands) for one in (database, second))
        pairs = []
        for uin, app in ((fakes.UIN, fakes.APP), (OTHER_UIN, OTHERS_APP)):
            await here.desk.accounts.create(fakes.ACCOUNT, fakes.ACTOR, uin=uin)
            await here.desk.register.create(uin, ApplicationSpec("Calls"), fakes.ACTOR, sdk_app_id=app)
            made = await here.desk.api_keys.create(uin, fakes.ACTOR)
            pairs.append((made.secret_id, made.secret_key))
        virtual = clock if isinstance(clock, fakes.VirtualClock) else None
        return cls(here, there, virtual, database, pairs[0], pairs[1])

    @property
    def clock(self) -> fakes.VirtualClock:
        """The clock, where a test turns it."""
        assert self.virtual is not None
        return self.virtual

    @property
    def call(self) -> Backend:
        """The first account's backend."""
        return self.here.backend(self.pair)

    @property
    def other(self) -> Backend:
        """The second account's."""
        return self.here.backend(self.others_pair)

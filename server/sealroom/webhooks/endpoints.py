# SPDX-License-Identifier: Apache-2.0
"""Where customers want their events: set, listed, removed. Keys lie encrypted and are never shown again."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import ColumnElement, Row, and_, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.audit.events import Actor, AuditEvent, Record
from sealroom.audit.service import AuditLog
from sealroom.core.clock import Clock
from sealroom.core.db import NOTHING, Database, check_tag, raise_number, upsert
from sealroom.core.errors import OperatorError
from sealroom.core.keys import Envelope
from sealroom.webhooks.address import Addresses, read_addresses
from sealroom.webhooks.client import NotTaken, read_url
from sealroom.webhooks.models import KEYS, Group, Subscriber, endpoints
from sealroom.webhooks.outbox import TOPIC
from sealroom_wire.ids import check_sdk_app_id

_KEY = re.compile(r"[A-Za-z0-9]{1,32}")


class WebhookError(OperatorError):
    """Something about webhooks that is not done."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one group of an application's events goes. `key` is empty where they are not signed."""

    sdk_app_id: int
    group: Group
    url: str
    key: bytes = field(repr=False)
    enabled: bool
    subscriber: Subscriber = Subscriber.BACKEND


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """An endpoint as it is shown, without its key. `tag` names this state of it, its key included."""

    group: Group
    url: str
    signed: bool
    enabled: bool
    changed_at: int
    """Unix milliseconds."""
    tag: str
    subscriber: Subscriber


class Endpoints:
    """The endpoints of one database."""

    def __init__(
        self, database: Database, audit: AuditLog, envelope: Envelope, clock: Clock, addresses: Addresses
    ) -> None:
        self._database, self._audit, self._envelope = database, audit, envelope
        self._clock, self._addresses = clock, addresses

    async def set(
        self,
        sdk_app_id: int,
        group: Group,
        url: str,
        key: str,
        *,
        actor: Actor,
        subscriber: Subscriber = Subscriber.BACKEND,
        enabled: bool = True,
        expected: str | None = None,
    ) -> None:
        """Says where a group of events goes for a subscriber, and with which key they are signed: at most 32 letters and digits, or
        empty for none.

        Raises:
            WebhookError: a URL or a key that cannot be used.
            Refusal: an application id that is none.
            ConflictError: the endpoint has another tag than the expected one (`check_tag`).
        """
        check_sdk_app_id(sdk_app_id)
        self._check_url(url)
        if key and not _KEY.fullmatch(key):
            raise WebhookError(
                "webhook_key_invalid", "The key is not one.", "Use 1 to 32 letters and digits (TRTC's rule), or none."
            )  # fmt: skip
        now = int(self._clock.unix() * 1000)
        place = (sdk_app_id, int(group), subscriber.value)
        sealed = await KEYS.encrypt(self._envelope, place, key.encode()) if key else None
        row = {
            "sdk_app_id": sdk_app_id, "group_id": int(group), "subscriber": subscriber.value, "url": url, "key": sealed,
            "enabled": enabled, "changed_at": now,
        }  # fmt: skip
        async with self._database.writing() as connection:
            await raise_number(connection, TOPIC)
            before = await _present(connection, sdk_app_id, group, subscriber)
            check_tag("webhook", before.tag if before else NOTHING, expected)
            await upsert(connection, endpoints, row)
            told: dict[str, str | int] = {
                "group": int(group),
                "subscriber": subscriber.value,
                "url": _where(url),
                "enabled": int(enabled),
                "signed": int(bool(key)),
            }
            record = Record(
                AuditEvent.WEBHOOK_CHANGED, actor, f"application {sdk_app_id}", told, f"{sdk_app_id}"
            )
            await self._audit.append(connection, record)
        await self._audit.place()

    async def remove(
        self,
        sdk_app_id: int,
        group: Group,
        *,
        actor: Actor,
        subscriber: Subscriber = Subscriber.BACKEND,
        expected: str | None = None,
    ) -> bool:
        """Sends no more of a group to a subscriber; says whether it did. What waits becomes a dead letter.

        Raises ConflictError where the endpoint has another tag than the expected one (`check_tag`).
        """
        mine = _mine(sdk_app_id, group, subscriber)
        async with self._database.writing() as connection:
            await raise_number(connection, TOPIC)
            before = await _present(connection, sdk_app_id, group, subscriber)
            if before is not None:
                check_tag("webhook", before.tag, expected)
            if (await connection.execute(delete(endpoints).where(mine))).rowcount == 0:
                return False
            told: dict[str, str | int] = {"group": int(group), "subscriber": subscriber.value}
            record = Record(
                AuditEvent.WEBHOOK_REMOVED, actor, f"application {sdk_app_id}", told, f"{sdk_app_id}"
            )
            await self._audit.append(connection, record)
        await self._audit.place()
        return True

    async def all(self, sdk_app_id: int | None = None) -> list[Endpoint]:
        """Every endpoint with its key, for who sends. Raises EnvelopeError where a key cannot be opened."""
        statement = select(endpoints).order_by(*endpoints.primary_key.columns)
        if sdk_app_id is not None:
            statement = statement.where(endpoints.c.sdk_app_id == sdk_app_id)
        found = []
        for row in await self._database.read(statement):
            place = (row.sdk_app_id, row.group_id, row.subscriber)
            key = b"" if row.key is None else await KEYS.decrypt(self._envelope, place, row.key)
            subscriber = Subscriber(row.subscriber)
            found.append(Endpoint(row.sdk_app_id, Group(row.group_id), row.url, key, row.enabled, subscriber))
        return found

    async def shown(self, sdk_app_id: int) -> list[EndpointStatus]:
        """Every endpoint of an application, for people."""
        mine = select(endpoints).where(endpoints.c.sdk_app_id == sdk_app_id)
        return [
            _status(row) for row in await self._database.ask(mine.order_by(*endpoints.primary_key.columns))
        ]

    async def find(
        self, sdk_app_id: int, group: Group, subscriber: Subscriber = Subscriber.BACKEND
    ) -> EndpointStatus | None:
        """One endpoint, for people."""
        async with self._database.reading() as connection:
            return await _present(connection, sdk_app_id, group, subscriber)

    def _check_url(self, url: str) -> None:
        """What can be said before a name is resolved. Each delivery judges the address again."""
        try:
            target = read_url(url)
        except NotTaken as wrong:
            raise WebhookError(
                wrong.problem.value,
                "The URL is not one that events can be sent to.",
                "Write https://host/path, without user, password or fragment, of at most 2083 ASCII characters.",
            ) from None
        if not target.tls and not self._addresses.may_be_in_clear:
            raise WebhookError(
                "webhook_in_clear",
                "Events name users and rooms, and http would carry them in clear.",
                "Use https; or allow the endpoint's network in [webhooks] allow.",
            )
        literal = list(read_addresses([target.host]))
        if literal and not self._addresses.may_reach(literal[0], in_clear=not target.tls):
            raise WebhookError(
                "address_refused",
                "The address is not a public one.",
                "Use a public address, or allow its network in [webhooks] allow.",
            )


def _mine(sdk_app_id: int, group: Group, subscriber: Subscriber) -> ColumnElement[bool]:
    return and_(
        endpoints.c.sdk_app_id == sdk_app_id,
        endpoints.c.group_id == int(group),
        endpoints.c.subscriber == subscriber.value,
    )


async def _present(
    connection: AsyncConnection, sdk_app_id: int, group: Group, subscriber: Subscriber
) -> EndpointStatus | None:
    mine = _mine(sdk_app_id, group, subscriber)
    found = (await connection.execute(select(endpoints).where(mine))).one_or_none()
    return None if found is None else _status(found)


def _status(row: Row[Any]) -> EndpointStatus:
    # Two encryptions of one key differ, so the tag changes with every `set`, and tells nothing of the key.
    state = f"{row.changed_at}\n{row.enabled}\n{row.url}\n".encode() + (row.key or b"")
    tag = hashlib.sha256(state).hexdigest()[:32]
    return EndpointStatus(
        Group(row.group_id), row.url, row.key is not None, row.enabled, row.changed_at, tag, Subscriber(row.subscriber)
    )  # fmt: skip


def _where(url: str) -> str:
    """An address without its query and without who signs in there: many customers keep a token in one of them."""
    parts = urlsplit(url)
    return urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "…" if parts.query else "", "")
    )

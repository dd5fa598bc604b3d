# SPDX-License-Identifier: Apache-2.0
"""Events that were not taken: seen, and sent again."""

from dataclasses import dataclass, field

import msgspec
from sqlalchemy import func, select, update

from sealroom.audit.events import Actor, AuditEvent, Record
from sealroom.audit.service import AuditLog
from sealroom.core.clock import Clock
from sealroom.core.db import Also, Database
from sealroom.core.ids import Ids
from sealroom.webhooks.bodies import body, sign
from sealroom.webhooks.client import Client
from sealroom.webhooks.endpoints import Endpoint, WebhookError
from sealroom.webhooks.models import State, Subscriber, outbox

MAX_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Letter:
    """An event that waits for an endpoint. Times in Unix milliseconds."""

    id: int
    event_id: str
    sdk_app_id: int
    group: int
    subscriber: Subscriber
    event_type: int
    info: str = field(repr=False)
    state: State
    created_at: int
    next_at: int
    attempts: int
    problem: str


class Letters:
    """What lies in the outbox, for people."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database, self._audit, self._clock = database, audit, clock

    async def page(
        self, state: State | None = None, sdk_app_id: int | None = None, *, after: int = 0, limit: int = 100
    ) -> list[Letter]:
        """Events in the order in which they happened, from behind the number `after` on; at most `MAX_PAGE`."""
        statement = (
            select(outbox).where(outbox.c.id > after).order_by(outbox.c.id).limit(min(limit, MAX_PAGE))
        )
        if state is not None:
            statement = statement.where(outbox.c.state == state.value)
        if sdk_app_id is not None:
            statement = statement.where(outbox.c.sdk_app_id == sdk_app_id)
        return [
            Letter(
                row.id, row.event_id, row.sdk_app_id, row.group_id, Subscriber(row.subscriber), row.event_type, row.info,
                State(row.state), row.created_at, row.next_at, row.attempts, row.problem or "",
            )
            for row in await self._database.read(statement)
        ]  # fmt: skip

    async def counts(self) -> list[tuple[int, State, int]]:
        """How many there are, by application and state."""
        statement = select(outbox.c.sdk_app_id, outbox.c.state, func.count()).group_by(
            outbox.c.sdk_app_id, outbox.c.state
        )
        rows = await self._database.read(statement.order_by(outbox.c.sdk_app_id, outbox.c.state))
        return [(row[0], State(row[1]), row[2]) for row in rows]

    async def replay(
        self, sdk_app_id: int, letter: int | None = None, *, actor: Actor, also: Also[int] | None = None
    ) -> int:
        """Has dead events of an application sent again, one or all, for another day; returns how many. Time and id stay theirs."""
        now = int(self._clock.unix() * 1000)
        mine = [outbox.c.sdk_app_id == sdk_app_id, outbox.c.state == State.DEAD.value]
        if letter is not None:
            mine.append(outbox.c.id == letter)
        again = {"state": State.PARKED.value, "since": now, "next_at": now, "parked": 0}
        async with self._database.writing() as connection:
            count = (await connection.execute(update(outbox).where(*mine).values(again))).rowcount
            if count == 0:
                return 0
            record = Record(
                AuditEvent.WEBHOOKS_REPLAYED,
                actor,
                f"application {sdk_app_id}",
                {"count": count},
                f"{sdk_app_id}",
            )
            await self._audit.append(connection, record)
            if also is not None:
                await also(connection, count)
        await self._audit.place()
        return count


async def send_sample(client: Client, endpoint: Endpoint, clock: Clock, ids: Ids) -> None:
    """Sends the endpoint an event that did not happen: of the room `sealroom-test`, by the user `sealroom-test`.

    Raises:
        WebhookError: the endpoint is switched off.
        NotTaken: it does not take it.
    """
    if not endpoint.enabled:
        raise WebhookError("endpoint_disabled", "The endpoint is switched off.", "Set it again, enabled.")
    now = int(clock.unix() * 1000)
    info = {"RoomId": "sealroom-test", "EventTs": now // 1000, "EventMsTs": now, "UserId": "sealroom-test"}
    event_type = 101 if endpoint.group == 1 else 203
    content = body(int(endpoint.group), event_type, msgspec.json.encode(info).decode(), now)
    headers = {"SdkAppId": str(endpoint.sdk_app_id), "X-Sealroom-Event-Id": f"{ids.number(128):032x}"}
    if endpoint.key:
        headers["Sign"] = sign(endpoint.key, content)
    await client.post(endpoint.url, headers, content)

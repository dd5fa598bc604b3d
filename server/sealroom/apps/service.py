# SPDX-License-Identifier: Apache-2.0
"""Verifies who somebody is and what he may do; keeps revocations.

**An entry costs one query.** Applications are kept in memory with the number that their changes are counted by; the query reads that
number together with the revocations of the user. So whatever was changed, by whichever process, holds from the next entry on.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import ScalarSelect, and_, bindparam, delete, func, or_, select

from sealroom.accounts.service import STATES, is_active
from sealroom.apps.models import (
    APPLICATION_SECRET,
    EVERY_USER,
    TOPIC,
    Admission,
    Application,
    Identity,
    State,
    application_keys,
    applications,
    revocations,
    spec_of,
)
from sealroom.apps.origins import origin_allowed
from sealroom.audit.events import Actor, AuditEvent, Record
from sealroom.audit.service import AuditLog
from sealroom.core.clock import Clock
from sealroom.core.db import AWAY, Database, Watch, upsert
from sealroom.core.keys import Envelope, EnvelopeError
from sealroom.core.logging import get_logger
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, check_sdk_app_id, check_user_id
from sealroom_wire.usersig import Privilege, verify_private_map_key, verify_user_sig

_PATIENCE_SECONDS = 10
"""How long somebody may wait for the database before he is told that the server is busy."""
_REMEMBERED = 10_000
"""Applications that stay in memory, some kilobytes each. Fewer ask the database more often."""


_log = get_logger()


@dataclass(frozen=True, slots=True)
class _Known:
    """An application as it was when changes had come to that number."""

    number: int
    application: Application


class ApplicationService:
    """The applications of this installation, for whoever enters."""

    def __init__(
        self, database: Database, audit: AuditLog, clock: Clock, envelope: Envelope, site: str
    ) -> None:
        """Applications of other sites than `site` are not known here, whatever the database says."""
        self._site = site
        self._database, self._audit, self._clock, self._envelope = database, audit, clock, envelope
        self._watch = Watch(database, clock, TOPIC, STATES)
        self._entry = select(self._watch.column, _latest())
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._also: dict[int, tuple[str, ...]] = {}

    def also_allow(self, sdk_app_id: int, origins: Iterable[str]) -> None:
        """Lets pages of these origins use an application too, in this process only."""
        self._also[sdk_app_id] = tuple(origins)
        self._known.pop(sdk_app_id, None)

    async def find(self, sdk_app_id: int) -> Application:
        """The application as it was a second ago at most; raises `Refusal` if there is none, it is switched off, or has ended."""
        return (await self._usable(sdk_app_id)).application

    async def owner_of(self, sdk_app_id: int) -> int | None:
        """The account (UIN) of an application, whatever its state; None where there is none."""
        known = await self._find(sdk_app_id)
        return None if known is None else known.application.uin

    async def owned_by(self, uin: int) -> list[int]:
        """The SdkAppIds of an account, whatever their state."""
        mine = select(applications.c.sdk_app_id).where(
            applications.c.uin == uin, applications.c.site == self._site
        )
        return [row.sdk_app_id for row in await self._database.read(mine.order_by(applications.c.sdk_app_id))]

    async def identify(self, sdk_app_id: int, user_id: str, user_sig: str, *, origin: str | None) -> Identity:
        """Verifies a UserSig, and the page it comes from. `origin` is None for a client that is not a page.

        Raises:
            Refusal: with the first reason found; also where the database cannot be asked, for then nobody is let in.
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await self._identified(sdk_app_id, user_id, user_sig, origin)
        except AWAY as error:
            _log.warning("database_away", error=type(error).__name__)
            raise Refusal(ErrorCode.SERVER_BUSY) from error
        except EnvelopeError as error:
            _log.error("secret_key_closed", code=error.code, application=sdk_app_id)
            raise Refusal(ErrorCode.INTERNAL_ERROR) from error

    async def _identified(self, sdk_app_id: int, user_id: str, user_sig: str, origin: str | None) -> Identity:
        while True:
            known = await self._usable(sdk_app_id)
            issued_at = self._verify(known.application, user_id, user_sig, origin)
            # Asked only about somebody who showed a signature: forged ones cost the database nothing.
            number, valid_from = await self._now(sdk_app_id, user_id)
            if number == known.number:
                break
            # Something was changed meanwhile: once more, with what holds now.
            self._watch.saw(number)
        if issued_at < valid_from:
            raise Refusal(ErrorCode.USER_SIG_REVOKED)
        return Identity(known.application, user_id, issued_at)

    def _verify(self, application: Application, user_id: str, user_sig: str, origin: str | None) -> int:
        """When the UserSig was issued, Unix seconds. Raises `Refusal`."""
        if origin is not None and not origin_allowed(origin, application.spec.origins):
            raise Refusal(ErrorCode.ORIGIN_NOT_ALLOWED)
        check_user_id(user_id)
        verified = verify_user_sig(
            user_sig,
            secret_keys=application.secret_keys,
            sdk_app_id=application.sdk_app_id,
            user_id=user_id,
            now=int(self._clock.unix()),
        )
        return verified.issued_at

    def admit(self, identity: Identity, room: RoomId, private_map_key: str | None) -> Admission:
        """What the identity may do in `room`: everything, or under advanced permission control what its key says.

        Raises:
            Refusal: a key is asked for and missing, does not verify, or does not let its owner enter.
        """
        application = identity.application
        if not application.spec.advanced_permission:
            return Admission(identity, Privilege.ALL, identity.issued_at)
        if private_map_key is None:
            raise Refusal(ErrorCode.PRIVATE_MAP_KEY_REQUIRED)
        verified = verify_private_map_key(
            private_map_key,
            secret_keys=application.secret_keys,
            sdk_app_id=application.sdk_app_id,
            user_id=identity.user_id,
            room=room,
            now=int(self._clock.unix()),
        )
        if Privilege.ENTER not in verified.privileges:
            raise Refusal(ErrorCode.NO_RIGHT_TO_ENTER)
        return Admission(identity, verified.privileges, min(identity.issued_at, verified.issued_at))

    async def revoke(self, sdk_app_id: int, user_id: str | None, issued_before: int, actor: Actor) -> None:
        """Refuses from now on UserSigs issued before a moment (Unix seconds), of one user or of all."""
        row = {"sdk_app_id": sdk_app_id, "user_id": user_id or EVERY_USER, "issued_before": issued_before}
        async with self._database.writing() as connection:
            # A revocation is never moved back by a later one.
            await upsert(connection, revocations, row, greatest=("issued_before",))
            record = _record(
                AuditEvent.USER_SIGS_REVOKED, actor, sdk_app_id, user_id, issued_before=issued_before
            )
            await self._audit.append(connection, record)
        await self._audit.place()

    async def unrevoke(self, sdk_app_id: int, user_id: str | None, actor: Actor) -> bool:
        """Takes a revocation back; says whether there was one."""
        mine = and_(revocations.c.sdk_app_id == sdk_app_id, revocations.c.user_id == (user_id or EVERY_USER))
        async with self._database.writing() as connection:
            if (await connection.execute(delete(revocations).where(mine))).rowcount == 0:
                return False
            record = _record(AuditEvent.REVOCATION_WITHDRAWN, actor, sdk_app_id, user_id)
            await self._audit.append(connection, record)
        await self._audit.place()
        return True

    async def revoked(self, sdk_app_id: int | None = None) -> list[tuple[int, str, int]]:
        """All revocations: application, user ('' for every user), issued-before."""
        statement = select(revocations).order_by(revocations.c.sdk_app_id, revocations.c.user_id)
        if sdk_app_id is not None:
            statement = statement.where(revocations.c.sdk_app_id == sdk_app_id)
        async with self._database.reading() as connection:
            return [
                (row.sdk_app_id, row.user_id, row.issued_before)
                for row in await connection.execute(statement)
            ]

    async def _usable(self, sdk_app_id: int) -> _Known:
        known = await self._find(check_sdk_app_id(sdk_app_id))
        if known is None:
            raise Refusal(ErrorCode.APPLICATION_UNKNOWN)
        if not (known.application.active and known.application.spec.enabled):
            raise Refusal(ErrorCode.APPLICATION_DISABLED)
        return known

    async def _find(self, sdk_app_id: int) -> _Known | None:
        number, known = await self._watch.number(), self._known.get(sdk_app_id)
        if known is None or known.number < number:
            known = await self._read(sdk_app_id)
        if known is not None:
            self._known[sdk_app_id] = known
            self._known.move_to_end(sdk_app_id)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return known

    async def _read(self, sdk_app_id: int) -> _Known | None:
        keys = application_keys.c
        statement = (
            select(
                applications, keys.number.label("key_number"), keys.secret, self._watch.column,
                is_active(applications.c.uin).label("account_active"),
            )
            .outerjoin(application_keys, keys.sdk_app_id == applications.c.sdk_app_id)
            .where(applications.c.sdk_app_id == sdk_app_id)
            .order_by(keys.number.desc())
        )  # fmt: skip
        rows = await self._database.ask(statement)
        if not rows:
            self._known.pop(sdk_app_id, None)
            return None
        secrets = [
            await APPLICATION_SECRET.decrypt(self._envelope, (sdk_app_id, row.key_number), row.secret)
            for row in rows
            if row.secret is not None
        ]
        row = rows[0]
        if row.site != self._site:
            self._known.pop(sdk_app_id, None)
            return None
        spec = spec_of(row)
        application = Application(
            sdk_app_id,
            row.uin,
            msgspec.structs.replace(spec, origins=(*spec.origins, *self._also.get(sdk_app_id, ()))),
            tuple(secret.decode() for secret in secrets),
            active=row.state == State.ACTIVE.value and row.account_active,
            site=row.site,
        )
        return _Known(row.number, application)

    async def _now(self, sdk_app_id: int, user_id: str) -> tuple[int, int]:
        """The number of changes, and the latest moment before which this user's UserSigs are revoked; 0 without a revocation."""
        ((number, valid_from),) = await self._database.look(self._entry, {"app": sdk_app_id, "user": user_id})
        return number, valid_from


def _latest() -> ScalarSelect[int]:
    """The latest moment of what concerns the user `user` of the application `app`."""
    mine = and_(
        revocations.c.sdk_app_id == bindparam("app"),
        or_(revocations.c.user_id == bindparam("user"), revocations.c.user_id == EVERY_USER),
    )
    return select(func.coalesce(func.max(revocations.c.issued_before), 0)).where(mine).scalar_subquery()


def _record(event: AuditEvent, actor: Actor, sdk_app_id: int, user_id: str | None, **details: int) -> Record:
    """What the log says of a change to an application; the user, who is personal, stands in its details."""
    subject = f"{sdk_app_id}/{user_id}" if user_id else None
    told: dict[str, str | int] = dict(details)
    if user_id:
        told["user"] = user_id
    return Record(event, actor, f"application {sdk_app_id}", told, subject)

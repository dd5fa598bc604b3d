# SPDX-License-Identifier: Apache-2.0
"""Verifies who somebody is and what he may do; keeps revocations."""

import asyncio
from collections.abc import Iterable

from sqlalchemy import and_, delete, func, or_, select

from sealroom.apps.models import EVERY_USER, Admission, Application, Identity, revocations
from sealroom.apps.origins import check_origin, origin_allowed
from sealroom.audit.events import Actor, AuditEvent, Record
from sealroom.audit.service import AuditLog
from sealroom.core.clock import Clock
from sealroom.core.config.schema import ApplicationSettings
from sealroom.core.db import Database, upsert
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, check_sdk_app_id, check_user_id
from sealroom_wire.usersig import Privilege, verify_private_map_key, verify_user_sig


class ApplicationService:
    """The applications of this process."""

    def __init__(
        self, settings: Iterable[ApplicationSettings], database: Database, audit: AuditLog, clock: Clock
    ) -> None:
        """Takes applications as configured; raises `ConfigurationError` for an origin that is none."""
        self._audit = audit
        self._applications = {one.sdk_app_id: Application.of(one) for one in settings}
        self._database = database
        self._clock = clock
        for application in self._applications.values():
            for origin in application.origins:
                check_origin(origin)

    def find(self, sdk_app_id: int) -> Application:
        """The application; raises `Refusal` if there is none, or it is switched off."""
        application = self._applications.get(check_sdk_app_id(sdk_app_id))
        if application is None:
            raise Refusal(ErrorCode.APPLICATION_UNKNOWN)
        if not application.enabled:
            raise Refusal(ErrorCode.APPLICATION_DISABLED)
        return application

    async def identify(self, sdk_app_id: int, user_id: str, user_sig: str, *, origin: str | None) -> Identity:
        """Verifies a UserSig, and the page it comes from. `origin` is None for a client that is not a page.

        Raises:
            Refusal: with the first reason found.
        """
        application = self.find(sdk_app_id)
        if origin is not None and not origin_allowed(origin, application.origins):
            raise Refusal(ErrorCode.ORIGIN_NOT_ALLOWED)
        check_user_id(user_id)
        verified = verify_user_sig(
            user_sig,
            secret_keys=application.secret_keys,
            sdk_app_id=sdk_app_id,
            user_id=user_id,
            now=int(self._clock.unix()),
        )
        if verified.issued_at < await self._valid_from(sdk_app_id, user_id):
            raise Refusal(ErrorCode.USER_SIG_REVOKED)
        return Identity(application, user_id)

    def admit(self, identity: Identity, room: RoomId, private_map_key: str | None) -> Admission:
        """What the identity may do in `room`: everything, or under advanced permission control what its key says.

        Raises:
            Refusal: a key is asked for and missing, does not verify, or does not let its owner enter.
        """
        application = identity.application
        if not application.advanced_permission:
            return Admission(identity, Privilege.ALL)
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
        return Admission(identity, verified.privileges)

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

    async def _valid_from(self, sdk_app_id: int, user_id: str) -> int:
        """The latest moment before which this user's UserSigs are revoked; 0 without a revocation."""
        mine = or_(revocations.c.user_id == user_id, revocations.c.user_id == EVERY_USER)
        statement = select(func.max(revocations.c.issued_before)).where(
            and_(revocations.c.sdk_app_id == sdk_app_id, mine)
        )
        async with asyncio.timeout(10), self._database.reading() as connection:
            return (await connection.execute(statement)).scalar() or 0


def _record(event: AuditEvent, actor: Actor, sdk_app_id: int, user_id: str | None, **details: int) -> Record:
    """What the log says of a change to an application; the user, who is personal, stands in its details."""
    subject = f"{sdk_app_id}/{user_id}" if user_id else None
    told: dict[str, str | int] = dict(details)
    if user_id:
        told["user"] = user_id
    return Record(event, actor, f"application {sdk_app_id}", told, subject)

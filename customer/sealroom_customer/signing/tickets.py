# SPDX-License-Identifier: Apache-2.0
"""UserSigs and PrivateMapKeys of one application."""

from dataclasses import dataclass, field

from sealroom_wire.ids import RoomId, check_sdk_app_id
from sealroom_wire.usersig import Privilege, sign_private_map_key, sign_user_sig

DEFAULT_LIFE_SECONDS = 86400
"""Longer spares signing; shorter ends a stolen ticket sooner."""


@dataclass(frozen=True, slots=True)
class TicketSigner:
    """Signs with one application's secret key, which never shows in a repr."""

    sdk_app_id: int
    secret_key: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raises `Refusal(sdk_app_id_invalid)`."""
        check_sdk_app_id(self.sdk_app_id)

    def user_sig(self, user_id: str, *, now: int, life: int = DEFAULT_LIFE_SECONDS) -> str:
        """A UserSig from `now` (Unix seconds) for `life` seconds. Raises `Refusal(user_id_invalid)`."""
        return sign_user_sig(
            secret_key=self.secret_key,
            sdk_app_id=self.sdk_app_id,
            user_id=user_id,
            issued_at=now,
            expire=life,
        )

    def private_map_key(
        self,
        user_id: str,
        room: RoomId,
        privileges: Privilege,
        *,
        now: int,
        life: int = DEFAULT_LIFE_SECONDS,
    ) -> str:
        """A PrivateMapKey for one room and some of the eight rights. Raises `Refusal` for an invalid user or room id."""
        return sign_private_map_key(
            secret_key=self.secret_key,
            sdk_app_id=self.sdk_app_id,
            user_id=user_id,
            room=room,
            privileges=privileges,
            issued_at=now,
            expire=life,
        )

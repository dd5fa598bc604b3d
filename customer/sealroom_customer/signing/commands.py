# SPDX-License-Identifier: Apache-2.0
"""`sealroom-customer sign ...`."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from sealroom_customer.errors import ConfigurationError
from sealroom_customer.signing import GrantSigner, TicketSigner
from sealroom_customer.signing.key_files import private_signing_key, secret_key_text
from sealroom_wire.authority import MemberRole
from sealroom_wire.ids import RoomId, room_number, room_string
from sealroom_wire.usersig import Privilege

sign = App(name="sign", help="Sign a ticket or a grant and print it.")

PrivilegeName = Literal[
    "create-room", "enter", "send-audio", "receive-audio", "send-video", "receive-video", "send-screen", "receive-screen"
]  # fmt: skip
_ALL: tuple[PrivilegeName, ...] = (
    "create-room", "enter", "send-audio", "receive-audio", "send-video", "receive-video", "send-screen", "receive-screen",
)  # fmt: skip
SecretFile = Annotated[Path, Parameter(help="0600 file with the application's SecretKey.")]
Life = Annotated[int, Parameter(help="Seconds until it expires.")]


@sign.command
def user_sig(*, sdk_app_id: int, user: str, secret_key: SecretFile, life: Life = 86400) -> None:
    """Print a UserSig."""
    print(
        TicketSigner(sdk_app_id, secret_key_text(secret_key)).user_sig(user, now=int(time.time()), life=life)
    )


@sign.command
def private_map_key(
    *,
    sdk_app_id: int,
    user: str,
    secret_key: SecretFile,
    room: Annotated[str | None, Parameter(help="A string room. Either this or --room-number.")] = None,
    room_number: Annotated[
        int | None, Parameter(help='A number room. `123` and `"123"` are two rooms.')
    ] = None,
    right: Annotated[
        tuple[PrivilegeName, ...], Parameter(help="May be given more than once.", negative="")
    ] = _ALL,
    life: Life = 86400,
) -> None:
    """Print a PrivateMapKey for one room and some of the eight rights."""
    rights = Privilege(0)
    for name in right:
        rights |= Privilege[name.replace("-", "_").upper()]
    signer = TicketSigner(sdk_app_id, secret_key_text(secret_key))
    where = _room(room, room_number)
    print(signer.private_map_key(user, where, rights, now=int(time.time()), life=life))


@sign.command
def grant(
    *,
    sdk_app_id: int,
    user: str,
    key: Annotated[Path, Parameter(help="0600 PEM file with an Ed25519 or P-256 private key.")],
    issuer: str,
    audience: Annotated[str, Parameter(help="The authority's name.")],
    authority_key: Annotated[str, Parameter(help="The authority's public signing key, base64url.")],
    room: Annotated[str | None, Parameter(help="A string room. Either this or --room-number.")] = None,
    room_number: Annotated[int | None, Parameter(help="A number room.")] = None,
    role: MemberRole = MemberRole.PUBLISH,
    life: Life = 900,
) -> None:
    """Print a grant that admits a user to a room's keys."""
    signer = GrantSigner(issuer, audience, authority_key, private_signing_key(key))
    try:
        token = signer.sign(
            sdk_app_id=sdk_app_id,
            room=_room(room, room_number),
            user_id=user,
            role=role,
            now=int(time.time()),
            life=life,
        )
    except ValueError as error:
        raise ConfigurationError(
            "life_invalid", f"It cannot be signed: {error}.", "Give another --life."
        ) from error
    print(token)


def _room(text: str | None, number: int | None) -> RoomId:
    if text is not None and number is None:
        return room_string(text)
    if number is not None and text is None:
        return room_number(number)
    raise ConfigurationError("room_missing", "One room is needed.", "Give either --room or --room-number.")

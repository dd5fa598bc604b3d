# SPDX-License-Identifier: Apache-2.0
"""UserSig and PrivateMapKey (TLSSigAPIv2, HMAC-SHA256): sign and verify, byte-compatible with the official generators.

A UserSig is JSON, zlib-compressed, in base64 with Tencent's alphabet (`*` `-` `_` for `+` `/` `=`). A PrivateMapKey is the
same document with a binary `TLS.userbuf` that names one room and eight rights.

**Verification raises `Refusal`; it never returns a verdict.** Work is bounded by `MAX_USER_SIG_BYTES` before and
`MAX_USER_SIG_INFLATED_BYTES` after inflation, and the user id's characters are checked before the signed text is built,
so that no line break in it can forge another line.
"""

import base64
import binascii
import hmac
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import Annotated

import msgspec

from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, RoomKind, check_room, check_sdk_app_id, check_user_id
from sealroom_wire.limits import (
    MAX_FUTURE_SECONDS,
    MAX_USER_SIG_BYTES,
    MAX_USER_SIG_INFLATED_BYTES,
    MAX_USER_SIG_LIFE_SECONDS,
)

_FROM_TENCENT = bytes.maketrans(b"*-_", b"+/=")
_TO_TENCENT = bytes.maketrans(b"+/=", b"*-_")
_TENCENT_BASE64 = re.compile(r"[A-Za-z0-9*\-]+_{0,2}")
_FIXED = struct.Struct(">IIIII")
_MAX_INTEGER = 2**62


class Privilege(IntFlag):
    """The eight rights of a PrivateMapKey."""

    CREATE_ROOM = 1
    ENTER = 2
    SEND_AUDIO = 4
    RECEIVE_AUDIO = 8
    SEND_VIDEO = 16
    RECEIVE_VIDEO = 32
    SEND_SCREEN = 64
    RECEIVE_SCREEN = 128
    ALL = 255


@dataclass(frozen=True, slots=True)
class VerifiedUserSig:
    """A UserSig whose signature and times hold. Times in Unix seconds; `key_index` says which secret key signed."""

    sdk_app_id: int
    user_id: str
    issued_at: int
    expires_at: int
    key_index: int


@dataclass(frozen=True, slots=True)
class VerifiedPrivateMapKey:
    """A PrivateMapKey whose signature, times, user, application and room hold."""

    user_id: str
    room: RoomId
    privileges: Privilege
    issued_at: int
    expires_at: int


class _Document(msgspec.Struct, frozen=True):
    """The JSON inside. Unknown members are let pass, as the official verifier does; they are not signed and not used."""

    version: str = msgspec.field(name="TLS.ver")
    identifier: str = msgspec.field(name="TLS.identifier")
    sdkappid: Annotated[int, msgspec.Meta(ge=0, le=_MAX_INTEGER)] = msgspec.field(name="TLS.sdkappid")
    time: Annotated[int, msgspec.Meta(ge=0, le=_MAX_INTEGER)] = msgspec.field(name="TLS.time")
    expire: Annotated[int, msgspec.Meta(ge=0, le=_MAX_INTEGER)] = msgspec.field(name="TLS.expire")
    sig: str = msgspec.field(name="TLS.sig")
    userbuf: str | None = msgspec.field(name="TLS.userbuf", default=None)


@dataclass(frozen=True, slots=True)
class _Codes:
    """Which refusals a kind of ticket gives."""

    malformed: ErrorCode
    expired: ErrorCode
    bad_signature: ErrorCode
    wrong_user: ErrorCode
    wrong_application: ErrorCode


_USER_SIG = _Codes(
    ErrorCode.USER_SIG_MALFORMED,
    ErrorCode.USER_SIG_EXPIRED,
    ErrorCode.USER_SIG_BAD_SIGNATURE,
    ErrorCode.USER_SIG_WRONG_USER,
    ErrorCode.USER_SIG_WRONG_APPLICATION,
)
_PRIVATE_MAP_KEY = _Codes(
    ErrorCode.PRIVATE_MAP_KEY_MALFORMED,
    ErrorCode.PRIVATE_MAP_KEY_EXPIRED,
    ErrorCode.PRIVATE_MAP_KEY_BAD_SIGNATURE,
    ErrorCode.PRIVATE_MAP_KEY_WRONG_USER,
    ErrorCode.PRIVATE_MAP_KEY_WRONG_APPLICATION,
)


def sign_user_sig(
    *,
    secret_key: str,
    sdk_app_id: int,
    user_id: str,
    issued_at: int,
    expire: int,
    userbuf: bytes | None = None,
) -> str:
    """Signs a UserSig.

    Args:
        secret_key: the application's SecretKey as text (it is not hex-decoded, though it looks like hex).
        sdk_app_id: the application.
        user_id: 1 to 32 characters of `a-zA-Z0-9_-`.
        issued_at: Unix seconds.
        expire: life in seconds, from `issued_at` on.
        userbuf: bytes to sign along; only PrivateMapKeys have them.

    Raises:
        Refusal: the user id or application id is not valid.
    """
    check_user_id(user_id)
    check_sdk_app_id(sdk_app_id)
    encoded = None if userbuf is None else base64.b64encode(userbuf).decode()
    document = {
        "TLS.ver": "2.0",
        "TLS.identifier": user_id,
        "TLS.sdkappid": sdk_app_id,
        "TLS.expire": expire,
        "TLS.time": issued_at,
        "TLS.sig": _signature(secret_key, user_id, sdk_app_id, issued_at, expire, encoded),
    }
    if encoded is not None:
        document["TLS.userbuf"] = encoded
    packed = zlib.compress(msgspec.json.encode(document))
    return base64.b64encode(packed).translate(_TO_TENCENT).decode()


def sign_private_map_key(
    *,
    secret_key: str,
    sdk_app_id: int,
    user_id: str,
    room: RoomId,
    privileges: Privilege,
    issued_at: int,
    expire: int,
) -> str:
    """Signs a PrivateMapKey for one user, room and set of rights; arguments as in `sign_user_sig`."""
    check_room(room)
    userbuf = _pack_userbuf(sdk_app_id, check_user_id(user_id), room, privileges, issued_at + expire)
    return sign_user_sig(
        secret_key=secret_key,
        sdk_app_id=sdk_app_id,
        user_id=user_id,
        issued_at=issued_at,
        expire=expire,
        userbuf=userbuf,
    )


def verify_user_sig(
    token: str, *, secret_keys: Sequence[str], sdk_app_id: int, user_id: str, now: int
) -> VerifiedUserSig:
    """Verifies a UserSig against the application's active secret keys (one, or two during a rotation).

    Raises:
        Refusal: with the first reason found, in the order of the official verifier: unreadable, application, user,
            times, unexpected userbuf, signature.
    """
    document = _read(token, sdk_app_id, user_id, now, _USER_SIG)
    if document.userbuf is not None:
        raise Refusal(ErrorCode.USER_SIG_MALFORMED)
    key_index = _check_signature(document, secret_keys, _USER_SIG)
    return VerifiedUserSig(sdk_app_id, user_id, document.time, document.time + document.expire, key_index)


def verify_private_map_key(
    token: str, *, secret_keys: Sequence[str], sdk_app_id: int, user_id: str, room: RoomId, now: int
) -> VerifiedPrivateMapKey:
    """Verifies a PrivateMapKey for this user, application and room. Raises `Refusal` with the reason."""
    document = _read(token, sdk_app_id, user_id, now, _PRIVATE_MAP_KEY)
    _check_signature(document, secret_keys, _PRIVATE_MAP_KEY)
    account, app, buffer_room, privileges, expires_at = _unpack_userbuf(document.userbuf)
    if account != user_id:
        raise Refusal(ErrorCode.PRIVATE_MAP_KEY_WRONG_USER)
    if app != sdk_app_id:
        raise Refusal(ErrorCode.PRIVATE_MAP_KEY_WRONG_APPLICATION)
    if buffer_room != room:
        raise Refusal(ErrorCode.PRIVATE_MAP_KEY_WRONG_ROOM)
    if now > expires_at:
        raise Refusal(ErrorCode.PRIVATE_MAP_KEY_EXPIRED)
    ends = min(expires_at, document.time + document.expire)
    return VerifiedPrivateMapKey(user_id, room, privileges, document.time, ends)


def _read(token: str, sdk_app_id: int, user_id: str, now: int, codes: _Codes) -> _Document:
    document = _inflate(token, codes)
    if document.version != "2.0":
        raise Refusal(codes.malformed)
    if document.sdkappid != sdk_app_id:
        raise Refusal(codes.wrong_application)
    check_user_id(user_id)
    if not hmac.compare_digest(document.identifier.encode(), user_id.encode()):
        raise Refusal(codes.wrong_user)
    if document.time > now + MAX_FUTURE_SECONDS:
        raise Refusal(ErrorCode.USER_SIG_FROM_THE_FUTURE)
    if document.expire > MAX_USER_SIG_LIFE_SECONDS:
        raise Refusal(ErrorCode.USER_SIG_LIFE_TOO_LONG)
    if now > document.time + document.expire:
        raise Refusal(codes.expired)
    return document


def _inflate(token: str, codes: _Codes) -> _Document:
    if len(token) > MAX_USER_SIG_BYTES or len(token) % 4 or not _TENCENT_BASE64.fullmatch(token):
        raise Refusal(codes.malformed)
    try:
        packed = base64.b64decode(token.encode().translate(_FROM_TENCENT), validate=True)
        inflater = zlib.decompressobj()
        text = inflater.decompress(packed, MAX_USER_SIG_INFLATED_BYTES)
        if not inflater.eof or inflater.unused_data:
            raise Refusal(codes.malformed)
        return msgspec.json.decode(text, type=_Document)
    except (binascii.Error, zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(codes.malformed) from error


def _check_signature(document: _Document, secret_keys: Sequence[str], codes: _Codes) -> int:
    """Compares with every active key, so that the time taken does not tell which one is in use."""
    found = -1
    given = document.sig.encode()
    for index, key in enumerate(secret_keys):
        expected = _signature(
            key, document.identifier, document.sdkappid, document.time, document.expire, document.userbuf
        )
        if hmac.compare_digest(expected.encode(), given) and found < 0:
            found = index
    if found < 0:
        raise Refusal(codes.bad_signature)
    return found


def _signature(
    secret_key: str, user_id: str, sdk_app_id: int, time: int, expire: int, userbuf: str | None
) -> str:
    text = f"TLS.identifier:{user_id}\nTLS.sdkappid:{sdk_app_id}\nTLS.time:{time}\nTLS.expire:{expire}\n"
    if userbuf is not None:
        text += f"TLS.userbuf:{userbuf}\n"
    return base64.b64encode(hmac.digest(secret_key.encode(), text.encode(), "sha256")).decode()


def _pack_userbuf(
    sdk_app_id: int, user_id: str, room: RoomId, privileges: Privilege, expires_at: int
) -> bytes:
    account = user_id.encode()
    number = int(room.id) if room.kind is RoomKind.NUMBER else 0
    version = 0 if room.kind is RoomKind.NUMBER else 1
    packed = struct.pack(">BH", version, len(account)) + account
    packed += _FIXED.pack(sdk_app_id, number, expires_at, int(privileges), 0)
    if room.kind is RoomKind.STRING:
        packed += struct.pack(">H", len(room.id)) + room.id.encode()
    return packed


def _unpack_userbuf(encoded: str | None) -> tuple[str, int, RoomId, Privilege, int]:
    """Returns account, application, room, rights and expiry; every byte must be accounted for."""
    try:
        packed = base64.b64decode((encoded or "").encode(), validate=True)
        version, account_length = struct.unpack_from(">BH", packed)
        account = packed[3 : 3 + account_length].decode("ascii")
        app, number, expires_at, privileges, _ = _FIXED.unpack_from(packed, 3 + account_length)
        rest = packed[3 + account_length + _FIXED.size :]
        room = _room_of_userbuf(version, number, rest)
        return account, app, room, Privilege(privileges & Privilege.ALL), expires_at
    except (ValueError, struct.error, Refusal) as error:
        raise Refusal(ErrorCode.PRIVATE_MAP_KEY_MALFORMED) from error


def _room_of_userbuf(version: int, number: int, rest: bytes) -> RoomId:
    if version == 0 and not rest:
        return check_room(RoomId(RoomKind.NUMBER, str(number)))
    if version == 1:
        (length,) = struct.unpack_from(">H", rest)
        if len(rest) == 2 + length and number == 0:
            return check_room(RoomId(RoomKind.STRING, rest[2:].decode("ascii")))
    raise Refusal(ErrorCode.PRIVATE_MAP_KEY_MALFORMED)

# SPDX-License-Identifier: Apache-2.0
"""TC3-HMAC-SHA256, with which an account's API key signs: TRTC's API and our own, told apart by the service in the credential scope.

The canonical request is method, path, query, the signed headers, their names, and the hash of the payload
(tencentcloud-sdk-python-common 3.1, `sign.py` and `abstract_client.py`). Pure: time is an argument.
"""

import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

ALGORITHM = "TC3-HMAC-SHA256"
WINDOW_SECONDS = 300
"""How far the client's clock may be off, both ways, as TRTC documents it. Wider lets a stolen request live longer."""
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_ALWAYS_SIGNED = frozenset({"content-type", "host"})

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=([A-Za-z0-9_-]{{1,128}})/(\d{{4}}-\d{{2}}-\d{{2}})/([a-z0-9]{{1,32}})/tc3_request, ?"
    r"SignedHeaders=([a-z0-9;-]{1,512}), ?Signature=([0-9a-f]{64})",
    re.ASCII,
)


class Fault(StrEnum):
    """What is wrong with a signature."""

    AUTHORIZATION = "authorization_invalid"
    TIME_MISSING = "timestamp_missing"
    TIME_INVALID = "timestamp_invalid"
    EXPIRED = "signature_expired"
    SIGNATURE = "signature_invalid"
    USED = "signature_used"


class SigningError(Exception):
    """A request that is not signed as it must be. `sentence` goes to the caller, and holds nothing that he did not send."""

    def __init__(self, fault: Fault, sentence: str) -> None:
        super().__init__(f"{fault.value}: {sentence}")
        self.fault = fault
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Scheme:
    """What one API wants of signatures. **A signature for one service opens no other.**"""

    service: str
    lenient: bool = False
    """Whether the payload may be left unsigned, and values be signed in lower case: as TRTC's SDKs and documentation do."""


class Headers:
    """The headers of one request, by lower-case name. A name that comes twice cannot be asked for: who signed which?"""

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, str] = {}
        self._twice: set[str] = set()
        for raw, value in pairs:
            name = raw.decode("latin-1").lower()
            if name in self._values:
                self._twice.add(name)
            self._values[name] = value.decode("latin-1").strip()

    def get(self, name: str) -> str:
        """The value, '' where there is none; raises `SigningError` for a header that is there twice."""
        if name in self._twice:
            raise SigningError(Fault.AUTHORIZATION, f"The header `{name}` is there more than once.")
        return self._values.get(name, "")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its signature. **Nothing of it is verified yet**, but its time."""

    secret_id: str
    scheme: Scheme
    date: str
    signed: tuple[str, ...]
    signature: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Signed:
    """What a verified signature covers. `mark` tells this signature from any other of its key."""

    mark: bytes
    timestamp: int
    covers_payload: bool


def read_claim(headers: Headers, now: float, scheme: Scheme) -> Claim:
    """Reads `Authorization` and `X-TC-Timestamp`; costs no key and no hash.

    Raises:
        SigningError: not such a signature, another service's, or one from another time.
    """
    match = _AUTHORIZATION.fullmatch(headers.get("authorization"))
    if match is None:
        raise SigningError(
            Fault.AUTHORIZATION,
            f"The Authorization header is not one of {ALGORITHM}. Sign with that method; older ones are not taken.",
        )
    secret_id, date, service, names, signature = match.groups()
    signed = tuple(names.split(";"))
    if list(signed) != sorted(set(signed)) or not set(signed) >= _ALWAYS_SIGNED:
        raise SigningError(
            Fault.AUTHORIZATION,
            "SignedHeaders must be in ascending order and hold `content-type` and `host`.",
        )
    if service != scheme.service:
        raise SigningError(
            Fault.AUTHORIZATION, f"The credential scope must name the service `{scheme.service}`."
        )
    timestamp = _timestamp(headers, now)
    if date != _utc_date(timestamp):
        raise SigningError(
            Fault.AUTHORIZATION,
            "The date of the credential scope is not the UTC date of `X-TC-Timestamp`.",
        )
    return Claim(secret_id, scheme, date, signed, signature, timestamp)


def _timestamp(headers: Headers, now: float) -> int:
    text = headers.get("x-tc-timestamp")
    if not text:
        raise SigningError(Fault.TIME_MISSING, "The request is missing a required parameter `Timestamp`.")
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise SigningError(Fault.TIME_INVALID, "`Timestamp` is not a number of Unix seconds.")
    if abs(now - int(text)) > WINDOW_SECONDS:
        raise SigningError(
            Fault.EXPIRED,
            "`Timestamp` is more than five minutes from this server's clock. Set the clock of the machine that signs.",
        )
    return int(text)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: `path` and `query` as they stood on the wire. `apart`: what tells requests apart whose payload is not signed."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    apart: str = ""


def verify(claim: Claim, secret_key: str, request: Request) -> Signed:
    """Verifies the signature against the request.

    Raises:
        SigningError: `Fault.SIGNATURE`, and nothing about why.
    """
    headers, lenient = request.headers, claim.scheme.lenient
    covers_payload = not lenient or headers.get("x-tc-content-sha256") != UNSIGNED_PAYLOAD
    payload = hashlib.sha256(request.body if covers_payload else UNSIGNED_PAYLOAD.encode()).hexdigest()
    values = [headers.get(name) for name in claim.signed]
    # The documentation wants values in lower case, the SDKs sign them as they are.
    written = (values, [value.lower() for value in values]) if lenient else (values,)
    expected = [
        _signature(claim, secret_key, _canonical(request, claim.signed, one, payload)) for one in written
    ]
    # All are compared, whichever fits, in constant time.
    fits = [hmac.compare_digest(one, claim.signature) for one in expected]
    if not any(fits):
        raise SigningError(
            Fault.SIGNATURE,
            "The signature does not fit the request. Check the secret key, and that no proxy changes host, path or body.",
        )
    mark = hashlib.sha256(claim.signature.encode())
    if not covers_payload:
        # Every request of one second has the same signature then; what tells them apart is what they say.
        mark.update(
            f"\n{request.apart}\n".encode() + hashlib.sha256(request.body).digest() + request.query.encode()
        )
    return Signed(mark.digest()[:16], claim.timestamp, covers_payload)


def _canonical(request: Request, names: Sequence[str], values: Sequence[str], payload: str) -> str:
    lines = "".join(f"{name}:{value}\n" for name, value in zip(names, values, strict=True))
    return f"{request.method}\n{request.path}\n{request.query}\n{lines}\n{';'.join(names)}\n{payload}"


def _signature(claim: Claim, secret_key: str, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    service = claim.scheme.service
    scope = f"{claim.date}/{service}/tc3_request"
    key = _hmac(f"TC3{secret_key}".encode(), claim.date)
    for part in (service, "tc3_request"):
        key = _hmac(key, part)
    return _hmac(key, f"{ALGORITHM}\n{claim.timestamp}\n{scope}\n{digest}").hex()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _utc_date(timestamp: int) -> str:
    return dt.datetime.fromtimestamp(timestamp, dt.UTC).strftime("%Y-%m-%d")

# SPDX-License-Identifier: Apache-2.0
"""Signatures as the official SDKs make them (`accounts.signing`), with TRTC's codes for what is wrong with one.

SDKs sign the headers `content-type` and `host` alone, so the action is **not** covered; who signs `x-tc-action` too is better protected.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sealroom.accounts import signing
from sealroom.accounts.signing import WINDOW_SECONDS, Claim, Fault, Scheme, Signed, SigningError
from sealroom.trtc_api.errors import ApiError, Code

__all__ = ["WINDOW_SECONDS", "Claim", "Headers", "Signed", "read_claim", "verify"]

SCHEME = Scheme("trtc", lenient=True)
_CODES = {
    Fault.AUTHORIZATION: Code.INVALID_AUTHORIZATION,
    Fault.TIME_MISSING: Code.MISSING_PARAMETER,
    Fault.TIME_INVALID: Code.INVALID_PARAMETER,
    Fault.EXPIRED: Code.SIGNATURE_EXPIRE,
    Fault.SIGNATURE: Code.SIGNATURE_FAILURE,
    Fault.USED: Code.SIGNATURE_EXPIRE,
}


class Headers(signing.Headers):
    """The headers of one request; a fault in them is told in TRTC's way."""

    def get(self, name: str) -> str:
        """The value, '' where there is none; raises `ApiError` for a header that is there twice."""
        with _told():
            return super().get(name)


def read_claim(headers: Headers, now: float) -> Claim:
    """What a request says of its signature. Raises `ApiError`."""
    with _told():
        return signing.read_claim(headers, now, SCHEME)


def verify(
    claim: Claim, secret_key: str, *, method: str, query: str, headers: Headers, body: bytes, action: str
) -> Signed:
    """Verifies the signature against the request as it came. Raises `ApiError`: `AuthFailure.SignatureFailure`, and nothing about why."""
    with _told():
        return signing.verify(claim, secret_key, signing.Request(method, "/", query, headers, body, action))


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except SigningError as error:
        raise ApiError(_CODES[error.fault], error.sentence) from error

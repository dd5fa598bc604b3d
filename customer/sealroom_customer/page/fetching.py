# SPDX-License-Identifier: Apache-2.0
"""Fetches files of a page over connections of its own, bounded in time and size. Follows no redirect, keeps no cookie."""

import http.client
import ssl
import time
import zlib
from dataclasses import dataclass
from urllib.parse import SplitResult

import brotli

from sealroom_customer.page.browsers import IDENTITY, Asking
from sealroom_customer.page.faults import Fault, NotServed

_SILENCE_SECONDS = 10.0
"""Without a byte. Higher forgives slow servers; a hostile one may hold each answer for so long."""
_ANSWER_SECONDS = 60.0
"""For one whole answer."""
_CHUNK = 64 * 1024
_FRAMING_BYTES = 4096
"""What an encoding may add to content that cannot be compressed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, its body decoded."""

    headers: tuple[tuple[str, str], ...]
    """Names in lower case."""
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    def one(self, name: str) -> str | None:
        """A header that must stand there once; None when it does not."""
        values = self.all(name)
        return values[0] if len(values) == 1 else None


class Fetcher:
    """Asks one server. Every asking of another browser goes over another connection."""

    def __init__(self, origin: SplitResult, context: ssl.SSLContext | None) -> None:
        """`context` for https; a plain origin has none."""
        self._origin = origin
        self._context = context
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def close(self) -> None:
        """Ends every connection."""
        for connection in self._connections.values():
            connection.close()

    def fetch(self, asking: Asking, most: int) -> Answer:
        """A 200 whose decoded body has at most `most` bytes. Raises NotServed for any other."""
        try:
            # `read1` leaves a response open that it has read whole, and the connection with it.
            with self._asked(asking) as response:
                _check_status(response)
                body = _read(response, most + _FRAMING_BYTES, time.monotonic() + _ANSWER_SECONDS)
        except (NotServed, OSError, http.client.HTTPException) as error:
            self._drop(asking)
            raise _refused(error) from None
        headers = tuple((name.lower(), value.strip()) for name, value in response.getheaders())
        answer = Answer(headers, body)
        return Answer(headers, _decoded(answer, asking, most))

    def _asked(self, asking: Asking) -> http.client.HTTPResponse:
        kept = asking.browser.name in self._connections
        try:
            return self._ask(asking)
        except (ConnectionError, http.client.RemoteDisconnected):
            # The server may have closed a connection that was kept; a new one tells.
            self._drop(asking)
            if not kept:
                raise
        return self._ask(asking)

    def _ask(self, asking: Asking) -> http.client.HTTPResponse:
        connection = self._connections.get(asking.browser.name)
        if connection is None:
            connection = self._connections[asking.browser.name] = self._connection()
        connection.request("GET", asking.path, headers=asking.headers)
        return connection.getresponse()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._origin.hostname or "", self._origin.port
        if self._context is None:
            return http.client.HTTPConnection(host, port, timeout=_SILENCE_SECONDS)
        return http.client.HTTPSConnection(host, port, timeout=_SILENCE_SECONDS, context=self._context)

    def _drop(self, asking: Asking) -> None:
        connection = self._connections.pop(asking.browser.name, None)
        if connection is not None:
            connection.close()


def _refused(error: Exception) -> NotServed:
    if isinstance(error, NotServed):
        return error
    if isinstance(error, ssl.SSLError):
        return NotServed(Fault.TLS_FAILED, getattr(error, "verify_message", error.reason) or "")
    if isinstance(error, TimeoutError):
        return NotServed(Fault.TOO_SLOW)
    return NotServed(Fault.UNREACHABLE, type(error).__name__)


def _read(response: http.client.HTTPResponse, most: int, deadline: float) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > most:
            raise NotServed(Fault.TOO_LARGE, f"more than {most} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError
    if response.length:
        raise http.client.IncompleteRead(bytes(body))
    return bytes(body)


def _check_status(response: http.client.HTTPResponse) -> None:
    if 300 <= response.status < 400:
        raise NotServed(Fault.REDIRECTED, f"{response.status} to {response.getheader('location', '?')[:200]}")
    if response.status in (404, 410):
        raise NotServed(Fault.FILE_MISSING, str(response.status))
    if response.status != 200:
        raise NotServed(Fault.STATUS_UNEXPECTED, str(response.status))


def _decoded(answer: Answer, asking: Asking, most: int) -> bytes:
    encodings = ", ".join(answer.all("content-encoding")).lower() or IDENTITY
    if encodings != IDENTITY and encodings not in asking.encodings.split(", "):
        raise NotServed(Fault.ENCODING_UNEXPECTED, encodings[:100])
    if encodings == IDENTITY:
        body = answer.body
    elif encodings == "gzip":
        body = _gunzipped(answer.body, most)
    elif encodings == "br":
        body = _unbrotlied(answer.body, most)
    else:
        # Browsers take these, but the page's own server never sends them.
        raise NotServed(Fault.ENCODING_UNEXPECTED, encodings[:100])
    if len(body) > most:
        raise NotServed(Fault.TOO_LARGE, f"more than {most} bytes")
    return body


def _gunzipped(content: bytes, most: int) -> bytes:
    decoder = zlib.decompressobj(wbits=31)
    try:
        body = decoder.decompress(content, most + 1)
    except zlib.error:
        raise NotServed(Fault.ENCODING_BROKEN, "gzip") from None
    # What stands behind the first member is content too, to some browsers.
    if len(body) <= most and (not decoder.eof or decoder.unused_data):
        raise NotServed(Fault.ENCODING_BROKEN, "gzip")
    return body


def _unbrotlied(content: bytes, most: int) -> bytes:
    decoder = brotli.Decompressor()
    body = bytearray()
    try:
        body += decoder.process(content, output_buffer_limit=most + 1)
        while not decoder.can_accept_more_data() and len(body) <= most:
            body += decoder.process(b"", output_buffer_limit=most + 1)
    except brotli.error:
        raise NotServed(Fault.ENCODING_BROKEN, "br") from None
    if len(body) <= most and not decoder.is_finished():
        raise NotServed(Fault.ENCODING_BROKEN, "br")
    return bytes(body)

# SPDX-License-Identifier: Apache-2.0
"""The built files, in memory: by path, with their hash, compressed forms and headers."""

import hashlib
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sealroom_customer.http.asgi import Receive, Scope, Send, answer, header
from sealroom_customer.page.policy import FIXED_HEADERS, STRICT_TRANSPORT, content_security_policy

STATIC = Path(__file__).parent / "static"
INDEX = "/index.html"

_HASHED = re.compile(r"/assets/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9.]+")
"""Names that the bundler derives from the content: such a file never changes."""
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
_NOT_BUILT = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>The call page is not built</title>
<h1>The call page is not built</h1>
<p>This installation has no call page in it. In a checkout, run <code>make web</code> and reload.</p>
"""


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is served."""

    kind: str
    etag: str
    forever: bool
    forms: dict[str, bytes]
    """The content by encoding; `identity` is always there."""


def load(folder: Path) -> dict[str, File]:
    """Every built file by its URL path. Links that lead out of the folder are not followed."""
    files: dict[str, File] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if (
            path.is_file()
            and path.suffix not in (".br", ".gz")
            and path.resolve().is_relative_to(folder.resolve())
        ):
            files["/" + path.relative_to(folder).as_posix()] = _file(path, folder)
    if INDEX in files:
        files["/"] = files[INDEX]
    return files


def _file(path: Path, folder: Path) -> File:
    content = path.read_bytes()
    forms = {"identity": content}
    for encoding, suffix in _ENCODINGS:
        compressed = path.with_name(path.name + suffix)
        if compressed.is_file():
            forms[encoding] = compressed.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    name = "/" + path.relative_to(folder).as_posix()
    return File(kind, hashlib.sha256(content).hexdigest()[:32], bool(_HASHED.fullmatch(name)), forms)


class Page:
    """Serves the call page, as an ASGI application for the scope `http`.

    `connect` are the WebSocket origins the page may talk to beside its own. A build that changes on disk is taken up, so
    that `make web` needs no restart. `strict_transport` is what browsers are told over https; None tells them nothing.
    """

    def __init__(
        self,
        connect: Sequence[str],
        folder: Path = STATIC,
        *,
        strict_transport: str | None = STRICT_TRANSPORT,
    ) -> None:
        """Raises ConfigurationError when `connect` holds something that is not an origin."""
        self._folder = folder
        self._policy = content_security_policy(connect)
        self._strict_transport = strict_transport
        self._files: dict[str, File] = {}
        self._built: tuple[int, ...] | None = None

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answers GET and HEAD."""
        if scope["method"] not in ("GET", "HEAD"):
            await answer(send, 405, [*self._headers(scope), ("allow", "GET, HEAD")], b"")
            return
        self._take_up_build()
        file = self._files.get(scope["path"])
        if not self._files:
            await self._plain(scope, send, 503, _NOT_BUILT)
        elif file is None:
            await self._plain(
                scope, send, 404, b"<!doctype html><title>Not found</title><h1>Not found</h1>\n"
            )
        else:
            await self._serve(scope, send, file)

    def _take_up_build(self) -> None:
        built = self._stamps()
        if built != self._built or not self._files:
            self._built = built
            self._files = load(self._folder) if built is not None else {}

    def _stamps(self) -> tuple[int, ...] | None:
        """When it was built, and signed; None for no build."""
        try:
            built = (self._folder / "index.html").stat().st_mtime_ns
        except OSError:
            return None
        # Signing comes later, and changes no other file.
        return built, *(note.stat().st_mtime_ns for note in self._folder.glob("manifest.json.note"))

    def _headers(self, scope: Scope) -> list[tuple[str, str]]:
        headers = [*FIXED_HEADERS, ("content-security-policy", self._policy)]
        if scope.get("scheme") == "https" and self._strict_transport is not None:
            headers.append(("strict-transport-security", self._strict_transport))
        return headers

    async def _plain(self, scope: Scope, send: Send, status: int, body: bytes) -> None:
        headers = [
            *self._headers(scope),
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
        ]
        await answer(send, status, headers, b"" if scope["method"] == "HEAD" else body)

    async def _serve(self, scope: Scope, send: Send, file: File) -> None:
        encoding = _encoding_of(header(scope, b"accept-encoding") or "", file)
        etag = f'"{file.etag}-{encoding}"'
        headers = [
            *self._headers(scope),
            ("content-type", file.kind),
            ("cache-control", "public, max-age=31536000, immutable" if file.forever else "no-cache"),
            ("etag", etag),
            ("vary", "accept-encoding"),
        ]
        if etag in [one.strip() for one in (header(scope, b"if-none-match") or "").split(",")]:
            await _without_body(send, 304, headers)
            return
        if encoding != "identity":
            headers.append(("content-encoding", encoding))
        body = file.forms[encoding]
        if scope["method"] == "HEAD":
            await _without_body(send, 200, [*headers, ("content-length", str(len(body)))])
        else:
            await answer(send, 200, headers, body)


async def _without_body(send: Send, status: int, headers: Sequence[tuple[str, str]]) -> None:
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": b""})


def _encoding_of(accepted: str, file: File) -> str:
    """The best form that the browser takes; a coding with `q=0` is not taken (RFC 9110 section 12.5.3)."""
    taken: set[str] = set()
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if not re.fullmatch(r"q=0(\.0*)?", weight.replace(" ", "")):
            taken.add(name.strip())
    return next((name for name, _ in _ENCODINGS if name in taken and name in file.forms), "identity")

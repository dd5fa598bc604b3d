# SPDX-License-Identifier: Apache-2.0
"""Serves the built page from memory: the files are read once, so a request can never reach the file system."""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"
MISSING = (
    b"<!doctype html><meta charset=utf-8><title>Sealroom</title>"
    b"<p>The call page is not built. Run <code>make web</code> in the checkout, then start again."
)
ENCODINGS = {".br": "br", ".gz": "gzip"}


@dataclass(frozen=True, slots=True)
class File:
    """One file with its compressed forms, by content coding."""

    media_type: str
    etag: str
    forms: dict[str, bytes]
    immutable: bool
    """Its name carries a hash of its content."""


def content_security_policy(connect: tuple[str, ...]) -> str:
    """The policy of the page. `connect`: origins of the operator and the authority, beside our own."""
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "worker-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob: data:",
        "media-src": "'self' blob: mediastream:",
        "connect-src": " ".join(("'self'", *connect)),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "sealroom",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def security_headers(connect: tuple[str, ...]) -> dict[str, str]:
    """Headers that go with every answer of the page's origin."""
    return {
        "Content-Security-Policy": content_security_policy(connect),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    }


def load(folder: Path = STATIC) -> dict[str, File]:
    """Every file by its URL path; `/` is the page itself. Without a build only a page that says so."""
    if not (folder / "index.html").exists():
        return {"/": File("text/html; charset=utf-8", '"missing"', {"identity": MISSING}, immutable=False)}
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in ENCODINGS:
            name = path.relative_to(folder).as_posix()
            found["/" if name == "index.html" else f"/{name}"] = _file(
                path, immutable=name.startswith("assets/")
            )
    return found


def _file(path: Path, *, immutable: bool) -> File:
    forms = {"identity": path.read_bytes()}
    for suffix, coding in ENCODINGS.items():
        packed = path.with_name(path.name + suffix)
        if packed.exists():
            forms[coding] = packed.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    kind = "text/javascript" if path.suffix == ".js" else kind
    charset = "; charset=utf-8" if kind.startswith("text/") else ""
    return File(kind + charset, f'"{hashlib.sha256(forms["identity"]).hexdigest()[:32]}"', forms, immutable)


def choose(file: File, accept_encoding: str) -> tuple[str, bytes]:
    """The form to send for an Accept-Encoding header, and its content coding."""
    offered = {
        part.split(";")[0].strip()
        for part in accept_encoding.lower().split(",")
        if "q=0" not in part.replace("q=0.", "")
    }
    for coding in ("br", "gzip"):
        if coding in offered and coding in file.forms:
            return coding, file.forms[coding]
    return "identity", file.forms["identity"]

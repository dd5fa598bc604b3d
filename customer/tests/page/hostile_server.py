# SPDX-License-Identifier: Apache-2.0
"""A built and signed page, and a server of it that changes what it likes before it answers."""

import dataclasses
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import brotli
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealroom_customer.http.asgi import App, Message, Receive, Scope, Send, header
from sealroom_customer.page import Page
from sealroom_customer.page.files import load
from sealroom_customer.page.manifest import Manifest, ManifestFile, sign_manifest
from sealroom_customer.signing.notes import note_key
from sealroom_wire.notes import NoteKey

NAME = "call.example/page"
SCRIPT, WORKER, STYLE = (
    "/assets/index-Ct75jzQF.js",
    "/assets/worker-BHyGAKXT.js",
    "/assets/index-ITyky64b.css",
)
CONTENT = {
    "/index.html": f'<!doctype html><title>Call</title><link rel="icon" href="data:," /><link rel="stylesheet" href="{STYLE}">'
    f'<script type="module" crossorigin src="{SCRIPT}"></script>',
    SCRIPT: f"let a = 1; new Worker(new URL(`{WORKER}`, location.href));" + "let filler = 2;" * 40,
    WORKER: "onmessage = () => 1;" * 40,
    STYLE: "body { color: red }",
}


@dataclass
class Release:
    """A build on disk with the key that signs it."""

    folder: Path
    version: str = "1.2.3"
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def build(self, content: dict[str, str] | None = None) -> "Release":
        """Writes files, compressed forms, manifest and note."""
        for path, text in (content or CONTENT).items():
            file = self.folder / path[1:]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            if path != STYLE:
                Path(f"{file}.gz").write_bytes(gzip.compress(text.encode()))
                Path(f"{file}.br").write_bytes(brotli.compress(text.encode()))
        files = tuple(
            ManifestFile(path, hashlib.sha256(octets).hexdigest(), len(octets), file.kind)
            for path, file in sorted(load(self.folder).items())
            if path != "/" and "manifest" not in path and (octets := file.forms["identity"]) is not None
        )
        octets = msgspec.json.encode(Manifest("sealroom-page/1", self.version, files)) + b"\n"
        self.manifest.write_bytes(octets)
        self.note.write_bytes(sign_manifest(octets, NAME, self.key))
        return self

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    @property
    def note(self) -> Path:
        return self.folder / "manifest.json.note"

    @property
    def public(self) -> NoteKey:
        return note_key(NAME, self.key)


@dataclass(frozen=True)
class Answered:
    """What is about to be sent, and what was asked."""

    path: str
    query: str
    asked: dict[str, str]
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def with_header(self, name: str, *values: str) -> "Answered":
        """`name` as often as there are values."""
        others = tuple(pair for pair in self.headers if pair[0] != name)
        return dataclasses.replace(self, headers=others + tuple((name, value) for value in values))

    def with_body(self, body: bytes, encoding: str | None = None) -> "Answered":
        """Another body, in another encoding or none."""
        encodings = () if encoding is None else (encoding,)
        changed = self.with_header("content-encoding", *encodings).with_header(
            "content-length", str(len(body))
        )
        return dataclasses.replace(changed, body=body)

    @property
    def policy(self) -> str:
        return dict(self.headers)["content-security-policy"]


def served(release: Release, change: Callable[[Answered], Answered], connect: tuple[str, ...] = ()) -> App:
    """The page as it is served by somebody who changes answers."""
    page = Page(connect, release.folder)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await page(scope, receive, keep)
        asked = {name: header(scope, name.encode()) or "" for name in _ASKED}
        headers = tuple((name.decode(), value.decode()) for name, value in sent[0]["headers"])
        query = scope["query_string"].decode()
        answer = Answered(scope["path"], query, asked, sent[0]["status"], headers, sent[1]["body"])
        answer = change(answer)
        encoded = [(name.encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
        await send({"type": "http.response.body", "body": answer.body})

    return app


_ASKED = ("accept-encoding", "user-agent", "sec-fetch-dest")

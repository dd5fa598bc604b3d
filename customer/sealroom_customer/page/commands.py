# SPDX-License-Identifier: Apache-2.0
"""`sealroom-customer verify-page` and `sign-page`."""

import ssl
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from sealroom_customer import __version__
from sealroom_customer.authority.identity import signing_key
from sealroom_customer.errors import ConfigurationError, StartError
from sealroom_customer.http.addresses import over_tls_or_on_loopback
from sealroom_customer.page.comparing import Expected
from sealroom_customer.page.files import STATIC
from sealroom_customer.page.manifest import MANIFEST, NOTE, ManifestInvalid, sign_manifest
from sealroom_customer.page.policy import content_security_policy
from sealroom_customer.page.release_keys import RELEASE_KEYS
from sealroom_customer.page.verifying import Address, Finding, Report, Trust, Verdict, verify
from sealroom_customer.signing.notes import note_key
from sealroom_wire.notes import NoteKey

_EXIT = {Verdict.HOLDS: 0, Verdict.DIFFERS: 1, Verdict.NOT_VOUCHED_FOR: 3}
_MOST_ROUNDS = 50
_CONCLUSION = {
    Verdict.HOLDS: "holds: every answer was the release {version}, vouched for by {signer}.",
    Verdict.DIFFERS: "differs: what is served is not shown to be a release.",
    Verdict.NOT_VOUCHED_FOR: "not vouched for: every answer was what the server's own manifest says, and nobody trusted has signed that.",
}
_LIMIT = "This is what the server gave to this machine. It cannot show that your browser is given the same."


def verify_page(
    url: str,
    *,
    key: Annotated[
        tuple[str, ...],
        Parameter(help="Public key that signs your releases, or a file with it.", negative=""),
    ] = (),
    version: Annotated[
        str, Parameter(help="The release that should be served; `any` for whichever.")
    ] = __version__,
    built: Annotated[
        Path | None, Parameter(help="Folder of a build of your own that should be served, instead of a key.")
    ] = None,
    connect: Annotated[
        tuple[str, ...],
        Parameter(
            help="Origins of operator and authority that the page's policy may name, and no other.",
            negative="",
        ),
    ] = (),
    ca: Annotated[
        Path | None, Parameter(help="PEM file of the authority that the server's certificate is from.")
    ] = None,
    rounds: Annotated[int, Parameter(help="How often each file is asked for in each way.")] = 2,
    as_json: Annotated[bool, Parameter(name="--json", help="Everything, for programs.", negative="")] = False,
) -> int:
    """Compare a served call page with its signed release. Exit 0: all holds; 1: something differs; 3: nobody vouches for it."""
    parts = over_tls_or_on_loopback(url, "https")
    if parts is None or parts.username is not None:
        raise ConfigurationError(
            "page_invalid",
            "The address is neither https nor http on loopback, or it holds a password.",
            "Give the address that people open.",
        )
    if not 1 <= rounds <= _MOST_ROUNDS:
        raise ConfigurationError(
            "rounds_invalid", f"There are 1 to {_MOST_ROUNDS} rounds.", "Give --rounds 2."
        )
    content_security_policy(connect)
    trust = Trust(
        tuple(_key(one) for one in key or RELEASE_KEYS),
        None if version == "any" else version,
        None if built is None else _read(built / MANIFEST.lstrip("/")),
        demanded=bool(key),
    )
    context = _context(ca) if parts.scheme == "https" else None
    report = verify(Address(parts), context, trust, Expected(parts, connect or None), rounds)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
        return _EXIT[report.verdict]
    _tell(report)
    print(_CONCLUSION[report.verdict].format(version=report.version, signer=report.signer))
    print(_LIMIT)
    return _EXIT[report.verdict]


def sign_page(
    *,
    key: Annotated[
        Path, Parameter(help="0600 PEM file with an Ed25519 private key; made when it is not there.")
    ],
    name: Annotated[str, Parameter(help="Name of the key, such as call.example/page; no spaces, no plus.")],
    folder: Annotated[
        Path, Parameter(help="The built page; by default the one of this installation.")
    ] = STATIC,
) -> None:
    """Sign a build of the call page, and print the public key that `verify-page --key` takes."""
    manifest = _read(folder / MANIFEST.lstrip("/"))
    private = signing_key(key)
    try:
        note = sign_manifest(manifest, name, private)
    except ManifestInvalid as error:
        raise StartError(
            "manifest_invalid",
            f"The manifest in {folder} cannot be signed: {error}.",
            "Build the page again: `make web`.",
        ) from error
    except ValueError as error:
        raise ConfigurationError(
            "name_invalid", f"`{name}` cannot be signed with: {error}.", "Give another --name."
        ) from error
    (folder / NOTE.lstrip("/")).write_bytes(note)
    print("signed", folder / NOTE.lstrip("/"), file=sys.stderr)
    print(note_key(name, private))


def _key(text: str) -> NoteKey:
    try:
        # A key has pluses, and two of them; a file's name hardly.
        return NoteKey.parse(text if text.count("+") > 1 else Path(text).read_text("ascii"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            "key_unreadable",
            f"`{text}` is neither a public key nor a file with one.",
            "Give what `sealroom-customer sign-page` printed.",
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartError(
            "file_missing", f"{path} cannot be read.", "Build the page first: `make web`."
        ) from error


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "ca_unreadable", f"{ca} holds no certificates.", "Give a PEM file."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _tell(report: Report) -> None:
    """The report for a person, line by line."""
    for file in report.files:
        mark = "FAULT" if file.findings else "ok   "
        print(f"{mark} {file.path:44} {file.size:>7} bytes  {file.answers:>3} answers  {file.type}")
        _tell_findings(file.findings)
    for finding in report.findings:
        print(f"{'note ' if report.verdict is Verdict.NOT_VOUCHED_FOR else 'FAULT'} the release")
        _tell_findings((finding,))


def _tell_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        detail = f" ({finding.detail})" if finding.detail else ""
        print(f"      {finding.code.value}: {finding.message}{detail}")
        if finding.to:
            more = f" and {len(finding.to) - 1} more" if len(finding.to) > 1 else ""
            print(f"      to {finding.to[0]}{more}")
        print(f"      {finding.action}")

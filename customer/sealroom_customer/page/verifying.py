# SPDX-License-Identifier: Apache-2.0
"""Compares a served call page with its signed release, as far as one who asks the server can.

**It cannot show that your browser was given the same**: a server may know this asker by its address or the order of its questions.
It shows what the server gave to this machine, asked in every way that browsers ask.
"""

import random
import ssl
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult

import msgspec

from sealroom_customer.page.browsers import Asking, askings
from sealroom_customer.page.comparing import Expected
from sealroom_customer.page.faults import NOT_VOUCHED_FOR, TEXTS, Fault, NotServed
from sealroom_customer.page.fetching import Fetcher
from sealroom_customer.page.files import INDEX
from sealroom_customer.page.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    NOTE,
    Manifest,
    ManifestFile,
    ManifestInvalid,
    check_note,
    read_manifest,
)
from sealroom_customer.page.references import scripts_inline, unknown_references
from sealroom_wire.notes import MAX_NOTE_BYTES, NoteKey, NoteNotTrusted

_FORGERY_BYTES = 64 * 1024
"""Beyond a file's size, so that an answer that says more is read and what it refers to is told."""
_JSON = ManifestFile(MANIFEST, "0" * 64, 0, "application/json")


class Verdict(StrEnum):
    """What came of it."""

    HOLDS = "holds"
    NOT_VOUCHED_FOR = "not_vouched_for"
    """All is as the server's own manifest says, but nobody trusted has signed that."""
    DIFFERS = "differs"


class Finding(msgspec.Struct, frozen=True):
    """One fault, and to which askings it happened."""

    code: Fault
    detail: str
    message: str
    action: str
    to: tuple[str, ...] = ()


class FileReport(msgspec.Struct, frozen=True):
    """What was served at one path."""

    path: str
    size: int
    type: str
    answers: int
    findings: tuple[Finding, ...]


class Report(msgspec.Struct, frozen=True):
    """Everything that was found."""

    url: str
    verdict: Verdict
    version: str | None
    signer: str | None
    files: tuple[FileReport, ...]
    findings: tuple[Finding, ...]
    """About the release as a whole."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What vouches for a release: keys, or a manifest of one's own build. `version`: None for any. `demanded`: somebody named
    the keys, so that a release without their signature is not the one that was meant.
    """

    keys: tuple[NoteKey, ...]
    version: str | None
    built: bytes | None = None
    demanded: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """A page's address: its origin, and what people open there."""

    parts: SplitResult

    @property
    def path(self) -> str:
        """Path and query, as a browser asks for them."""
        return (self.parts.path or "/") + (f"?{self.parts.query}" if self.parts.query else "")


def verify(
    address: Address, context: ssl.SSLContext | None, trust: Trust, expected: Expected, rounds: int
) -> Report:
    """Asks for the manifest and for every file of it, `rounds` times in each way."""
    fetcher = Fetcher(address.parts, context)
    try:
        return _Verification(fetcher, address, trust, expected, rounds).report()
    finally:
        fetcher.close()


class _Findings:
    """Faults by what was found, with those it happened to."""

    def __init__(self) -> None:
        self._found: dict[tuple[Fault, str], list[str]] = {}

    def add(self, fault: Fault, detail: str = "", to: Asking | None = None) -> None:
        askers = self._found.setdefault((fault, _printable(detail)), [])
        if to is not None and str(to) not in askers:
            askers.append(str(to))

    def all(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(fault, detail, *TEXTS[fault], tuple(to)) for (fault, detail), to in self._found.items()
        )


class _Verification:
    """One run."""

    def __init__(
        self, fetcher: Fetcher, address: Address, trust: Trust, expected: Expected, rounds: int
    ) -> None:
        self._fetcher = fetcher
        self._address = address
        self._trust = trust
        self._expected = expected
        self._rounds = rounds
        self._page = _Findings()

    def report(self) -> Report:
        manifest, signer = None, None
        files: tuple[FileReport, ...] = ()
        octets = self._same(MANIFEST, MAX_MANIFEST_BYTES, Fault.MANIFEST_MISSING)
        if octets is not None:
            manifest, signer = self._trusted(octets)
        if manifest is not None:
            files = tuple(self._compare(manifest))
        return self._concluded(manifest, signer, files)

    def _same(self, path: str, most: int, missing: Fault) -> bytes | None:
        """What everybody is given at `path`; None, and a finding, when there is nothing or not one thing."""
        given: Counter[bytes | None] = Counter()
        for asking in self._in_any_order(askings(path, _JSON)):
            try:
                given[self._fetcher.fetch(asking, most).body] += 1
            except NotServed as refused:
                if refused.fault is not Fault.FILE_MISSING:
                    self._page.add(refused.fault, f"{path} {refused.detail}", asking)
                    return None
                given[None] += 1
        if len(given) > 1:
            self._page.add(Fault.MANIFEST_DIFFERS, path)
            return None
        (octets,) = given
        if octets is None:
            self._page.add(missing, path)
        return octets

    def _trusted(self, octets: bytes) -> tuple[Manifest | None, str | None]:
        try:
            manifest = read_manifest(octets)
        except ManifestInvalid as error:
            self._page.add(Fault.MANIFEST_INVALID, str(error))
            return None, None
        if self._trust.version is not None and manifest.version != self._trust.version:
            self._page.add(Fault.VERSION_UNEXPECTED, f"{manifest.version}, not {self._trust.version}")
        if self._trust.built is not None:
            return manifest, self._built(octets)
        note = self._same(NOTE, MAX_NOTE_BYTES, Fault.UNSIGNED)
        return manifest, None if note is None else self._signer(octets, note)

    def _built(self, octets: bytes) -> str | None:
        if octets != self._trust.built:
            self._page.add(Fault.MANIFEST_DIFFERS, "from the one of the build named here")
            return None
        return "a build of your own"

    def _signer(self, octets: bytes, note: bytes) -> str | None:
        try:
            return str(check_note(octets, note, self._trust.keys))
        except NoteNotTrusted as error:
            self._page.add(Fault.SIGNATURE_INVALID if error.known else Fault.SIGNER_UNKNOWN, str(error))
            return None

    def _compare(self, manifest: Manifest) -> Iterator[FileReport]:
        """Every file, asked for in one order over all of them, which no server can tell from another."""
        by_path = {file.path: file for file in manifest.files}
        index = by_path[INDEX]
        served = dict.fromkeys(["/", self._address.path], index) | by_path
        found = {path: _Findings() for path in served}
        answers: Counter[str] = Counter()
        for asking in self._in_any_order(ask for path, file in served.items() for ask in askings(path, file)):
            answers[asking.path] += self._ask(asking, served, frozenset(by_path), found[asking.path])
        for path, file in served.items():
            yield FileReport(path, file.size, file.type, answers[path], found[path].all())

    def _ask(
        self, asking: Asking, served: dict[str, ManifestFile], known: frozenset[str], found: _Findings
    ) -> int:
        file = served[asking.path]
        try:
            answer = self._fetcher.fetch(asking, file.size + _FORGERY_BYTES)
        except NotServed as refused:
            found.add(refused.fault, refused.detail, asking)
            return 0
        for fault, detail in self._expected.compare(answer, file):
            found.add(fault, detail, asking)
        text = answer.body.decode("utf-8", "replace")
        for reference in unknown_references(file.path, file.type, text, known):
            found.add(Fault.REFERENCE_UNKNOWN, reference, asking)
        if file.path == INDEX and scripts_inline(text):
            found.add(Fault.SCRIPT_INLINE, "", asking)
        return 1

    def _in_any_order(self, asked: Iterable[Asking]) -> Sequence[Asking]:
        order = [asking for asking in asked for _ in range(self._rounds)]
        random.SystemRandom().shuffle(order)
        return order

    def _concluded(
        self, manifest: Manifest | None, signer: str | None, files: tuple[FileReport, ...]
    ) -> Report:
        findings = self._page.all()
        codes = {one.code for one in findings} | {one.code for file in files for one in file.findings}
        verdict = Verdict.DIFFERS
        if signer is not None and manifest is not None and not codes:
            verdict = Verdict.HOLDS
        elif manifest is not None and codes and codes <= NOT_VOUCHED_FOR and not self._trust.demanded:
            verdict = Verdict.NOT_VOUCHED_FOR
        version = None if manifest is None else manifest.version
        return Report(self._address.parts.geturl(), verdict, version, signer, files, findings)


def _printable(detail: str) -> str:
    """What a server said, fit for a terminal."""
    return "".join(one if one.isprintable() else "?" for one in detail)

# SPDX-License-Identifier: Apache-2.0
"""One answer against what the release says of the file, and what every answer of the page has to carry."""

import hashlib
import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult

from sealroom_customer.errors import ConfigurationError
from sealroom_customer.http.addresses import is_loopback, over_tls_or_on_loopback
from sealroom_customer.page.faults import Fault
from sealroom_customer.page.fetching import Answer
from sealroom_customer.page.manifest import ManifestFile
from sealroom_customer.page.policy import FIXED_HEADERS, content_security_policy

Found: TypeAlias = tuple[Fault, str]

_LOADING_OR_TELLING = frozenset(
    {
        "link", "refresh", "service-worker-allowed", "sourcemap", "x-sourcemap", "access-control-allow-origin",
        "content-security-policy-report-only", "reporting-endpoints", "report-to", "nel",
    }
)  # fmt: skip
"""Headers that load something, widen who may read the page, or report from it."""
_LEAST_STRICT_SECONDS = 15_552_000
"""Half a year: what lists of strict hosts ask for at least."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What answers of a page at `origin` are held to. `connect`: the exact origins of its policy; None: any that are named one by one."""

    origin: SplitResult
    connect: tuple[str, ...] | None

    def compare(self, answer: Answer, file: ManifestFile) -> Iterator[Found]:
        """Everything in which an answer is not the file of the release."""
        if len(answer.body) != file.size or hashlib.sha256(answer.body).hexdigest() != file.sha256:
            yield Fault.CONTENT_DIFFERS, hashlib.sha256(answer.body).hexdigest()
        if answer.all("content-type") != [file.type]:
            yield Fault.TYPE_DIFFERS, " and ".join(answer.all("content-type")) or "none"
        yield from self._policy(answer)
        for name, value in FIXED_HEADERS:
            if answer.one(name) != value:
                yield Fault.HEADER_DIFFERS, name
        if not self._strict(answer):
            yield Fault.HEADER_DIFFERS, "strict-transport-security"
        for name in sorted({name for name, _ in answer.headers} & _LOADING_OR_TELLING):
            yield Fault.HEADER_UNEXPECTED, name

    def _policy(self, answer: Answer) -> Iterator[Found]:
        policies = answer.all("content-security-policy")
        if len(policies) != 1:
            yield Fault.POLICY_DIFFERS, f"it is there {len(policies)} times"
            return
        try:
            got = directives(policies[0])
            wanted = directives(content_security_policy(self._connect(got.get("connect-src", ()))))
        except (ValueError, ConfigurationError) as error:
            yield Fault.POLICY_DIFFERS, str(error)[:200]
            return
        for name in sorted(got.keys() | wanted.keys()):
            if set(got.get(name, ())) != set(wanted.get(name, ())) or (name in got) != (name in wanted):
                yield Fault.POLICY_DIFFERS, name

    def _connect(self, named: Sequence[str]) -> tuple[str, ...]:
        """The origins that the policy should name."""
        if self.connect is not None:
            return self.connect
        others = tuple(one for one in named if one != "'self'")
        for one in others:
            plain = one.startswith("ws:") and not is_loopback(self.origin.hostname)
            if plain or over_tls_or_on_loopback(one, "wss") is None:
                raise ValueError(f"connect-src names {one}")
        return others

    def _strict(self, answer: Answer) -> bool:
        """Whether browsers are told to keep to https; addresses and local names cannot be (RFC 6797 section 8.1.1)."""
        host = self.origin.hostname or ""
        if self.origin.scheme != "https" or host.endswith((".local", "localhost")) or _is_address(host):
            return True
        told = [part.strip().lower() for part in (answer.one("strict-transport-security") or "").split(";")]
        return any(
            part.startswith("max-age=") and part[8:].isdigit() and int(part[8:]) >= _LEAST_STRICT_SECONDS
            for part in told
        )


def directives(policy: str) -> dict[str, tuple[str, ...]]:
    """A policy by directive; raises ValueError when one stands there twice, of which browsers take the first."""
    found: dict[str, tuple[str, ...]] = {}
    for part in policy.split(";"):
        name, *values = part.split() or [""]
        if name.lower() in found:
            raise ValueError(f"{name} is there twice")
        if name:
            found[name.lower()] = tuple(values)
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

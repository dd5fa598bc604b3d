# SPDX-License-Identifier: Apache-2.0
"""What a client would be shown: a TLS handshake in memory with a certificate, once by who trusts just it, once by who trusts what this
machine trusts. Nothing is sent."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealroom.core.errors import ConfigurationError

_MOST_TURNS = 20


@dataclass(frozen=True, slots=True)
class Served:
    """A certificate that can be served. `ends`: Unix seconds. `untrusted`: why this machine does not trust it, or nothing."""

    names: tuple[str, ...]
    ends: float
    untrusted: str


def examine_certificate(certificate: Path, key: Path, section: str) -> Served:
    """Looks at a certificate as clients do.

    Raises:
        ConfigurationError: it cannot be read, is not the key's, or is not valid now.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(certificate, key)
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.load_verify_locations(certificate)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "configuration_certificate_unusable",
            f"{section}.certificate or its key cannot be read, or they do not belong together.",
            "Give PEM files, the server's own certificate first, then the authority's intermediate ones.",
        ) from error
    trusting.check_hostname = False
    # The certificate itself is trusted, whoever signed it: what is left to fail is its time.
    trusting.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    try:
        shown = _shown(server, trusting)
    except ssl.SSLCertVerificationError as error:
        raise ConfigurationError(
            "configuration_certificate_invalid",
            f"{section}.certificate is refused by clients: {error.verify_message}.",
            "Renew it, or set this machine's clock.",
        ) from error
    names = tuple(
        str(value) for kind, value in shown.get("subjectAltName", ()) if kind in ("DNS", "IP Address")
    )
    return Served(names, ssl.cert_time_to_seconds(str(shown["notAfter"])), _distrust(server))


def _distrust(server: ssl.SSLContext) -> str:
    usual = ssl.create_default_context()
    usual.check_hostname = False
    try:
        _shown(server, usual)
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    return ""


def _shown(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, Any]:
    """What the client has of the certificate after its handshake. Raises SSLCertVerificationError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    open_ends = set(ends)
    for _ in range(_MOST_TURNS):
        for end in ends:
            if end in open_ends:
                try:
                    end.do_handshake()
                    open_ends.discard(end)
                except ssl.SSLWantReadError:
                    continue
        if not open_ends:
            break
    return ends[0].getpeercert() or {}

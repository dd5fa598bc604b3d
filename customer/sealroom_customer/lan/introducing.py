# SPDX-License-Identifier: Apache-2.0
"""What a person at the terminal reads: where to point a phone, and how a device comes to trust this machine."""

import io
from collections.abc import Iterator

import segno

from sealroom_customer.lan.place import CERTIFICATE_PATH, Place

_IMPORT = (
    ("Android", "Settings, search for `CA certificate`, install the downloaded file"),
    (
        "iPhone, iPad",
        "open it in Safari; Settings > Profile Downloaded; then General > About > Certificate Trust Settings",
    ),
    ("macOS", "security add-trusted-cert -k ~/Library/Keychains/login.keychain-db sealroom-demo-ca.crt"),
    ("Windows", "certutil -user -addstore Root sealroom-demo-ca.crt"),
    (
        "Linux",
        "certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n sealroom-demo -i sealroom-demo-ca.crt  (Chromium)",
    ),
    ("Firefox", "Settings > Privacy & Security > View Certificates > Authorities > Import"),
)


def lines(place: Place, port: int, page: str) -> Iterator[str]:
    """How to open `page` from another device."""
    yield from qr_code(page)
    others = [f"https://{host}:{port}" for host in place.hosts[1:] if host not in ("localhost", "127.0.0.1")]
    if others:
        yield f"           also {', '.join(others)}"
    yield "           whoever is in this network can enter, under any name"
    ends = place.issued.authority.not_valid_after_utc
    yield f"trust      once for each device, until {ends:%Y-%m-%d}, this demo's own certificate authority:"
    yield f"           SHA-256 {place.issued.fingerprint}"
    yield f"           get it from https://{place.addresses[0]}:{port}{CERTIFICATE_PATH} (the browser warns: the fingerprint tells"
    yield f"           whether it is this one) or carry {place.issued.authority_file} over yourself"
    for device, what in _IMPORT:
        yield f"           {device:13} {what}"
    yield "           more, and how to take it back: docs/lan.md"


def qr_code(text: str) -> list[str]:
    """`text` as half blocks, dark on light as terminals show them, for a camera."""
    drawn = io.StringIO()
    segno.make(text, error="m", micro=False).terminal(drawn, border=2, compact=True)
    return drawn.getvalue().rstrip("\n").split("\n")

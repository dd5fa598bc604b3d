# SPDX-License-Identifier: Apache-2.0
"""What the call page may do: its content security policy and the other headers that bind the browser."""

import re
from collections.abc import Sequence

from sealroom_customer.errors import ConfigurationError

TRUSTED_TYPES_POLICY = "sealroom"
"""The one Trusted Types policy: the SDK makes it, for the sealing worker's script."""

_ORIGIN = re.compile(r"(https?|wss?)://[a-z0-9._-]+(:[0-9]{1,5})?", re.IGNORECASE)
_IPV6_ORIGIN = re.compile(r"(https?|wss?)://\[[0-9a-f:.]+\](:[0-9]{1,5})?", re.IGNORECASE)
"""A policy cannot name an IPv6 address (CSP 3 section 2.3.1, host-part); a page from there reaches its own by 'self'."""

STRICT_TRANSPORT = "max-age=31536000"
"""For a name that only ever means this page (RFC 6797)."""
FIXED_HEADERS: tuple[tuple[str, str], ...] = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), autoplay=(self), "
        "fullscreen=(self), screen-wake-lock=(self), geolocation=(), payment=(), usb=(), serial=(), hid=(), midi=(), "
        "bluetooth=(), browsing-topics=()",
    ),
)


def content_security_policy(connect: Sequence[str]) -> str:
    """The call page's policy. `connect` are the origins of operator and authority it may talk to beside its own.

    Raises:
        ConfigurationError: something that is not an origin, and might smuggle in a directive.
    """
    for origin in connect:
        if not _ORIGIN.fullmatch(origin) and not _IPV6_ORIGIN.fullmatch(origin):
            raise ConfigurationError(
                "origin_invalid", f"`{origin}` is not an origin.", "Write it as wss://rtc.example."
            )
    named = dict.fromkeys(origin for origin in connect if _ORIGIN.fullmatch(origin))
    directives = (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob: mediastream:",
        " ".join(("connect-src 'self'", *named)),
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        f"trusted-types {TRUSTED_TYPES_POLICY}",
    )
    return "; ".join(directives)

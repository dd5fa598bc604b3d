# SPDX-License-Identifier: Apache-2.0
"""Which web pages may use an application (RFC 6454 origins)."""

import re

from sealroom.core.errors import ConfigurationError

LOOPBACK = ("http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*")
"""What the demo application allows: pages served by this machine, whatever their port."""

_EXACT = re.compile(r"https?://(?:\[[0-9a-f:]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::[0-9]{1,5})?")
_LOOPBACK_ORIGIN = re.compile(r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")


def check_origin(allowed: str) -> None:
    """Refuses an entry of the configuration that could never match, or would match more than it says."""
    if allowed not in LOOPBACK and not _EXACT.fullmatch(allowed):
        raise ConfigurationError(
            "configuration_origin_invalid",
            f"`{allowed}` is not an origin.",
            "Write it as browsers send it: https://call.example, in lower case, with the port only if it is not the "
            "scheme's own, and without a path.",
        )


def origin_allowed(origin: str, allowed: tuple[str, ...]) -> bool:
    """Whether a page of this origin may use the application. Compared as a whole, never by part."""
    if origin in allowed:
        return True
    if not _LOOPBACK_ORIGIN.fullmatch(origin):
        return False
    host = re.sub(r":[0-9]{1,5}$", "", origin)
    return f"{host}:*" in allowed

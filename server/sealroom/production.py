# SPDX-License-Identifier: Apache-2.0
"""What `sealroom dev` puts up with and `sealroom serve` does not. Each refusal says what to set."""

import contextlib
import resource
from collections.abc import Iterator

from sealroom.core.config import Configuration
from sealroom.core.config.schema import ApiSettings, SignallingSettings
from sealroom.core.errors import ConfigurationError
from sealroom.core.http.address import read_listen_address


def check_production(configuration: Configuration) -> None:
    """Raises ConfigurationError with everything that is not for production, in one sentence each."""
    found = list(_faults(configuration))
    if found:
        sentences, actions = zip(*found, strict=True)
        raise ConfigurationError("configuration_not_for_production", " ".join(sentences), " ".join(actions))


def raise_file_limit() -> int:
    """Takes as many file descriptors as this process may have, for each line and each peer is one; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft


def _faults(configuration: Configuration) -> Iterator[tuple[str, str]]:
    yield from _in_clear("signalling", configuration.signalling)
    yield from _in_clear("api", configuration.api)
    if read_listen_address(configuration.admin.listen, "admin.listen").port == 0:
        yield "admin.listen takes any free port.", "Name one that your monitoring knows."
    if configuration.media.port == 0:
        yield "media.port takes any free port.", "Name one, and open it for UDP in the firewall."
    if configuration.media.sink_dump:
        yield "media.sink_dump is for development only.", "Take it out."
    if not configuration.state.directory:
        yield "state.directory is not set.", "Name the folder that is backed up."


def _in_clear(section: str, settings: SignallingSettings | ApiSettings) -> Iterator[tuple[str, str]]:
    if not settings.certificate and not settings.behind_proxy:
        yield (
            f"{section} would be spoken in clear.",
            f"Give {section}.certificate and {section}.key, or name your TLS proxy in {section}.behind_proxy, also on this machine.",
        )
    if read_listen_address(settings.listen, f"{section}.listen").port == 0:
        yield f"{section}.listen takes any free port.", "Name one."

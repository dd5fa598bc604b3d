# SPDX-License-Identifier: Apache-2.0
"""TLS 1.2 and newer, with a certificate that is read again when its file changes."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from sealroom.core.clock import Clock, Timer
from sealroom.core.errors import ConfigurationError
from sealroom.core.logging import get_logger

CHECK_SECONDS = 10.0
"""How often the files are looked at. A renewed certificate is served this much later at most."""

Serve: TypeAlias = Callable[[bytes, bytes], None]
"""Takes a certificate and its key, both PEM; raises ValueError where they cannot be served."""
_log = get_logger()


class Certificate:
    """A certificate with its key, kept up to date in one TLS context, and wherever else it is served."""

    def __init__(self, certificate: Path, key: Path, clock: Clock) -> None:
        """Reads both files; raises `ConfigurationError` where they cannot be used."""
        self._files = (certificate, key)
        self._clock = clock
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._serve: Serve | None = None
        self._stamp = self._read_stamp()
        self._load()
        self._timer: Timer | None = None

    def read(self) -> tuple[bytes, bytes]:
        """The files as they are now: certificate and key, PEM. Raises ConfigurationError."""
        try:
            certificate, key = (file.read_bytes() for file in self._files)
        except OSError as error:
            raise unusable() from error
        return certificate, key

    def watch(self, serve: Serve | None = None) -> None:
        """Looks at the files from now on; `serve` gets what they hold when they have changed."""
        self._serve = serve
        self._look_later()

    def _look_later(self) -> None:
        self._timer = self._clock.call_later(CHECK_SECONDS, self._look)

    def close(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        try:
            stamp = self._read_stamp()
            if stamp != self._stamp:
                # Half-written files fail here; the old certificate is served on, and the next look tries again.
                _check_pair(*self._files)
                if self._serve is not None:
                    self._serve(*self.read())
                self._load()
                self._stamp = stamp
                _log.info("certificate_read_again")
        except (ConfigurationError, ValueError):
            _log.warning("certificate_not_read", code=unusable().code)
        self._look_later()

    def _load(self) -> None:
        try:
            self.context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            raise unusable() from error

    def _read_stamp(self) -> tuple[tuple[int, int], ...]:
        try:
            stats = [file.stat() for file in self._files]
        except OSError as error:
            raise unusable() from error
        return tuple((stat.st_mtime_ns, stat.st_ino) for stat in stats)


def _check_pair(certificate: Path, key: Path) -> None:
    """Loads into a context of its own first: a failed load would leave the one in use with half of each."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise unusable() from error


def unusable() -> ConfigurationError:
    """Files that are no certificate with its key."""
    return ConfigurationError(
        "configuration_certificate_unusable",
        "The certificate or its key cannot be read, or they do not belong together.",
        "Check signalling.certificate and signalling.key: PEM files, the server's own certificate first.",
    )

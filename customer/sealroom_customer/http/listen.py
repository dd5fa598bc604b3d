# SPDX-License-Identifier: Apache-2.0
"""Where to listen, and by which rules.

**Plain HTTP is spoken on loopback only**, which browsers treat as secure. On any other address there is a certificate, or
TLS-terminating proxies in front whose networks are named; otherwise nothing starts.
"""

import errno
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sealroom_customer.errors import ConfigurationError, StartError
from sealroom_customer.http.proxies import Network

DEFAULT_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Listening:
    """One listener: host (an address, or `localhost`), port (0: any free one), and what protects it.

    `public_url` is the origin that people open, such as `https://call.example`. On loopback it follows from the port. Where there is
    none, a certificate of our own is for `names`. `also` are more addresses of this machine, taken at the same port.
    """

    host: str = DEFAULT_HOST
    port: int = 0
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: tuple[Network, ...] = ()
    public_url: str | None = None
    names: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises ConfigurationError when the rules above are not kept."""
        if (self.certificate is None) != (self.key is None):
            raise ConfigurationError(
                "certificate_incomplete",
                "A certificate needs its key, and a key its certificate.",
                "Give both.",
            )
        if not self.loopback and self.certificate is None and not self.behind_proxy:
            raise ConfigurationError(
                "tls_required",
                f"{self.host} is not a loopback address, and plain HTTP is spoken on loopback only.",
                "Give --certificate and --key, or name the networks of your TLS proxy with --behind-proxy.",
            )
        named = bool(self.names) and self.certificate is not None and not self.behind_proxy
        if (not self.loopback and not named) or self.behind_proxy or self.public_url is not None:
            self._check_public_url()

    def _check_public_url(self) -> None:
        parts = urlsplit(self.public_url or "")
        if parts.scheme != "https" or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise ConfigurationError(
                "public_url_missing",
                "People need an https address to open, and the page an origin to trust.",
                "Give --public-url, such as https://call.example.",
            )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            raise ConfigurationError(
                "address_invalid", f"`{self.host}` is not an address.", "Give an IP address, or localhost."
            ) from None

    def origins(self, port: int) -> tuple[str, ...]:
        """The web origins this listener is reached at, the one to show to people first."""
        if self.public_url is not None:
            return (self.public_url.rstrip("/").lower(),)
        scheme = "http" if self.certificate is None else "https"
        names = self.names or ("localhost", "127.0.0.1", "[::1]")
        return tuple(f"{scheme}://{name}:{port}" for name in names)


def bind(listening: Listening) -> list[socket.socket]:
    """Binds before anything is printed, so that what is printed is true.

    On loopback both address families are taken where there are two: `localhost` may mean either.

    Raises:
        StartError: the port is taken or may not be used.
    """
    host = DEFAULT_HOST if listening.host == "localhost" else listening.host
    taken: list[socket.socket] = []
    try:
        taken.append(_bind(host, listening.port))
        port = taken[0].getsockname()[1]
        for other in listening.also:
            taken.append(_bind(other, port))
        if host == DEFAULT_HOST:
            taken += _on_ipv6_too(port)
    except StartError as error:
        for listener in taken:
            listener.close()
        if error.code != "port_taken" or listening.port:
            raise
        return bind(listening)
    return taken


def _on_ipv6_too(port: int) -> list[socket.socket]:
    try:
        return [_bind("::1", port)]
    except StartError as error:
        if error.code == "port_taken":
            raise
        return []


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named by its protocol: asyncio sets TCP_NODELAY on no other, and an answer in two writes then waits 40 ms for the peer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        raise StartError(
            "port_taken" if taken else "address_unusable",
            f"Port {port} of {host} is taken by another program."
            if taken
            else f"{host}:{port} cannot be used.",
            "Choose another with --port; 0 takes any free one.",
        ) from error
    return listener


class Certificate:
    """A certificate chain and its key, read again when their files change."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises StartError when they cannot be used."""
        self._certificate = certificate
        self._key = key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._seen = self._stamps()
        try:
            self.context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise StartError(
                "certificate_unusable",
                f"{certificate} and {key} cannot be used together.",
                "Give PEM files of one certificate chain and its private key, without a passphrase.",
            ) from error

    def reload(self) -> bool | None:
        """Takes the files as they are now. True: new ones are in use; None: nothing changed; False: they cannot be used, and
        the ones before stay."""
        stamps = self._stamps()
        if stamps == self._seen:
            return None
        self._seen = stamps
        try:
            # Tried on another context first: a pair that does not fit must not take the place of one that does.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._certificate, self._key)
            self.context.load_cert_chain(self._certificate, self._key)
        except (OSError, ssl.SSLError):
            return False
        return True

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(path) for path in (self._certificate, self._key))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size

# SPDX-License-Identifier: Apache-2.0
"""The authority's configuration: one TOML file. `SAMPLE` documents every key, and a test holds it against the classes here."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Meta

from sealroom_customer.authority.admission import Issuer
from sealroom_customer.authority.identity import default_state
from sealroom_customer.errors import ConfigurationError
from sealroom_customer.http.listen import Listening
from sealroom_customer.http.proxies import networks
from sealroom_wire.limits import MAX_SEALED_MEMBERS

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
AppId: TypeAlias = Annotated[int, Meta(ge=1, le=2**32 - 1)]

_WEBHOOK_KEY = re.compile(r"[A-Za-z0-9]{16,32}")

SAMPLE = """\
# Sealroom, the customer's key authority. Keys with their defaults; delete what you do not change.

# What grants name as their audience. Required.
name = "keys.example"
# Folder of the signing key, the backend's credential and the records, 0700. Empty: the user's state folder.
state = ""
# Members that one room may have, at most 500.
max_members = 500

# Where members' devices connect, and where the backend removes members.
[line]
# Plain ws is spoken on loopback only; anywhere else this needs a certificate or behind_proxy.
listen = "127.0.0.1:7890"
# PEM files, read again when they change.
certificate = ""
key = ""
# Networks of your TLS proxy. X-Forwarded-For and -Proto are believed from them, and nobody else is let in.
behind_proxy = []
# The https origin that devices connect to. Needed except on loopback.
public_url = ""

# /livez, /readyz, /metrics for whoever reaches it, and /rooms for the backend's credential.
[admin]
listen = "127.0.0.1:9465"

# Who was admitted, who went, when keys changed: JSON lines, one file a day, for your eyes only.
[records]
enabled = true
# Empty: the folder `records` in `state`.
directory = ""
keep_days = 90

# The operator's webhooks of rooms, at /authority/v1/webhook of [line]. They make keys change sooner where he says that a member
# whose line broke has left, and do nothing else.
[webhooks]
# File with the key that he signs them with, 16 to 32 letters and digits. Empty: none are taken.
key = ""

# A backend whose grants count; repeat the block for more.
[[issuers]]
# What its grants name as their issuer.
name = "shop"
# PEM files of its Ed25519 or P-256 public key: one, or two while one takes the place of the other.
keys = ["grant-public-key.pem"]
# Applications that it may speak for.
applications = [1400000000]
"""


class LineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The listener for devices."""

    listen: str = "127.0.0.1:7890"
    certificate: str = ""
    key: str = ""
    behind_proxy: tuple[str, ...] = ()
    public_url: str = ""


class AdminSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The listener for probes."""

    listen: str = "127.0.0.1:9465"


class RecordSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The customer's own record."""

    enabled: bool = True
    directory: str = ""
    keep_days: Annotated[int, Meta(ge=1, le=36_500)] = 90


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the operator may say."""

    key: str = ""


class IssuerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A backend."""

    name: Name
    keys: Annotated[tuple[str, ...], Meta(min_length=1, max_length=2)]
    applications: Annotated[tuple[AppId, ...], Meta(min_length=1)]


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    name: Name
    issuers: Annotated[tuple[IssuerSettings, ...], Meta(min_length=1)]
    state: str = ""
    max_members: Annotated[int, Meta(ge=1, le=MAX_SEALED_MEMBERS)] = MAX_SEALED_MEMBERS
    line: LineSettings = LineSettings()
    admin: AdminSettings = AdminSettings()
    records: RecordSettings = RecordSettings()
    webhooks: WebhookSettings = WebhookSettings()

    @property
    def state_folder(self) -> Path:
        """Where keys lie."""
        return Path(self.state) if self.state else default_state()

    @property
    def records_folder(self) -> Path:
        """Where records lie."""
        return Path(self.records.directory) if self.records.directory else self.state_folder / "records"

    def line_listening(self) -> Listening:
        """Raises ConfigurationError."""
        line = self.line
        host, port = _host_and_port(line.listen)
        return Listening(
            host,
            port,
            Path(line.certificate) if line.certificate else None,
            Path(line.key) if line.key else None,
            networks(line.behind_proxy),
            line.public_url or None,
        )

    def admin_listening(self) -> Listening:
        """Raises ConfigurationError off loopback: what is read there is not for everyone."""
        listening = Listening(*_host_and_port(self.admin.listen))
        if not listening.loopback:
            raise ConfigurationError(
                "admin_not_on_loopback",
                "The admin listener speaks plain http, on loopback only.",
                "Set [admin] listen to 127.0.0.1 and a port; let your scraper's agent run on this machine.",
            )
        return listening


def load(path: Path) -> Configuration:
    """Reads and checks. Raises ConfigurationError; paths in the file are taken from the file's folder."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(
            "configuration_unreadable", f"{path} cannot be read.", "Check its name and its permissions."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "configuration_not_toml",
            f"{path} is not TOML: {error}.",
            "Compare with `sealroom-customer authority sample`.",
        ) from error
    try:
        found = msgspec.convert(document, Configuration)
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            "configuration_value_invalid",
            f"{path} does not fit: {error}.",
            "`sealroom-customer authority sample` documents every key.",
        ) from error
    if len({one.name for one in found.issuers}) != len(found.issuers):
        raise ConfigurationError("issuer_twice", "Two issuers have one name.", "Give each its own.")
    return _beside(found, path.parent)


def issuers(configuration: Configuration) -> list[Issuer]:
    """The backends with their keys read. Raises ConfigurationError."""
    return [_issuer(one) for one in configuration.issuers]


def webhook_key(configuration: Configuration) -> str | None:
    """What the operator signs with; None where his webhooks are not taken. Raises ConfigurationError."""
    path = configuration.webhooks.key
    if not path:
        return None
    try:
        key = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "webhook_key_unreadable", f"{path} cannot be read.", "Name a file with the key in one line."
        ) from error
    if not _WEBHOOK_KEY.fullmatch(key):
        raise ConfigurationError(
            "webhook_key_invalid",
            f"{path} holds no key.",
            "Write 16 to 32 letters and digits, such as `openssl rand -hex 16` makes.",
        )
    return key


def _issuer(settings: IssuerSettings) -> Issuer:
    keys = []
    for name in settings.keys:
        try:
            keys.append(load_pem_public_key(Path(name).read_bytes()))
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                "issuer_key_unreadable",
                f"{name} holds no public key.",
                "Give a PEM file of an Ed25519 or P-256 public key.",
            ) from error
    try:
        # A key of another kind raises in `Issuer`, whatever the type says here.
        return Issuer(settings.name, tuple(keys), frozenset(settings.applications))  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigurationError(
            "issuer_key_unreadable",
            f"The keys of issuer `{settings.name}` cannot be used: {error}.",
            "Give one or two PEM files of Ed25519 or P-256 public keys.",
        ) from error


def _beside(configuration: Configuration, folder: Path) -> Configuration:
    """With paths that no longer depend on where the process was started."""

    def full(text: str) -> str:
        return str(folder / text) if text else ""

    replace = msgspec.structs.replace
    line, records, webhooks = configuration.line, configuration.records, configuration.webhooks
    return replace(
        configuration,
        state=full(configuration.state),
        line=replace(line, certificate=full(line.certificate), key=full(line.key)),
        records=replace(records, directory=full(records.directory)),
        webhooks=replace(webhooks, key=full(webhooks.key)),
        issuers=tuple(
            replace(one, keys=tuple(full(key) for key in one.keys)) for one in configuration.issuers
        ),
    )


def _host_and_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ConfigurationError(
            "address_invalid", f"`{listen}` is not an address and a port.", "Write it as 127.0.0.1:7890."
        )
    return host.removeprefix("[").removesuffix("]"), int(port)

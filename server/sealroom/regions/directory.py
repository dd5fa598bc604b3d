# SPDX-License-Identifier: Apache-2.0
"""The global directory: which site an opaque id belongs to, and where that site answers. **It holds nothing else, and refuses a
file that does.**

It is a TOML file, or a folder with one file of each site as `sealroom site export` writes it:

    [sites.sg]
    signalling = "wss://rtc.sg.example/rtc/v1"
    api = "https://api.sg.example"

    [applications]
    1400000001 = "sg"

    [secret_ids]
    "d2b1..64 digits" = "sg"

    [accounts]
    100000000001 = "sg"

A SecretId stands there as its SHA-256, so that the file tells nobody a name to sign in with. No request names an account, so nobody is
sent anywhere by its number: accounts stand there to be counted, and so that one number at two sites is seen.
"""

import asyncio
import hashlib
import ipaddress
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from sealroom.catalogue import (
    DataClass,
    Dataset,
    Field,
    LegalBasis,
    Purpose,
    Region,
    Retention,
    Store,
    Subject,
)
from sealroom.catalogue.declare import columns_of
from sealroom.core.clock import Clock
from sealroom.core.errors import ConfigurationError
from sealroom.core.logging import get_logger

LOOK_SECONDS = 1.0
"""How old what is known of the file may be. Lower sees a new application of another site sooner and looks at the disk more often."""
MAX_BYTES = 64 << 20
"""Of one file: half a million applications. A larger one is refused unread."""

MOST_TOLD = 20
"""Contradicted entries that are named. All of them may be half a million."""

_SITE = r"^[a-z][a-z0-9-]{0,15}$(?!\n)"
Site: TypeAlias = Annotated[str, Meta(pattern=_SITE)]
_Number: TypeAlias = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,18}$(?!\n)")]
_Hash: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
_Url: TypeAlias = Annotated[str, Meta(max_length=255)]

_OF_IDS = ("applications", "secret_ids", "accounts")
_Tables: TypeAlias = dict[str, dict[str, Any]]

_log = get_logger()


class Endpoints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a site answers."""

    signalling: _Url
    api: _Url


class Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a file of the directory may hold."""

    sites: dict[Site, Endpoints] = {}
    applications: dict[_Number, Site] = {}
    secret_ids: dict[_Hash, Site] = {}
    accounts: dict[_Number, Site] = {}


class _Line(msgspec.Struct, frozen=True):
    """One entry, as the catalogue knows it."""

    sdk_app_id: Annotated[
        int | None,
        Field("An application's number.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID),
    ]
    secret_id: Annotated[
        str | None, Field("SHA-256 of an API key's SecretId.", data_class=DataClass.KEY_INFORMATION)
    ]
    uin: Annotated[
        int | None, Field("An account's number.", subject=Subject.ACCOUNT, data_class=DataClass.UIN)
    ]
    site: Annotated[str, Field("Which site it belongs to.")]
    signalling: Annotated[str, Field("Where that site takes signalling.")]
    api: Annotated[str, Field("Where that site's API answers.")]


def directory_dataset() -> Dataset:
    """What the catalogue says of the directory."""
    return Dataset(
        "directory", Store.DIRECTORY, "Which site serves an application or an account: numbers and hashes, no names.",
        DataClass.SDK_APP_ID, Purpose.PROVIDE, LegalBasis.NONE_NEEDED, Retention.while_served(), columns_of(_Line),
        region=Region.DIRECTORY,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the directory. `key` is an opaque id, or a site's name."""

    table: str
    key: str

    def __str__(self) -> str:
        return f"{self.key} of [{self.table}]"


@dataclass(frozen=True, slots=True)
class Place:
    """Another site, and where it answers."""

    site: str
    signalling: str
    api: str


class Directory(Protocol):
    """Where ids are looked up that this site does not know. None: nobody else's either, as far as is known."""

    async def of_application(self, sdk_app_id: int) -> Place | None:
        """The site of an application."""

    async def of_secret_id(self, secret_id: str) -> Place | None:
        """The site of an API key."""


class FileDirectory:
    """The directory in a file, or in a folder of them, read again when they change. **Files that cannot be used, or contradict each
    other, change nothing**: what was known before goes on being true. A start knows nothing before: it takes what is not contradicted."""

    def __init__(self, path: Path | None, site: str, clock: Clock) -> None:
        """`site` is this process's own: what the directory says of it is not another site's.

        Raises:
            ConfigurationError: it cannot be read, or holds something else.
        """
        self._path, self._site, self._clock = path, site, clock
        self._mark = _mark(path)
        self.contents, contradicted = gather(path) if path is not None else (Contents(), ())
        for one in contradicted[:MOST_TOLD]:
            _log.error("directory_contradicts", kind=one.table, entry=one.key, count=len(contradicted))
        self._looked_at = clock.monotonic()
        self._looking = asyncio.Lock()

    async def of_application(self, sdk_app_id: int) -> Place | None:
        """The other site of an application."""
        await self._look()
        return self._place(self.contents.applications.get(str(sdk_app_id)))

    async def of_secret_id(self, secret_id: str) -> Place | None:
        """The other site of an API key."""
        await self._look()
        return self._place(self.contents.secret_ids.get(hash_of(secret_id)))

    def _place(self, site: str | None) -> Place | None:
        if site is None or site == self._site:
            return None
        told = self.contents.sites[site]
        return Place(site, told.signalling, told.api)

    async def _look(self) -> None:
        """Reads again what has changed, beside the loop."""
        if self._path is None or self._clock.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        async with self._looking:
            if self._clock.monotonic() - self._looked_at < LOOK_SECONDS:
                return
            self._looked_at = self._clock.monotonic()
            mark = await asyncio.to_thread(_mark, self._path)
            if mark == self._mark:
                return
            self._mark = mark
            try:
                self.contents = await asyncio.to_thread(read, self._path)
            except ConfigurationError as error:
                _log.error("directory_not_read", code=error.code)


def hash_of(secret_id: str) -> str:
    """How a SecretId stands in the directory."""
    return hashlib.sha256(secret_id.encode("utf-8", "replace")).hexdigest()


def read(path: Path) -> Contents:
    """Reads a file, or every `*.toml` of a folder.

    Raises:
        ConfigurationError: it cannot be read, holds anything but opaque ids and endpoints, or contradicts itself.
    """
    contents, contradicted = gather(path)
    if contradicted:
        told = ", ".join(str(one) for one in contradicted[:MOST_TOLD])
        raise _refused(path, f"contradicts itself about {len(contradicted)} entries: {told}")
    return contents


def gather(path: Path) -> tuple[Contents, tuple[Entry, ...]]:
    """What all files say alike, and what they contradict each other about: of that nothing is known, so nobody is sent anywhere. A site
    with two addresses takes all its entries along.

    Raises:
        ConfigurationError: it cannot be read, or holds anything but opaque ids and endpoints.
    """
    claims: _Tables = {name: {} for name in Contents.__struct_fields__}
    wrong: dict[str, set[str]] = {name: set() for name in claims}
    for file in _files(path):
        read_ = _read(file)
        for name, known in claims.items():
            for key, value in getattr(read_, name).items():
                if known.setdefault(key, value) != value:
                    wrong[name].add(key)
    unknown = sorted({site for name in _OF_IDS for site in claims[name].values()} - claims["sites"].keys())
    if unknown:
        raise _refused(path, f"has entries of the site {unknown[0]} and does not say where that answers")
    agreed = {
        name: {
            key: value
            for key, value in known.items()
            if key not in wrong[name] and value not in wrong["sites"]
        }
        for name, known in claims.items()
    }
    contradicted = (Entry(name, key) for name, keys in wrong.items() for key in sorted(keys))
    return msgspec.convert(agreed, Contents), tuple(contradicted)


def write(contents: Contents) -> str:
    """The text of a file that `read` takes."""
    lines = ["# Sealroom's directory: which site serves an id. Opaque ids and endpoints only."]
    for site, told in sorted(contents.sites.items()):
        lines += [
            "",
            f"[sites.{site}]",
            f"signalling = {_quoted(told.signalling)}",
            f"api = {_quoted(told.api)}",
        ]
    for name in _OF_IDS:
        entries: dict[str, str] = getattr(contents, name)
        if entries:
            lines += ["", f"[{name}]", *(f'{key} = "{site}"' for key, site in sorted(entries.items()))]
    return "\n".join([*lines, ""])


def check_endpoint(url: str, clear: str, encrypted: str) -> None:
    """Raises ValueError unless it is an address of the encrypted scheme, or of the clear one on loopback: clients send tokens there."""
    parts = urlsplit(url)
    bare = not (parts.query or parts.fragment or parts.username or parts.password)
    if not parts.hostname or not bare or not url.isascii() or any(char.isspace() for char in url):
        raise ValueError(f"{url!r} is no address of the form {encrypted}://host/path")
    _ = parts.port
    if parts.scheme != encrypted and not (parts.scheme == clear and _is_loopback(parts.hostname)):
        raise ValueError(f"{url!r} does not begin with {encrypted}://")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.toml")) if path.is_dir() else [path]


def _mark(path: Path | None) -> tuple[tuple[str, int, int], ...]:
    """What tells one state of the files from the next."""
    if path is None:
        return ()
    try:
        return tuple((one.name, (stat := one.stat()).st_mtime_ns, stat.st_size) for one in _files(path))
    except OSError:
        return ()


def _read(file: Path) -> Contents:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise _refused(file, "is too large")
        document = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise _refused(file, "cannot be read") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _refused(file, "is not TOML") from error
    try:
        contents = msgspec.convert(document, Contents)
        for told in contents.sites.values():
            check_endpoint(told.signalling, "ws", "wss")
            check_endpoint(told.api, "http", "https")
    except msgspec.ValidationError:
        # Not the library's sentence: it may repeat what should not have been there.
        raise _refused(file, "holds something else than opaque ids and endpoints") from None
    except ValueError as error:
        raise _refused(file, f"names an endpoint that cannot be used: {error}") from None
    return contents


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _refused(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(
        "directory_refused",
        f"The directory {path} {what}.",
        "Write it with `sealroom site export` at each site.",
    )

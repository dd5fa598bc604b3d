# SPDX-License-Identifier: Apache-2.0
"""Examines the machine and the configuration before a user finds out: `sealroom doctor`."""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sealroom.core.config import Configuration
from sealroom.core.db.migrations import HEAD
from sealroom.core.db.schema import schema_of
from sealroom.core.db.target import Target
from sealroom.core.errors import OperatorError, StartError
from sealroom.core.http.address import check_encrypted, read_listen_address, read_networks
from sealroom.core.keys.master import FileMasterKeys, master_file
from sealroom.core.state import DATABASE_FILE, StateDirectory, state_directory
from sealroom.media.addresses import media_addresses
from sealroom.regions.directory import read as read_directory

_EARLIEST = 1_767_225_600
"""2026-01-01: a clock before it was never set."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one examination found. `action` is what to do where it is not good."""

    name: str
    good: bool
    sentence: str
    action: str = ""


def examine(configuration: Configuration) -> list[Finding]:
    """Every examination, in an order in which mending one may mend the next."""
    examinations: dict[str, Callable[[Configuration], str]] = {
        "engine": _engine,
        "clock": _clock,
        "state": _state,
        "database": _database,
        "keys": _keys,
        "directory": _directory,
        "signalling": _signalling,
        "admin": _admin,
        "media": _media,
        "loopback": _loopback,
    }
    return [_one(name, examination, configuration) for name, examination in examinations.items()]


def _one(name: str, examination: Callable[[Configuration], str], configuration: Configuration) -> Finding:
    try:
        return Finding(name, True, examination(configuration))
    except OperatorError as error:
        return Finding(name, False, error.sentence, error.action)


def _engine(_configuration: Configuration) -> str:
    try:
        from sealroom.media import engine
    except ImportError as error:
        raise StartError(
            "engine_missing",
            f"The media engine cannot be loaded: {error}.",
            "Install the wheel, or run `make env`.",
        ) from error
    if not engine.is_current():
        raise StartError(
            "engine_stale", "The media engine is of another build.", "Build it again: `make env`."
        )
    return "the media engine can be loaded"


def _clock(_configuration: Configuration) -> str:
    if time.time() < _EARLIEST:
        raise StartError(
            "clock_unset", "The clock stands before 2026.", "Set it: every UserSig would be refused."
        )
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _state(configuration: Configuration) -> str:
    state = StateDirectory(state_directory(configuration.state.directory, os.environ))
    if state.path.stat().st_mode & 0o077:
        raise StartError(
            "state_open_to_others", f"Others can look into {state.path}.", f"Close it: chmod 700 {state.path}"
        )
    return str(state.path)


def _database(configuration: Configuration) -> str:
    file = state_directory(configuration.state.directory, os.environ) / DATABASE_FILE
    if not configuration.database.url and not file.exists():
        return f"{file} (made at the first start)"
    target = Target(configuration.database.url or file, configuration.database)
    schema = schema_of(target)
    if schema is None:
        return f"{target} (empty; the schema is made at the first start)"
    if schema.version > HEAD:
        return f"{target}, schema {schema.version} of a newer program, for programs from {schema.lowest} on; this one has {HEAD}"
    return f"{target}, schema {schema.version}" + (
        "" if schema.version == HEAD else f" (becomes {HEAD} at the next start)"
    )


def _directory(configuration: Configuration) -> str:
    if not configuration.site.directory:
        return f"site {configuration.site.name}; no other is known"
    contents = read_directory(Path(configuration.site.directory))
    return (
        f"site {configuration.site.name}; the directory has {', '.join(sorted(contents.sites)) or 'no site'}"
    )


def _keys(configuration: Configuration) -> str:
    file = master_file(configuration.keys, state_directory(configuration.state.directory, os.environ))
    if not file.exists():
        return f"{file} (made at the first start)"
    FileMasterKeys(file)
    return f"{file} can be read by this user only"


def _signalling(configuration: Configuration) -> str:
    settings = configuration.signalling
    listen = read_listen_address(settings.listen, "signalling.listen")
    networks = read_networks(settings.behind_proxy)
    check_encrypted(listen, certificate=bool(settings.certificate), behind_proxy=bool(networks))
    for name in filter(None, (settings.certificate, settings.key)):
        if not os.access(Path(name), os.R_OK):
            raise StartError("file_unreadable", f"{name} cannot be read.", "Check its name and permissions.")
    _check_port(socket.SOCK_STREAM, listen.host, listen.port)
    return f"{listen} is free"


def _admin(configuration: Configuration) -> str:
    listen = read_listen_address(configuration.admin.listen, "admin.listen")
    _check_port(socket.SOCK_STREAM, listen.host, listen.port)
    return f"{listen} is free"


def _media(configuration: Configuration) -> str:
    addresses = configuration.media.addresses or tuple(media_addresses())
    for address in addresses:
        _check_port(socket.SOCK_DGRAM, address, configuration.media.port)
    if all(address == "127.0.0.1" for address in addresses):
        raise StartError(
            "no_interface",
            "There is no network interface but loopback.",
            "Connect one: Firefox does not connect to 127.0.0.1 alone.",
        )
    return f"UDP at {', '.join(addresses)}"


def _loopback(_configuration: Configuration) -> str:
    """A datagram to ourselves: a firewall that drops it would drop calls in `dev` too."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(1.0)
        sender.sendto(b"doctor", receiver.getsockname())
        try:
            receiver.recv(16)
        except OSError as error:
            raise StartError(
                "udp_blocked", "UDP does not pass on loopback.", "Look at this machine's firewall."
            ) from error
    return "UDP passes"


def _check_port(kind: socket.SocketKind, host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise StartError(
            "cannot_bind",
            f"{host} port {port} cannot be bound: {error.strerror}.",
            "End what uses it, or choose another.",
        ) from error

# SPDX-License-Identifier: Apache-2.0
"""What is kept, and where: the state folder, the database, keys, records and their journal."""

import asyncio
import fcntl
import os
import shutil
import time
from pathlib import Path

from sealroom.app import catalogue
from sealroom.core.clock import SystemClock
from sealroom.core.config import Configuration
from sealroom.core.db import Database
from sealroom.core.db.migrations import HEAD
from sealroom.core.db.probe import probe
from sealroom.core.db.target import Target
from sealroom.core.errors import StartError
from sealroom.core.keys import Envelope, check_master_key, master_keys
from sealroom.core.keys.master import FileMasterKeys, master_file
from sealroom.core.records.opening import JOURNAL, STORE, store_of
from sealroom.core.state import DATABASE_FILE, StateDirectory, state_directory
from sealroom.doctor.finding import Said
from sealroom.kept import SEALED

SLOW_SECONDS = 0.02
"""A database that takes longer for nothing makes everybody's entering slow."""
LOW_DISK_SHARE = 0.1
"""Of a disk: with less free somebody should look."""


def folder(configuration: Configuration) -> Path:
    """The state folder, whether it is there or not."""
    return state_directory(configuration.state.directory, os.environ)


def is_served(configuration: Configuration) -> bool:
    """Whether a server runs in this state folder now: then its ports are taken by it."""
    try:
        with (folder(configuration) / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def state(configuration: Configuration) -> str:
    """Whether the folder is this user's alone."""
    path = StateDirectory(folder(configuration)).path
    if path.stat().st_mode & 0o077:
        raise StartError(
            "state_open_to_others", f"Others can look into {path}.", f"Close it: chmod 700 {path}"
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise StartError(
            "state_unwritable",
            f"{path} cannot be written.",
            f"Give it to this user: chown {os.getuid()} {path}",
        )
    return f"{path}{', in use by a running server' if is_served(configuration) else ''}"


def database(configuration: Configuration) -> str | Said:
    """Whether it answers, how fast, and with which schema."""
    file = folder(configuration) / DATABASE_FILE
    if not configuration.database.url and not file.exists():
        return f"{file} (made at the first start)"
    target = Target(configuration.database.url or file, configuration.database)
    found = probe(target)
    said = (
        f"{target}, {found.seconds * 1000:.1f} ms, {_schema(found.schema.version if found.schema else None)}"
    )
    if found.schema is not None and found.schema.lowest > HEAD:
        raise StartError(
            "database_of_newer_program",
            f"{said}, for programs from {found.schema.lowest} on; this one has {HEAD}.",
            "Start the newer program again, or restore a backup made before it ran.",
        )
    if found.seconds > SLOW_SECONDS:
        return Said(f"{said}: slow.", "Put the database nearer, or look at what keeps it busy.")
    return said


def _schema(version: str | None) -> str:
    if version is None:
        return "empty; the schema is made at the first start"
    if version == HEAD:
        return f"schema {version}"
    return f"schema {version}" + (
        " of a newer program" if version > HEAD else f" (becomes {HEAD} at the next start)"
    )


def keys(configuration: Configuration) -> str | Said:
    """Whether the master key is there, private, and opens what is in the database."""
    file = master_file(configuration.keys, folder(configuration))
    if not file.exists():
        if has_schema(configuration):
            raise StartError(
                "master_key_missing",
                f"There is a database, but no master key at {file}.",
                "Restore it from the backup: without it no secret in the database can be read.",
            )
        return f"{file} (made at the first start)"
    FileMasterKeys(file)
    if not has_schema(configuration):
        return f"{file} can be read by this user only"
    asyncio.run(_opens(configuration))
    return f"{file} can be read by this user only, and opens the secrets in the database"


def has_schema(configuration: Configuration) -> bool:
    """Whether the database is one of this very program: an older one is migrated by a start, not by the doctor."""
    file = folder(configuration) / DATABASE_FILE
    if not configuration.database.url and not file.exists():
        return False
    try:
        found = probe(Target(configuration.database.url or file, configuration.database)).schema
    except StartError:
        return False  # the examination of the database says why
    return found is not None and found.version == HEAD


async def _opens(configuration: Configuration) -> None:
    state = StateDirectory(folder(configuration))
    opened = Database(configuration.database.url or state.database, configuration.database)
    try:
        await check_master_key(opened, Envelope(master_keys(configuration.keys, state)), SEALED)
    finally:
        await opened.close()


def records(configuration: Configuration) -> str | Said:
    """Whether the store answers and takes writes, and how much room there is."""
    settings, path = configuration.records, folder(configuration)
    if not settings.url and not (path / STORE).exists():
        return f"{path / STORE} (made at the first start)"
    began = time.perf_counter()
    if not asyncio.run(_store_works(configuration)):
        raise StartError(
            "records_unavailable",
            f"The store of records does not answer or take writes: {settings.url or path / STORE}.",
            "Look at the search server's health and log."
            if settings.url
            else "Look at the disk, and who owns the file.",
        )
    said = f"{settings.url or path / STORE}, {(time.perf_counter() - began) * 1000:.0f} ms"
    if settings.url:
        return said
    return _with_disk(f"{said}, {(path / STORE).stat().st_size:,} bytes", path)


async def _store_works(configuration: Configuration) -> bool:
    state = StateDirectory(folder(configuration))
    store = store_of(configuration.records, state, catalogue(), configuration.site.name, SystemClock())
    try:
        return await store.works()
    finally:
        await store.close()


def journal(configuration: Configuration) -> str | Said:
    """How much waits for the store of records, and whether what may wait has room on the disk."""
    path = folder(configuration)
    place = path / JOURNAL / configuration.site.name
    files = [one for one in place.rglob("*") if one.is_file()] if place.exists() else []
    size, most = sum(_size(one) for one in files), configuration.records.journal_max_bytes
    dead = sum(one.suffix == ".dead" for one in files)
    said = f"{len(files)} files, {size:,} of at most {most:,} bytes"
    free = shutil.disk_usage(path if path.exists() else path.parent).free
    if free < most - size:
        return Said(
            f"{said}; the disk has {free:,} bytes left.",
            "Give it more room, or lower records.journal_max_bytes: a full disk acknowledges nothing.",
        )
    if dead:
        return Said(
            f"{said}; {dead} files of documents that the store would not have.",
            "`sealroom records dead` counts them, `sealroom records retry` offers them again.",
        )
    return said


def _size(file: Path) -> int:
    """0 for one that was shipped a moment ago."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _with_disk(said: str, path: Path) -> str | Said:
    usage = shutil.disk_usage(path)
    said = f"{said}, {usage.free:,} bytes free"
    if usage.free < LOW_DISK_SHARE * usage.total:
        return Said(f"{said}.", "Give the state folder's disk more room.")
    return said

# SPDX-License-Identifier: Apache-2.0
"""The folder of what is kept on disk: the database, keys, nothing of any call. For this user only."""

import contextlib
import fcntl
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sealroom.core.errors import StartError

DATABASE_FILE = "sealroom.db"
_LOG_KEY_BYTES = 32


def state_directory(configured: str, environment: Mapping[str, str]) -> Path:
    """The configured folder, else `sealroom` in the user's state folder (XDG base directories)."""
    if configured:
        return Path(configured)
    home = environment.get("XDG_STATE_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".local" / "state") / "sealroom"


class StateDirectory:
    """The folder, made where it is missing."""

    def __init__(self, path: Path) -> None:
        """Raises `StartError` where the folder cannot be made or written."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(path, error) from error

    @property
    def database(self) -> Path:
        """The database file."""
        return self.path / DATABASE_FILE

    def log_key(self) -> bytes:
        """The installation's key for personal fields of logs; made at the first start."""
        return self.keep("log.key", lambda: secrets.token_bytes(_LOG_KEY_BYTES))

    def keep(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The content of a private file, made at the first start."""
        file = self.path / name
        try:
            if not file.exists():
                write_new_private(file, make())
            return file.read_bytes()
        except OSError as error:
            raise _unusable(file, error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second server from the same folder. Raises `StartError` if there is one."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(self.path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise StartError(
                "state_in_use",
                f"Another server uses {self.path}.",
                "End it, or give this one its own folder with --state.",
            ) from error
        finally:
            os.close(descriptor)


def write_private(file: Path, content: bytes) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).replace(file)
        sync_folder(file.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_new_private(file: Path, content: bytes) -> None:
    """Like `write_private`, but leaves a file alone that is there: of two processes that make one, the first is right."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(out.name, file)
            sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable: a name is on the disk only when its folder is, and what was used must be there after a power
    cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> StartError:
    return StartError(
        "state_unusable",
        f"{path} cannot be used: {error.strerror}.",
        "Check its permissions, or name another folder with --state or [state].",
    )

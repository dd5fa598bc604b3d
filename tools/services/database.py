# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: TLS, passwords, as its operator would run it, but that a crash of the machine may cost its data."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

from tools.services.certificate import make_certificate
from tools.services.faults import ServiceError
from tools.services.packages import postgresql_programs
from tools.services.process import Process, free_port

OWNER, PASSWORD = "sealroom", "sealroom-tests"
_RUNS_AS = ("postgres", "nobody")
"""Whom it runs as when root starts it: it refuses root."""
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "ssl": "on",
    "ssl_cert_file": "chain.pem",
    "ssl_key_file": "key.pem",
    # What is acknowledged must outlive a killed server, which the system's cache sees to; it need not outlive a power cut.
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
}


@dataclass(frozen=True)
class PostgreSQL:
    """A running server."""

    process: Process
    port: int
    authority: Path
    programs: Path

    def url(self, database: str = "postgres") -> str:
        """Where a client connects to, as libpq takes it; the server's certificate and name are verified."""
        return (
            f"postgresql://{OWNER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"
            f"?sslmode=verify-full&sslrootcert={self.authority}"
        )

    def create_database(self, name: str) -> str:
        """Makes an empty database and returns its address."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Removes a database, and whoever is still connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Runs a statement as the owner, and returns what psql prints of the result: values alone, tabs between."""
        command: list[str | Path] = [
            self.programs / "psql",
            "-X",
            "-q",
            "-A",
            "-t",
            "-F",
            "\t",
            "-v",
            "ON_ERROR_STOP=1",
        ]
        done = subprocess.run(
            [*command, "-d", self.url(database), "-c", statement], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ServiceError(f"PostgreSQL refused: {statement}.", "It said:", done.stderr)
        return done.stdout.strip()

    def environment(self) -> Mapping[str, str]:
        """What a developer exports to connect."""
        return {"SEALROOM_TEST_POSTGRESQL": self.url()}


@contextmanager
def postgresql(folder: Path) -> Iterator[PostgreSQL]:
    """Runs a server whose data lie below `folder`, which whoever the server runs as must be able to reach.

    Raises:
        ServiceError: it is not installed, or does not start.
    """
    programs = postgresql_programs()
    user = _user()
    data = folder / "postgresql"
    certificate = make_certificate(folder)
    _initialise(programs, data, user)
    for file in (certificate.chain, certificate.key):
        shutil.copy(file, data / file.name)
        (data / file.name).chmod(0o600)
        if user:
            shutil.chown(data / file.name, user)
    port = free_port()
    settings = [
        f"--{name.replace('_', '-')}={value}" for name, value in (_SETTINGS | {"port": str(port)}).items()
    ]
    probe: list[str | Path] = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    process = Process(
        "postgresql", [programs / "postgres", "-D", data, *settings], folder,
        ready=lambda: subprocess.run(probe, check=False).returncode == 0, patience=60, user=user, polite=SIGINT,
    )  # fmt: skip
    with process:
        yield PostgreSQL(process, port, certificate.authority, programs)


def _user() -> str:
    if os.geteuid() != 0:
        return ""
    known = {one.pw_name for one in pwd.getpwall()}
    return next(name for name in _RUNS_AS if name in known)


def _initialise(programs: Path, data: Path, user: str) -> None:
    data.mkdir(mode=0o700)
    password = data.with_suffix(".password")
    password.write_text(PASSWORD)
    password.chmod(0o600)
    if user:
        shutil.chown(data, user)
        shutil.chown(password, user)
    command: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        OWNER,
        "-A",
        "scram-sha-256",
        f"--pwfile={password}",
    ]
    done = subprocess.run(
        [*command, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"], user=user or None, group=_group(user),
        extra_groups=[] if user else None, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    password.unlink()
    if done.returncode:
        raise ServiceError("PostgreSQL could not prepare its folder.", "It said:", done.stdout + done.stderr)


def _group(user: str) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None

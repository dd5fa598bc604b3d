# SPDX-License-Identifier: Apache-2.0
"""Real services as fixtures of pytest. Each is started once for a run, by the first test that asks, and hands every test what is its own:
a database, a prefix of index names, a bucket, a prefix of subjects. A test that asks must be marked `services`.

A test may kill and restart the server that it is handed; the next test finds it running.
"""

import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.services import S3, Nats, PostgreSQL, Search, nats, opensearch, postgresql, s3


@dataclass(frozen=True)
class OwnDatabase:
    """An empty database of PostgreSQL: its address as libpq takes it."""

    server: PostgreSQL
    name: str
    url: str


@dataclass(frozen=True)
class OwnIndices:
    """A prefix that no index, data stream or template of another test has."""

    server: Search
    prefix: str


@dataclass(frozen=True)
class OwnBucket:
    """An empty bucket."""

    server: S3
    name: str


@dataclass(frozen=True)
class OwnSubjects:
    """A prefix for subjects, streams and buckets of NATS; letters and digits only, so that it is a token of each."""

    server: Nats
    prefix: str


@pytest.fixture(scope="session")
def services_folder() -> Iterator[Path]:
    """Below the system's temporary folder, not pytest's: PostgreSQL runs as another user where root runs the tests."""
    with tempfile.TemporaryDirectory(prefix="sealroom-services-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="session")
def postgresql_server(services_folder: Path) -> Iterator[PostgreSQL]:
    with postgresql(_below(services_folder, "postgresql")) as server:
        yield server


@pytest.fixture(scope="session")
def opensearch_server(services_folder: Path) -> Iterator[Search]:
    with opensearch(_below(services_folder, "opensearch")) as server:
        yield server


@pytest.fixture(scope="session")
def nats_server(services_folder: Path) -> Iterator[Nats]:
    with nats(_below(services_folder, "nats")) as server:
        yield server


@pytest.fixture(scope="session")
def s3_server(services_folder: Path) -> Iterator[S3]:
    with s3(_below(services_folder, "s3")) as server:
        yield server


@pytest.fixture
def own_database(postgresql_server: PostgreSQL) -> Iterator[OwnDatabase]:
    """An empty database, dropped afterwards with whoever is still connected."""
    postgresql_server.process.start()
    name = _unique()
    yield OwnDatabase(postgresql_server, name, postgresql_server.create_database(name))
    postgresql_server.process.start()
    postgresql_server.drop_database(name)


@pytest.fixture
def own_indices(opensearch_server: Search) -> Iterator[OwnIndices]:
    """A prefix; everything under it is deleted afterwards."""
    opensearch_server.process.start()
    prefix = _unique()
    yield OwnIndices(opensearch_server, prefix)
    opensearch_server.process.start()
    opensearch_server.forget(prefix)


@pytest.fixture
def own_bucket(s3_server: S3) -> OwnBucket:
    """An empty bucket; it goes with the server."""
    s3_server.process.start()
    name = _unique()
    s3_server.create_bucket(name)
    return OwnBucket(s3_server, name)


@pytest.fixture
def own_subjects(nats_server: Nats) -> OwnSubjects:
    """A prefix; what is made under it goes with the server."""
    nats_server.process.start()
    return OwnSubjects(nats_server, _unique())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test without the mark would run in `make test`, where nothing is installed."""
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        if "services_folder" in used and item.get_closest_marker("services") is None:
            raise pytest.UsageError(f"{item.nodeid} uses a real service: mark it `services`.")


def _below(root: Path, name: str) -> Path:
    folder = root / name
    folder.mkdir(mode=0o711)
    return folder


def _unique() -> str:
    """For all four: PostgreSQL folds capitals, S3 wants three characters, OpenSearch no leading digit or sign."""
    return f"t{secrets.token_hex(6)}"

# SPDX-License-Identifier: Apache-2.0
"""What the doctor finds, with real files, sockets and certificates."""

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from sealroom.accounts.service import AccountSpec
from sealroom.apps.models import ApplicationSpec
from sealroom.core.clock import SystemClock
from sealroom.core.config import Configuration
from sealroom.core.config.schema import (
    AdminSettings,
    ApiSettings,
    BusSettings,
    ObjectsSettings,
    RecordsSettings,
    SignallingSettings,
    StateSettings,
)
from sealroom.core.state import StateDirectory
from sealroom.doctor import Finding, Weight, between, examine
from sealroom.kept import kept
from sealroom.nodes.lease import NodeName
from sealroom.webhooks.models import Group
from server.tests.certificates import make_certificate
from server.tests.fakes import ACTOR


@pytest.fixture
def plain(tmp_path: Path) -> Configuration:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    return Configuration(
        signalling=SignallingSettings(listen="127.0.0.1:0"),
        api=ApiSettings(listen="127.0.0.1:0"),
        admin=AdminSettings(listen="127.0.0.1:0"),
        state=StateSettings(directory=str(state)),
    )


def found(configuration: Configuration, name: str) -> Finding:
    (one,) = [finding for finding in examine(configuration) if finding.name == name]
    assert one.action or one.weight is Weight.OK
    return one


def fill(configuration: Configuration, url: str = "") -> None:
    """A database with an application, and an endpoint where there is a URL."""

    async def work() -> None:
        async with kept(configuration) as everything:
            account = await everything.accounts.create(AccountSpec("Tests"), ACTOR)
            made = await everything.register.create(account.uin, ApplicationSpec("Tests"), ACTOR)
            if url:
                await everything.endpoints.set(made.sdk_app_id, Group.ROOM, url, "", actor=ACTOR)

    asyncio.run(work())


def with_certificate(configuration: Configuration, certificate: Path, key: Path) -> Configuration:
    settings = SignallingSettings(listen="127.0.0.1:0", certificate=str(certificate), key=str(key))
    return msgspec.structs.replace(configuration, signalling=settings)


def test_a_folder_that_is_new_has_no_fault(plain: Configuration) -> None:
    assert [one for one in examine(plain) if one.weight is Weight.FAULT] == []


def test_examining_makes_nothing(plain: Configuration) -> None:
    examine(plain)
    assert list(Path(plain.state.directory).iterdir()) == []


def test_a_database_says_its_schema_and_how_fast_it_is(plain: Configuration) -> None:
    fill(plain)
    assert " ms, schema " in found(plain, "database").sentence
    assert "opens the secrets" in found(plain, "keys").sentence


def test_a_lost_master_key_is_a_fault_and_so_is_another_one_s(plain: Configuration) -> None:
    fill(plain)
    file = Path(plain.state.directory) / "master.key"
    file.rename(file.with_suffix(".away"))
    lost = found(plain, "keys")
    assert lost.weight is Weight.FAULT
    assert "backup" in lost.action
    fresh = msgspec.structs.replace(plain, state=StateSettings(directory=str(file.parent.parent / "other")))
    fill(fresh)
    shutil.copy(Path(fresh.state.directory) / "master.key", file)
    assert found(plain, "keys").weight is Weight.FAULT


def test_a_port_that_somebody_else_has_is_a_fault_and_a_running_server_s_own_is_not(
    plain: Configuration,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        admin = AdminSettings(listen=f"127.0.0.1:{taken.getsockname()[1]}")
        configuration = msgspec.structs.replace(plain, admin=admin)
        assert found(configuration, "admin").weight is Weight.FAULT
        with StateDirectory(Path(plain.state.directory)).locked():
            assert "running server" in found(configuration, "admin").sentence
            assert "in use by a running server" in found(configuration, "state").sentence


def test_a_certificate_is_looked_at_as_clients_do(plain: Configuration, tmp_path: Path) -> None:
    pair = make_certificate(tmp_path, "rtc.example", days=90)
    own = found(with_certificate(plain, *pair), "certificate")
    assert own.weight is Weight.NOTE
    assert "rtc.example" in own.sentence
    assert "valid for 90 days" in own.sentence
    assert "self-signed certificate" in own.sentence
    make_certificate(tmp_path, "rtc.example", days=5)
    assert "Renew it" in found(with_certificate(plain, *pair), "certificate").action
    make_certificate(tmp_path, "rtc.example", days=-0.5)
    expired = found(with_certificate(plain, *pair), "certificate")
    assert expired.weight is Weight.FAULT
    assert "expired" in expired.sentence


def test_a_key_of_another_certificate_is_a_fault(plain: Configuration, tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path, "rtc.example")
    other = tmp_path / "other"
    other.mkdir()
    _, key = make_certificate(other, "rtc.example")
    assert (
        "do not belong together" in found(with_certificate(plain, certificate, key), "certificate").sentence
    )
    assert (
        found(with_certificate(plain, certificate, tmp_path / "none"), "certificate").weight is Weight.FAULT
    )


@pytest.fixture
def search_server() -> Iterator[tuple[str, list[float]]]:
    """Something that answers with a date, so many seconds from now."""
    ahead = [0.0]

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(401)
            self.send_header("Date", formatdate(time.time() + ahead[0], usegmt=True))
            self.end_headers()

        def do_GET(self) -> None:
            self.send_error(503)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to say."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", ahead
        server.shutdown()
        thread.join()


def test_a_search_server_s_clock_is_compared_and_that_it_does_not_work_is_a_fault(
    plain: Configuration, search_server: tuple[str, list[float]]
) -> None:
    url, ahead = search_server
    configuration = msgspec.structs.replace(plain, records=RecordsSettings(url=url))
    assert found(configuration, "clock").weight is Weight.OK
    ahead[0] = 5
    assert found(configuration, "clock").weight is Weight.NOTE
    ahead[0] = -120
    clock = found(configuration, "clock")
    assert clock.weight is Weight.FAULT
    assert "NTP" in clock.action
    assert found(configuration, "records").weight is Weight.FAULT


def test_a_store_on_this_disk_works_and_a_journal_wants_room(plain: Configuration) -> None:
    folder = Path(plain.state.directory)
    (folder / "journal" / "main").mkdir(parents=True)
    (folder / "journal" / "main" / "1.dead").write_bytes(b"x" * 100)
    assert "records retry" in found(plain, "journal").action
    much = msgspec.structs.replace(plain, records=RecordsSettings(journal_max_bytes=10**18))
    assert "bytes left" in found(much, "journal").sentence


def test_an_endpoint_s_name_that_is_not_resolved_is_said(plain: Configuration) -> None:
    fill(plain, "https://nobody.invalid/hook")
    webhooks = found(plain, "webhooks")
    assert webhooks.weight is Weight.NOTE
    assert "nobody.invalid is not resolved" in webhooks.sentence


def test_too_few_file_descriptors_are_said(plain: Configuration) -> None:
    many = SignallingSettings(listen="127.0.0.1:0", max_connections=1_000_000)
    files = found(msgspec.structs.replace(plain, signalling=many), "files")
    assert "1001024" in files.sentence or files.weight is Weight.OK


def test_a_bus_that_is_not_reached_is_a_fault(plain: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(plain, "bus").sentence == "in this process"
    monkeypatch.setattr(between, "PATIENCE_SECONDS", 0.1)
    gone = msgspec.structs.replace(plain, bus=BusSettings("nats://127.0.0.1:9"))
    assert found(gone, "bus").weight is Weight.FAULT
    in_clear = msgspec.structs.replace(plain, bus=BusSettings("nats://nats.example"))
    assert "not encrypted" in found(in_clear, "bus").sentence


def test_objects_are_examined_where_they_lie(plain: Configuration) -> None:
    assert "made at the first start" in found(plain, "objects").sentence
    folder = Path(plain.state.directory) / "objects"
    folder.mkdir(mode=0o700)
    assert "beside the database" in found(plain, "objects").sentence
    unnamed = msgspec.structs.replace(plain, objects=ObjectsSettings("https://s3.example"))
    assert found(unnamed, "objects").weight is Weight.FAULT


def test_servers_that_run_on_the_database_are_named(plain: Configuration) -> None:
    fill(plain)

    async def claim(name: str) -> None:
        async with kept(plain) as everything:
            await NodeName(everything.database, SystemClock(), name, name).claim()

    assert found(plain, "node").sentence == "main; others that run on this database: none"
    asyncio.run(claim("rtc-2"))
    assert found(plain, "node").sentence == "main; others that run on this database: rtc-2"

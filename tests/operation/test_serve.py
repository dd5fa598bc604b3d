# SPDX-License-Identifier: Apache-2.0
"""The production server as a process: what it refuses, how it starts, drains and ends."""

import json
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode
from tests.operation.serving import COMMAND, ENVIRONMENT, Server, enter, serving


def test_a_served_process_is_ready_and_says_what_runs(server: Server) -> None:
    status, text = server.get("/readyz")
    readiness = json.loads(text)
    assert (status, readiness["checks"]) == (
        200,
        {"database": True, "engine": True, "node": True, "signalling": True},
    )
    assert "journal" in readiness["notes"]["records"]
    assert "events wait to be written" in readiness["notes"]["ledger"]
    version = json.loads(server.get("/version")[1])
    assert version["protocol"] == [1]
    assert version["deprecations"] == []
    assert server.get("/nothing")[0] == 404


def test_there_is_no_demo_application(server: Server) -> None:
    logged = server.log()
    assert {one["listener"] for one in logged if one["event"] == "listening"} == {
        "signalling",
        "api",
        "admin",
    }
    assert not (server.folder / "demo.json").exists()
    assert "undeclared" not in (server.folder / "log").read_text()
    with closing(sqlite3.connect(server.folder / "state" / "sealroom.db")) as database:
        found = database.execute("SELECT sdk_app_id FROM applications").fetchall()
    assert found == [(1_400_000_777,)]


def test_a_drain_lets_calls_end_and_takes_no_new_ones(tmp_path: Path) -> None:
    with serving(tmp_path, "[server]\ndrain_seconds = 120\n", watchdog_seconds=0.3) as server:
        server.supervision.wait_for("WATCHDOG=1")
        with server.line() as line:
            assert isinstance(enter(line, "alice", "open"), signalling.Entered)
            server.child.send_signal(signal.SIGHUP)
            server.child.send_signal(signal.SIGTERM)
            server.supervision.wait_for("STOPPING=1")
            assert "EXTEND_TIMEOUT_USEC=180000000" in server.supervision.told
            status, text = server.get("/readyz")
            assert (status, json.loads(text)["draining"]) == (503, True)
            with server.line() as other:
                refused = enter(other, "bob", "new")
                assert isinstance(refused, signalling.Refused)
                assert refused.code == ErrorCode.SERVER_BUSY
            with server.line() as other:
                assert isinstance(enter(other, "bob", "open"), signalling.Entered)
                other.send('{"type":"leave","id":2}')
                other.recv(10)
            server.supervision.told.clear()
            server.supervision.wait_for("WATCHDOG=1")
            assert server.child.poll() is None
            line.send('{"type":"leave","id":2}')
            line.recv(10)
        assert server.child.wait(20) == 0
        assert [one["count"] for one in server.log() if one["event"] == "drained"] == [0]


def test_the_end_comes_when_the_time_of_the_drain_is_over_or_at_a_second_signal(tmp_path: Path) -> None:
    for number, (seconds, second_signal) in enumerate(((0.5, False), (600, True))):
        folder = tmp_path / str(number)
        folder.mkdir()
        with serving(folder, f"[server]\ndrain_seconds = {seconds}\n") as server, server.line() as line:
            assert isinstance(enter(line, "alice", "open"), signalling.Entered)
            began = time.monotonic()
            server.child.send_signal(signal.SIGTERM)
            server.supervision.wait_for("STOPPING=1")
            if second_signal:
                server.child.send_signal(signal.SIGTERM)
            assert server.child.wait(30) == 0
            assert time.monotonic() - began < 30
            assert [one["count"] for one in server.log() if one["event"] == "drained"] == [1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("signalling would be spoken in clear", "api would", "media.port", "state.directory")),
        ('[media]\nsink_dump = "/tmp/x"', ("media.sink_dump is for development only",)),
        ('[signalling]\nlisten = "127.0.0.1:0"', ("signalling.listen takes any free port",)),
        ('[signalling]\nbehind_proxi = ["127.0.0.1/32"]', ("behind_proxi", "`behind_proxy`")),
        ('[traces]\nendpoint = "http://collector.example:4318/v1/traces"', ("not encrypted",)),
    ],
)
def test_what_dev_puts_up_with_serve_refuses(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    file = tmp_path / "sealroom.toml"
    if text.startswith("[traces]"):
        text += (
            f'\n[signalling]\nbehind_proxy = ["127.0.0.1/32"]\n[api]\nbehind_proxy = ["127.0.0.1/32"]\n'
            f'[media]\nport = 40001\n[state]\ndirectory = "{tmp_path / "state"}"'
        )
    file.write_text(text)
    ended = subprocess.run(
        [*COMMAND, "serve", "--config", str(file)], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False
    )  # fmt: skip
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in ended.stderr


def test_who_lost_his_name_takes_no_new_rooms(tmp_path: Path) -> None:
    """As one whose process stood still for longer than its lease."""
    with serving(tmp_path) as server:
        with (
            closing(sqlite3.connect(server.folder / "state" / "sealroom.db", timeout=10)) as database,
            database,
        ):
            database.execute("UPDATE node_names SET holder = 'another'")
        limit = time.monotonic() + 60
        while (answer := server.get("/readyz"))[0] == 200:
            assert time.monotonic() < limit
            time.sleep(0.2)
        assert json.loads(answer[1])["checks"]["node"] is False
        with server.line() as line:
            refused = enter(line, "alice", "room")
            assert isinstance(refused, signalling.Refused)
            assert refused.code == ErrorCode.SERVER_BUSY

# SPDX-License-Identifier: Apache-2.0
"""What brings real services to the tests: installed only as recorded, started or explained, stopped whatever happens."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tools.services import ServiceError, search
from tools.services import java as java_module
from tools.services.__main__ import main
from tools.services.fixtures import OwnBucket, OwnDatabase, OwnIndices, OwnSubjects
from tools.services.java import java
from tools.services.packages import java_runtime, sums, verify
from tools.services.process import Process, answers, descendants, free_port, listens


def test_jars_that_are_not_the_recorded_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"a")
    (tmp_path / "b.jar").write_bytes(b"b")
    recorded = sums(tmp_path)
    verify(tmp_path, recorded)
    (tmp_path / "b.jar").write_bytes(b"other")
    with pytest.raises(ServiceError, match=r"b\.jar") as caught:
        verify(tmp_path, recorded)
    assert "a.jar" not in str(caught.value)
    (tmp_path / "b.jar").unlink()
    with pytest.raises(ServiceError, match=r"b\.jar"):
        verify(tmp_path, recorded)


def python_server(folder: Path, script: str, port: int, patience: float = 20) -> Process:
    command = [sys.executable, "-c", script]
    return Process("thing", command, folder, lambda: listens(port), patience=patience)


LISTEN = (
    "import socket,time; s=socket.create_server(('127.0.0.1',{0})); print('here', flush=True); time.sleep(60)"
)


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_nothing_of_a_server_that_was_killed_is_left(tmp_path: Path) -> None:
    """Not even what left its group, as PostgreSQL's processes do."""
    port = free_port()
    child = "import time; time.sleep(60)"
    script = f"import subprocess,sys; subprocess.Popen([sys.executable,'-c',{child!r}],start_new_session=True); {LISTEN.format(port)}"
    with python_server(tmp_path, script, port) as server:
        assert server._running is not None
        started = descendants(server._running.pid)
        assert len(started) == 1
        server.kill()
        assert not any(
            Path(f"/proc/{one}/cmdline").exists() and Path(f"/proc/{one}/cmdline").read_bytes()
            for one in started
        )


def test_a_server_is_ready_when_it_starts_again_after_a_kill(tmp_path: Path) -> None:
    port = free_port()
    with python_server(tmp_path, LISTEN.format(port), port) as server:
        assert listens(port)
        server.kill()
        with pytest.raises(ConnectionError):
            listens(port)
        server.start()
        assert listens(port)
    assert not server.running
    assert server.output_file.read_text().splitlines() == ["here", "here"]


def test_a_server_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    port = free_port()
    server = python_server(tmp_path, LISTEN.format(port), port)
    asking = threading.Thread(target=server.start)
    asking.start()
    asking.join()
    # Long enough for a signal that is on its way already.
    time.sleep(0.2)
    assert server.running
    server.stop()
    assert not server.running


def test_a_server_that_ends_at_once_shows_what_it_said(tmp_path: Path) -> None:
    server = python_server(tmp_path, "print('the disk is a potato'); raise SystemExit(3)", free_port())
    with pytest.raises(ServiceError, match=r"exit code 3(.|\n)*potato"):
        server.start()


def test_a_server_that_never_gets_ready_is_ended(tmp_path: Path) -> None:
    server = python_server(tmp_path, "import time; time.sleep(60)", free_port(), patience=0.2)
    with pytest.raises(ServiceError, match="not ready"):
        server.start()
    assert not server.running


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")
def test_a_server_ends_with_a_run_that_was_killed(tmp_path: Path) -> None:
    port = free_port()
    script = f"""
from pathlib import Path
from tools.tests.test_services import LISTEN, python_server
import os, signal
python_server(Path({str(tmp_path)!r}), LISTEN.format({port}), {port}).start()
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = subprocess.run([sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[2])
    assert run.returncode == -signal.SIGKILL
    for _ in range(1000):
        try:
            listens(port)
        except OSError:
            return
    pytest.fail("the server still takes connections")


def fake_java(folder: Path, version: str) -> Path:
    program = folder / version / "bin/java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return program


def test_an_old_java_is_passed_over_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("17.0.2", "98.1"):
        fake_java(tmp_path, version)
    monkeypatch.setattr(java_module, "java_runtime", lambda: fake_java(tmp_path, "97"))
    monkeypatch.setenv("PATH", f"{tmp_path / '98.1/bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "17.0.2"))
    assert java(98) == tmp_path / "98.1/bin/java"
    with pytest.raises(ServiceError, match="the newest here is 98"):
        java(99)


def test_a_machine_with_an_old_java_takes_the_one_of_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, locked = fake_java(tmp_path, "17.0.2"), fake_java(tmp_path, "98.1")
    monkeypatch.setenv("PATH", f"{old.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(java_module, "java_runtime", lambda: locked)
    assert java(98) == locked


@pytest.mark.services
def test_the_java_of_the_wheel_has_what_opensearch_asks_for() -> None:
    asked: list[str | Path] = [java_runtime(), "--list-modules"]
    listed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    modules = {line.partition("@")[0] for line in listed.splitlines()}
    assert {"java.se", "java.instrument", "jdk.management", "jdk.unsupported", "jdk.zipfs"} <= modules
    assert "@25" in listed


def test_an_unknown_service_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["up", "postgres"])
    assert "postgresql, opensearch, nats, s3" in capsys.readouterr().err


def test_a_test_that_uses_a_service_without_saying_so_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_unmarked.py").write_text("def test_it(own_bucket):\n    pass\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tools.services.fixtures",
        "-c",
        os.devnull,
        "test_unmarked.py",
    ]
    root = Path(__file__).parents[2]
    run = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "mark it `services`" in run.stdout + run.stderr


@pytest.mark.services
def test_postgresql_keeps_what_it_acknowledged_when_it_is_killed(own_database: OwnDatabase) -> None:
    server, name = own_database.server, own_database.name
    server.execute("CREATE TABLE t (n int); INSERT INTO t VALUES (7)", name)
    server.process.kill()
    with pytest.raises(ServiceError):
        server.execute("SELECT 1", name)
    server.process.start()
    assert server.execute("SELECT n FROM t", name) == "7"
    assert server.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", name) == "t"


@pytest.mark.services
def test_opensearch_keeps_what_it_acknowledged_when_it_is_killed(own_indices: OwnIndices) -> None:
    server, index = own_indices.server, f"{own_indices.prefix}-x"
    server.call("PUT", index, {"settings": {"number_of_replicas": 0}})
    server.call("PUT", f"{index}/_doc/1", {"n": 7})
    server.process.kill()
    server.process.start()
    assert json.loads(json.dumps(server.call("GET", f"{index}/_doc/1")))["_source"] == {"n": 7}


@pytest.mark.services
def test_what_a_test_left_in_opensearch_is_forgotten(own_indices: OwnIndices) -> None:
    server, prefix = own_indices.server, own_indices.prefix
    stream = {"index_patterns": [f"{prefix}-s*"], "data_stream": {}, "priority": 500}
    server.call("PUT", f"_index_template/{prefix}-t", stream)
    server.call("POST", f"{prefix}-s/_doc", {"@timestamp": "2026-01-01T00:00:00Z"})
    server.call("PUT", f"{prefix}-x")
    server.forget(prefix)
    assert server.call("GET", f"_cat/indices/{prefix}*?format=json") == []
    assert server.call("GET", f"_data_stream/{prefix}*") == {"data_streams": []}


@pytest.mark.services
def test_nats_is_ready_again_after_a_kill(own_subjects: OwnSubjects) -> None:
    own_subjects.server.process.kill()
    own_subjects.server.process.start()
    assert listens(own_subjects.server.port)


@pytest.mark.services
def test_the_s3_server_has_the_bucket_and_refuses_strangers(own_bucket: OwnBucket) -> None:
    assert own_bucket.name in own_bucket.server.administer("list-buckets")
    with pytest.raises((urllib.error.URLError, OSError)):
        answers(f"{own_bucket.server.endpoint}/{own_bucket.name}")


def test_two_runs_never_have_one_port_though_neither_server_is_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_LOCKS", tmp_path)
    monkeypatch.setattr(search, "_PORTS", [free_port(), free_port()])
    with search._free_port() as first:
        with search._free_port() as second:
            assert second != first
            with pytest.raises(ServiceError), search._free_port():
                pass
        with search._free_port() as again:
            assert again == second

# SPDX-License-Identifier: Apache-2.0
"""The command as an operator uses it: as a process, on free ports, with its own state folder."""

import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest
import structlog
from websockets.sync.client import connect
from websockets.typing import Origin

from sealroom import cli
from sealroom_wire import signalling
from sealroom_wire.signalling import SendSection
from sealroom_wire.usersig import sign_user_sig
from server.tests import offers

COMMAND = [sys.executable, "-c", "from sealroom.cli import main; main()"]
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("SEALROOM_")}


class Command:
    """Runs commands in this process, which saves starting an interpreter for each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str, code: int = 0, environment: dict[str, str] | None = None) -> str:
        """Runs a command to its end; returns what it printed."""
        with self._monkeypatch.context() as patched:
            for key, value in (environment or {}).items():
                patched.setenv(key, value)
            ended = 0
            try:
                cli.main(arguments)
            except SystemExit as end:
                ended = int(end.code or 0)
        printed = self._capsys.readouterr()
        assert ended == code, printed
        return printed.out + printed.err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    yield Command(monkeypatch, capsys)
    structlog.reset_defaults()


@contextmanager
def operator(folder: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """`sealroom dev` until the block ends; what it printed so far ends with its last line of greeting."""
    command = [
        *COMMAND,
        "dev",
        "--state",
        str(folder / "state"),
        "--port",
        "0",
        "--admin-port",
        "0",
        "--api-port",
        "0",
        *flags,
    ]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    assert child.stdout is not None
    assert child.stderr is not None
    errors = child.stderr
    log: list[str] = []
    reader = threading.Thread(target=lambda: log.extend(errors), daemon=True)
    reader.start()
    printed: list[str] = []
    for line in child.stdout:
        printed.append(line)
        if "development mode" in line:
            break
    try:
        yield child, printed
    finally:
        child.send_signal(signal.SIGTERM)
        code = child.wait(15)
        reader.join(5)
        child.stdout.close()
        child.stderr.close()
        (folder / "log").write_text("".join(log))
    assert code == 0, "".join(log)


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_dev_serves_a_call_hands_the_demo_over_and_ends_in_order(tmp_path: Path) -> None:
    out = tmp_path / "operator.json"
    with operator(tmp_path, "--demo-out", str(out)) as (_, printed):
        text = "".join(printed)
        assert "development mode: not for production" in text
        assert "loopback" in text
        admin = re.search(r"http://127\.0\.0\.1:\d+(?=/metrics)", text)
        assert admin is not None
        assert json.loads(fetch(f"{admin.group()}/readyz"))["ready"] is True
        assert fetch(f"{admin.group()}/livez") == "ok\n"
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        demo = json.loads(out.read_text())
        assert set(demo) == {"endpoint", "sdk_app_id", "secret_key"}
        assert demo["endpoint"] in text
        assert demo["secret_key"] not in text
        enter_as(demo, "alice-smith")
        assert "sealroom_enter_seconds_count 1.0" in fetch(f"{admin.group()}/metrics")
    log = (tmp_path / "log").read_text()
    assert "participant_entered" in log
    for secret in ("alice-smith", "127.0.0.1", demo["secret_key"], "the-room"):
        assert secret not in log


def enter_as(demo: dict[str, str], user: str) -> None:
    """Enters from a page of this machine, publishes, and leaves."""
    app = int(demo["sdk_app_id"])
    token = sign_user_sig(
        secret_key=demo["secret_key"], sdk_app_id=app, user_id=user, issued_at=int(time.time()), expire=60
    )  # fmt: skip
    sends = tuple(SendSection(mid, track) for mid, track in offers.TRACKS.items())
    message = signalling.Enter(
        id=1, version=1, sdk_app_id=app, user_id=user, user_sig=token, sdp=offers.offer(), sends=sends, str_room_id="the-room"
    )  # fmt: skip
    with connect(demo["endpoint"], origin=Origin("http://localhost:8080")) as line:
        line.send(msgspec.json.encode(message).decode())
        entered = msgspec.json.decode(line.recv(), type=signalling.ServerMessage)
        assert isinstance(entered, signalling.Entered)
        assert entered.sealing is signalling.Sealing.REQUIRED
        assert entered.sdp.count("a=candidate:") >= 1
        line.send('{"type":"leave","id":2}')
        line.recv()


def test_the_demo_application_stays_the_same_over_a_restart(tmp_path: Path) -> None:
    keys = []
    for number in range(2):
        out = tmp_path / f"{number}.json"
        with operator(tmp_path, "--demo-out", str(out)):
            keys.append(json.loads(out.read_text())["secret_key"])
    assert keys[0] == keys[1]


def test_a_second_server_on_the_same_state_says_so(tmp_path: Path, run: Command) -> None:
    with operator(tmp_path):
        said = run(
            "dev",
            "--state",
            str(tmp_path / "state"),
            "--port",
            "0",
            "--admin-port",
            "0",
            "--api-port",
            "0",
            code=1,
        )
    assert "Another server uses" in said


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"SEALROOM_SIGNALLING__LISTEN": "0.0.0.0:0"}, "certificate"),
        ({"SEALROOM_SIGNALLING__LISTEN": "nonsense"}, "signalling.listen"),
        ({"SEALROOM_SIGNALLING__CERTIFICATE": "/none", "SEALROOM_SIGNALLING__KEY": "/none"}, "certificate"),
        ({"SEALROOM_MEDIA__ADDRESSES": "nonsense"}, "media.addresses"),
        ({"SEALROOM_MEDIA__PROT": "1"}, "SEALROOM_MEDIA__PORT"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_a_sentence_and_code_2(
    tmp_path: Path, run: Command, environment: dict[str, str], word: str
) -> None:
    said = run(
        "dev",
        "--state",
        str(tmp_path),
        "--admin-port",
        "0",
        "--api-port",
        "0",
        code=2,
        environment=environment,
    )
    assert word in said
    assert "Traceback" not in said


def test_help_version_sample_and_show_answer(run: Command) -> None:
    said = run("--help")
    for command in ("serve", "dev", "doctor", "config", "revoke"):
        assert command in said
    assert "--demo-out" in run("dev", "--help")
    assert run("--version").strip()
    assert "[signalling]" in run("config", "sample")
    shown = run("config", "show", environment={"SEALROOM_MEDIA__PORT": "4000"})
    assert re.search(r"media\.port = 4000 +# SEALROOM_MEDIA__PORT", shown)
    assert run("config", "--print", environment={"SEALROOM_MEDIA__PORT": "4000"}) == shown
    assert "sample" in run("config")


def test_whoever_has_read_enough_is_not_told_of_a_fault() -> None:
    """`sealroom .. | head -1`: of what nobody reads any more there is nothing to say."""
    command = [*COMMAND, "config", "sample"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        said = child.stderr.read()
    assert (child.returncode, said) == (cli.SEEN_ENOUGH, "")


def test_revocations_are_added_listed_and_taken_back(tmp_path: Path, run: Command) -> None:
    state = ("--state", str(tmp_path))
    run("revoke", "add", "1400000000", "--user", "alice", "--before", "1700000000", *state)
    run("revoke", "add", "1400000000", "--before", "5", *state)
    listed = run("revoke", "list", *state)
    assert listed.splitlines() == ["1400000000\t(every user)\t5", "1400000000\talice\t1700000000"]
    run("revoke", "remove", "1400000000", "--user", "alice", *state)
    assert "0 faults" in run("audit", "verify", *state)
    assert "no such revocation" in run("revoke", "remove", "1400000000", "--user", "alice", *state, code=1)


def test_bans_are_added_listed_and_lifted(tmp_path: Path, run: Command) -> None:
    state = ("--state", str(tmp_path))
    run("ban", "add", "1400000000", "alice", "--room-number", "7", "--before", "1700000000", *state)
    run("ban", "add", "1400000000", "bob", "--before", "5", *state)
    assert run("ban", "list", *state).splitlines() == [
        "1400000000\talice\tnumber:7\t2023-11-14T22:13:20Z",
        "1400000000\tbob\t(every room)\t1970-01-01T00:00:05Z",
    ]
    assert "no such ban" in run("ban", "lift", "1400000000", "alice", "--room-string", "7", *state, code=1)
    run("ban", "lift", "1400000000", "alice", "--room-number", "7", *state)
    assert "user id" in run("ban", "add", "1400000000", "not valid", *state, code=2)
    both = ("--room-number", "7", "--room-string", "7")
    assert "number or a string" in run("ban", "add", "1400000000", "alice", *both, *state, code=2)
    assert "0 faults" in run("audit", "verify", *state)


def test_endpoints_of_webhooks_are_set_listed_and_removed(tmp_path: Path, run: Command) -> None:
    state, key = ("--state", str(tmp_path / "state")), tmp_path / "key"
    key.write_text("Planted42Key\n")
    set_it = ("webhook", "set", "1400000000", "room")
    said = run(*set_it, "https://hook.example/a", "--key-file", str(key), *state)
    assert "signed" in said
    assert "Planted42Key" not in said
    run(
        "webhook",
        "set",
        "1400000000",
        "media",
        "https://hook.example/b?token=Planted43",
        "--no-enabled",
        *state,
    )
    assert run("webhook", "list", *state).splitlines() == [
        "1400000000\troom\thttps://hook.example/a\tsigned\ton\tbackend",
        "1400000000\tmedia\thttps://hook.example/b?token=Planted43\tnot signed\toff\tbackend",
    ]
    authority = ("--subscriber", "authority", *state)
    run(*set_it, "https://keys.example/authority/v1/webhook", "--key-file", str(key), *authority)
    assert run("webhook", "list", *state).splitlines()[0].endswith("signed\ton\tauthority")
    assert "no such endpoint" in run("webhook", "test", "1400000000", "media", *authority, code=1)
    run("webhook", "remove", "1400000000", "room", *authority)
    assert "no such endpoint" in run("webhook", "remove", "1400000000", "room", *authority, code=1)
    assert len(run("webhook", "list", *state).splitlines()) == 2
    assert "not a public one" in run(*set_it, "https://169.254.169.254/", *state, code=1)
    assert "http would carry" in run(*set_it, "http://hook.example/", *state, code=1)
    assert "switched off" in run("webhook", "test", "1400000000", "media", *state, code=1)
    assert run("webhook", "dead", *state) == ""
    assert "no such dead event" in run("webhook", "replay", "1400000000", *state, code=1)
    run("webhook", "remove", "1400000000", "room", *state)
    assert "no such endpoint" in run("webhook", "remove", "1400000000", "room", *state, code=1)
    events = [json.loads(line)["event"] for line in run("audit", "show", "--json", *state).splitlines()]
    assert events == ["webhook_changed"] * 3 + ["webhook_removed"] * 2
    told = run("audit", "show", *state)
    assert "Planted42Key" not in told
    assert "https://hook.example/b?" in told
    assert "Planted43" not in told
    assert "0 faults" in run("audit", "verify", *state)
    networks = {"SEALROOM_WEBHOOKS__ALLOW": '["nonsense"]'}
    assert "webhooks.allow" in run("webhook", "list", *state, code=2, environment=networks)


def test_the_doctor_says_what_to_mend(tmp_path: Path, run: Command) -> None:
    free = {f"SEALROOM_{one}__LISTEN": "127.0.0.1:0" for one in ("SIGNALLING", "API", "ADMIN")}
    assert "FAULT" not in run("doctor", "--state", str(tmp_path / "state"), environment=free)
    (tmp_path / "state").chmod(0o755)
    said = run("doctor", "--state", str(tmp_path / "state"), code=1, environment=free)
    assert "chmod 700" in said


def test_a_revocation_is_in_the_audit_log_and_a_changed_log_is_found(run: Command, tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "state"))
    run("audit", "checkpoint", *state, code=1)
    run("revoke", "add", "1400000001", "--user", "alice", "--before", "5", *state)
    first = tmp_path / "checkpoint"
    first.write_text(run("audit", "checkpoint", *state))
    run("audit", "rotate-key", *state)
    run("revoke", "remove", "1400000001", "--user", "alice", *state)
    shown = [json.loads(line) for line in run("audit", "show", "--json", *state).splitlines()]
    assert [one["event"] for one in shown] == [
        "user_sigs_revoked",
        "audit_key_rotated",
        "revocation_withdrawn",
    ]
    assert shown[0]["details"] == {"user": "alice", "issued_before": 5}
    assert "alice" not in shown[0]["target"]
    assert all(one["actor"].startswith("cli:") for one in shown)
    assert "3 entries" in run("audit", "verify", "--against", str(first), *state)
    assert "revocation_withdrawn" in run("audit", "show", "--event", "revocation_withdraw", *state, code=2)
    who = shown[0]["actor"]
    assert f"{who} erased from 3 entries" in run("audit", "erase-name", who, *state)
    run("audit", "erase-name", "api_key:AKIDx", *state, code=2)
    after = [json.loads(line)["actor"] for line in run("audit", "show", "--json", *state).splitlines()]
    assert after == ["operator", "operator", "operator", who]
    assert "3 without a name" in run("audit", "verify", "--against", str(first), *state)
    with closing(sqlite3.connect(tmp_path / "state" / "sealroom.db")) as connection:
        connection.execute("UPDATE audit_entries SET actor = 'cli:mallory' WHERE leaf = 0")
        connection.commit()
    assert "FAULT entry 0" in run("audit", "verify", *state, code=1)

# SPDX-License-Identifier: Apache-2.0
"""`sealroom account`, `app` and `keys` as an operator uses them, with and without a running server."""

import datetime as dt
import json
import re
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from sealroom.core.db.migrations import HEAD
from server.tests.test_cli import Command, enter_as, operator

KEY = "0123456789abcdef" * 4


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    monkeypatch.setenv("SEALROOM_STATE__DIRECTORY", str(tmp_path / "state"))
    yield Command(monkeypatch, capsys)
    structlog.reset_defaults()


def test_an_account_and_an_application_from_their_first_day_to_their_last(
    run: Command, tmp_path: Path
) -> None:
    uin = run("account", "create", "Customer", "--contact", "ops@customer.example").strip()
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    made = json.loads(
        run(
            "app", "create", uin, "Calls", "--sdk-app-id", "1400000009", "--key-file", str(file), "--sealing", "optional",
            "--advanced-permission", "--billing-mode", "monthly_package", "--tag", "team=a", "--tag", "x=y=z",
            "--origin", "https://call.example", "--origin", "http://localhost:*", "--json",
        )
    )  # fmt: skip
    assert made == {"sdk_app_id": 1400000009, "number": 1, "secret_key": KEY}
    shown = json.loads(run("app", "show", "1400000009", "--json"))
    assert shown["spec"] == {
        "name": "Calls", "enabled": True, "sealing": "optional", "advanced_permission": True, "recording": False, "relay": False,
        "billing_mode": "monthly_package", "tags": {"team": "a", "x": "y=z"}, "origins": ["https://call.example", "http://localhost:*"],
    }  # fmt: skip
    assert KEY not in run("app", "show", "1400000009")
    changed = run(
        "app",
        "change",
        "1400000009",
        "--revision",
        "1",
        "--sealing",
        "required",
        "--no-origins",
        "--recording",
    )
    assert "origins              []" in changed
    assert "revision             2" in changed
    assert "revision 2" in run("app", "change", "1400000009", "--revision", "1", "--name", "x", code=1)
    second = json.loads(run("app", "key", "add", "1400000009", "--json"))
    assert len(second["secret_key"]) == 64
    run("app", "key", "retire", "1400000009", "1")
    assert "only key" in run("app", "key", "retire", "1400000009", "2", code=1)
    assert run("app", "list").splitlines() == [f"1400000009\t{uin}\tactive\trequired\tCalls"]
    assert run("app", "list", "--account", "5") == ""
    run("app", "terminate", "1400000009")
    assert "has ended" in run("app", "change", "1400000009", "--name", "x", code=1)
    assert "name                 New" in run("account", "change", uin, "--name", "New")
    run("account", "terminate", uin, "--revision", "2")
    assert run("account", "list").splitlines() == [f"{uin}\tterminated\tNew"]
    assert json.loads(run("account", "show", uin, "--json"))["terminated_at"] > 0
    events = [json.loads(line)["event"] for line in run("audit", "show", "--json").splitlines()]
    assert events == [
        "account_created", "application_created", "application_changed", "application_key_added", "application_key_retired",
        "application_terminated", "account_changed", "account_terminated",
    ]  # fmt: skip
    assert "0 faults" in run("audit", "verify")


def test_keys_of_the_api_are_shown_once(run: Command) -> None:
    uin = run("account", "create", "Customer").strip()
    made = json.loads(run("account", "key", "create", uin, "--json"))
    assert made["secret_id"].startswith("AKID")
    listed = run("account", "key", "list", uin)
    assert listed.startswith(f"{made['secret_id']}\ton\t")
    assert made["secret_key"] not in listed + run("account", "key", "list", uin, "--json") + run(
        "audit", "show"
    )
    run("account", "key", "disable", made["secret_id"])
    assert "\toff\t" in run("account", "key", "list", uin)
    assert "off already" in run("account", "key", "disable", made["secret_id"], code=1)
    assert "no account" in run("account", "key", "list", "5", code=1)


def test_the_master_key_is_rotated(run: Command, tmp_path: Path) -> None:
    uin = run("account", "create", "Customer").strip()
    run("app", "create", uin, "Calls")
    run("account", "key", "create", uin)
    file = tmp_path / "state" / "master.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (before,) = run("keys", "show").splitlines()
    assert before.endswith("/1\t2\tnewest")
    assert "/2 is the master key; 2 values" in run("keys", "rotate")
    assert "; 0 values" in run("keys", "rotate", "--again-only")
    assert run("keys", "show").splitlines()[0].endswith("/2\t2\tnewest")
    secret = file.read_text().splitlines()[-1].split()[-1]
    assert secret not in run("keys", "show") + run("audit", "show")
    assert "master_key_rotated" in run("audit", "show")
    file.unlink()
    said = run("app", "list", code=1)
    assert "Restore that file" in said


def test_the_doctor_looks_at_database_and_keys_and_makes_neither(run: Command, tmp_path: Path) -> None:
    free = {
        "SEALROOM_SIGNALLING__LISTEN": "127.0.0.1:0",
        "SEALROOM_ADMIN__LISTEN": "127.0.0.1:0",
        "SEALROOM_MEDIA__ADDRESSES": "127.0.0.1",
    }
    # A machine with loopback alone is told so, which is no fault of what is looked at here.
    said = run("doctor", environment=free, code=1)
    assert "sealroom.db (made at the first start)" in said
    assert "master.key (made at the first start)" in said
    assert sorted(file.name for file in (tmp_path / "state").iterdir()) == []
    run("app", "list")
    assert re.search(rf"sealroom\.db, [\d.]+ ms, schema {HEAD}", run("doctor", environment=free, code=1))
    (tmp_path / "state" / "master.key").chmod(0o644)
    assert "chmod 600" in run("doctor", environment=free, code=1)
    away = free | {"SEALROOM_DATABASE__URL": "postgresql://sealroom:secret@127.0.0.1:1/x"}
    said = run("doctor", environment=away, code=1)
    assert "FAULT database" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("app", "create", "5", "x"), 1, "no account 5"),
        (("app", "show", "5"), 1, "no application 5"),
        (("app", "create", "5", "x", "--key-file", "/none"), 2, "/none"),
        (("app", "create", "5", "x", "--tag", "word"), 2, "name=value"),
        (("app", "create", "5", "x", "--origin", "*"), 1, "not an origin"),
        (("account", "create", ""), 1, "does not fit"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    run: Command, arguments: tuple[str, ...], code: int, word: str
) -> None:
    said = run(*arguments, code=code)
    assert word in said
    assert "Traceback" not in said


def entered_soon(demo: dict[str, str]) -> None:
    """What was refused a moment ago is let in within two seconds: only a refusal may be from before a change."""
    limit = time.monotonic() + 2
    while True:
        try:
            return enter_as(demo, "alice")
        except AssertionError:
            if time.monotonic() > limit:
                raise


def test_what_a_command_changes_a_running_server_knows_at_the_next_entry(
    run: Command, tmp_path: Path
) -> None:
    out = tmp_path / "operator.json"
    with operator(tmp_path, "--demo-out", str(out)):
        demo = json.loads(out.read_text())
        app = str(demo["sdk_app_id"])
        enter_as(demo, "alice")
        run("app", "change", app, "--no-enabled")
        with pytest.raises(AssertionError):
            enter_as(demo, "alice")
        run("app", "change", app, "--enabled")
        entered_soon(demo)
        key = json.loads(run("app", "key", "add", app, "--json"))
        run("keys", "rotate")
        run("app", "key", "retire", app, "1")
        with pytest.raises(AssertionError):
            enter_as(demo, "alice")
        entered_soon(demo | {"secret_key": key["secret_key"]})
        run("account", "terminate", run("account", "list").split("\t")[0])
        with pytest.raises(AssertionError):
            enter_as(demo | {"secret_key": key["secret_key"]}, "alice")
    log = (tmp_path / "log").read_text()
    for code in ("application_disabled", "user_sig_bad_signature"):
        assert code in log
    for secret in (demo["secret_key"], key["secret_key"], "Traceback"):
        assert secret not in log


def test_a_statement_is_printed_for_people_and_for_programs(run: Command, tmp_path: Path) -> None:
    uin = run("account", "create", "Customer", "--contact", "ops@customer.example").strip()
    run("app", "create", uin, "Calls", "--sdk-app-id", "1400000009", "--billing-mode", "monthly_package")
    days = [int(dt.datetime(2026, 5, day, tzinfo=dt.UTC).timestamp()) * 1000 for day in (3, 4)]
    with closing(sqlite3.connect(tmp_path / "state" / "sealroom.db")) as database, database:
        database.executemany(
            "INSERT INTO usage_days (sdk_app_id, day, audio, sd, hd, fhd, qhd, uhd, unknown) VALUES (1400000009, ?, 90000, 0, 60000, 0, 0, 0, 0)",
            [(day,) for day in days],
        )
    asked = ("usage", "statement", "1400000009", "--to", "2026-05-31")
    assert run(*asked).splitlines() == [
        "mode\tfirst\tlast\tdays\taudio\tsd\thd\tfhd\tqhd\tuhd",
        "monthly_package\t2026-05-01\t2026-05-31\t2\t3.0\t0.0\t2.0\t0.0\t0.0\t0.0",
    ]
    (line,) = [json.loads(one) for one in run(*asked, "--from", "2026-05-04", "--json").splitlines()]
    assert line == {
        "mode": "monthly_package", "first": "2026-05-04", "last": "2026-05-31", "days": 1,
        "minutes": {"audio": 1.5, "sd": 0, "hd": 1, "fhd": 0, "qhd": 0, "uhd": 0},
    }  # fmt: skip
    assert "is before" in run(*asked, "--from", "2026-06-01", code=2)
    assert "is no day" in run(*asked, "--from", "May", code=2)
    assert "no application 5" in run("usage", "statement", "5", code=1)

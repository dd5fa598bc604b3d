# SPDX-License-Identifier: Apache-2.0
"""Sites, receipts and published keys, as an operator asks for them."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from sealroom.accounts.service import DEMO_UIN
from sealroom.core.config import load
from sealroom.core.db import Database, upsert
from sealroom.core.keys import FileKeys, NoteKey
from sealroom.core.state import StateDirectory
from sealroom.kept import kept
from sealroom.regions.directory import hash_of, read
from sealroom.regions.models import receipts
from sealroom.regions.receipt import PURPOSE, call_hash, sign
from sealroom.regions.receipts import receipt_of
from server.tests.fakes import ACCOUNT, ACTOR
from server.tests.test_cli import Command, run

__all__ = ["run"]

CALL = "1400000001_room_1800000000"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "STATE__DIRECTORY": str(tmp_path / "state"),
        "SITE__NAME": "cn",
        "SIGNALLING__PUBLIC_URL": "wss://rtc.cn.example/rtc/v1",
        "API__PUBLIC_URL": "https://api.cn.example",
    }.items():
        monkeypatch.setenv(f"SEALROOM_{name}", value)


def test_a_site_exports_its_ids_and_no_name(run: Command, tmp_path: Path) -> None:
    uin = run("account", "create", "Hospital", "--contact", "alice@example.com").strip()
    asyncio.run(_demo())
    run("app", "create", uin, "Wards", "--sdk-app-id", "1400000001")
    key = json.loads(run("account", "key", "create", uin, "--json"))
    exported = run("site", "export")
    for name in ("Hospital", "Wards", "alice", key["secret_id"], str(DEMO_UIN)):
        assert name not in exported
    file = tmp_path / "cn.toml"
    file.write_text(exported)
    contents = read(file)
    assert contents.applications == {"1400000001": "cn"}
    assert contents.accounts == {uin: "cn"}
    assert contents.secret_ids == {hash_of(key["secret_id"]): "cn"}
    listed = run("site", "list", environment={"SEALROOM_SITE__DIRECTORY": str(file)})
    assert listed == "cn (this one)\twss://rtc.cn.example/rtc/v1\thttps://api.cn.example\t1\t1\t1\n"
    assert run("site", "list") == ""


async def _demo() -> None:
    """What `sealroom dev` makes at every site, under one number."""
    async with kept(load(None, os.environ).configuration) as everything:
        await everything.accounts.create(ACCOUNT, ACTOR, uin=DEMO_UIN)


def test_the_doctor_reads_the_directory(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "directory.toml"
    file.write_text('[names]\n1 = "Hospital"\n')
    named = {"SEALROOM_SITE__DIRECTORY": str(file), "SEALROOM_MEDIA__ADDRESSES": "127.0.0.1"}
    said = run("doctor", code=1, environment=named)
    assert "FAULT directory" in said
    assert "Hospital" not in said
    file.write_text('[sites.sg]\nsignalling = "wss://sg.example/rtc/v1"\napi = "https://sg.example"\n')
    assert "ok    directory    site cn; the directory has sg" in run("doctor", code=1, environment=named)


@pytest.mark.parametrize("url", ["", "http://api.cn.example", "https://user@api.cn.example"])
def test_a_site_that_cannot_be_reached_exports_nothing(run: Command, url: str) -> None:
    assert "api.public_url" in run("site", "export", code=2, environment={"SEALROOM_API__PUBLIC_URL": url})


def test_commands_of_another_site_do_not_touch_the_database(run: Command) -> None:
    run("account", "create", "Hospital")
    said = run("account", "list", code=1, environment={"SEALROOM_SITE__NAME": "sg"})
    assert "belongs to the site cn" in said


def test_a_receipt_is_shown_and_verified(run: Command, tmp_path: Path) -> None:
    run("account", "list")
    row = {
        "call": call_hash(1400000001, CALL), "sdk_app_id": 1400000001, "node": "main", "begun_at": 1, "ended_at": 2, "reason": "empty",
        "stays": 1, "tracks": 0, "touched": '["db/calls"]',
    }  # fmt: skip
    keys = FileKeys(StateDirectory(tmp_path / "state"))

    async def keep(note: str) -> None:
        database = Database(tmp_path / "state" / "sealroom.db")
        async with database.writing() as connection:
            await upsert(connection, receipts, row | {"note": note})
        await database.close()

    note = sign(receipt_of(row, "cn"), keys.signer(PURPOSE))
    asyncio.run(keep(note))
    assert run("receipt", "show", CALL) == note
    assert "data\tdb\tcalls\tcn\n" in run("receipt", "verify", CALL)
    assert json.loads(run("receipt", "verify", call_hash(1400000001, CALL), "--json"))["site"] == "cn"
    published = dict(line.split("\t")[:2] for line in run("keys", "published").splitlines())
    assert str(NoteKey.parse(published["receipts"])) == str(keys.signer(PURPOSE).verifier)
    file = tmp_path / "receipt"
    file.write_text(note)
    nobody = {"SEALROOM_STATE__DIRECTORY": str(tmp_path / "elsewhere")}
    flags = ("--file", str(file), "--key", published["receipts"])
    run("receipt", "verify", CALL, *flags, environment=nobody)
    assert not (tmp_path / "elsewhere").exists()
    assert "another call" in run("receipt", "verify", "1400000001_other_1", *flags, code=1)
    file.write_text(note.replace('"stays":1', '"stays":2'))
    assert "signature of sealroom/receipts is wrong" in run("receipt", "verify", CALL, *flags, code=1)
    assert "no trusted key" in run(
        "receipt", "verify", CALL, "--file", str(file), "--key", published["audit"], code=1
    )
    asyncio.run(keep(note.replace('"stays":1', '"stays":2')))
    assert "signature of sealroom/receipts is wrong" in run("receipt", "verify", CALL, code=1)
    assert "no receipt" in run("receipt", "show", "1400000001_other_1", code=1)
    assert "cannot be read" in run("receipt", "verify", CALL, "--key", "nonsense", code=2)
    assert "cannot be read" in run("receipt", "verify", CALL, "--file", str(tmp_path / "none"), code=1)

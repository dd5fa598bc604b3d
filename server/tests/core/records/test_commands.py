# SPDX-License-Identifier: Apache-2.0
"""`sealroom records`: what was put aside is counted, and offered again."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from sealroom import cli
from sealroom.app import catalogue
from sealroom.core.clock import SystemClock
from sealroom.core.config.schema import KeySettings, RecordsSettings
from sealroom.core.keys import Envelope, master_keys
from sealroom.core.records import Query
from sealroom.core.records.journal import Entries
from sealroom.core.records.journal.entries import Entry
from sealroom.core.records.opening import dead_letters_of, store_of
from sealroom.core.state import StateDirectory
from sealroom.quality.models import CallEnded

SITE = "main"
ENDED = CallEnded(
    id="1", time=1_000, sdk_app_id=1_400_000_001, call_id="canary-call", begun_at=1, reason="dismissed"
)


async def put_aside(folder: Path) -> None:
    state = StateDirectory(folder)
    letters = dead_letters_of(state, SITE, Envelope(master_keys(KeySettings(), state)), SystemClock())
    gone = Entry("of_before", msgspec.Raw(msgspec.msgpack.encode({"id": "2", "time": 2})), "undecodable")
    await letters.keep([Entries(catalogue()).entry_of(ENDED, "value_unfit"), gone])


async def in_the_store(folder: Path) -> tuple[CallEnded, ...]:
    store = store_of(RecordsSettings(), StateDirectory(folder), catalogue(), SITE, SystemClock())
    await store.prepare()
    page = await store.search(Query(CallEnded, 0, 2_000), limit=10)
    await store.close()
    return page.documents


def test_what_was_put_aside_is_counted_and_offered_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = ("--state", str(tmp_path))

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            cli.main(("records", *arguments, *state))
        assert not ended.value.code
        return capsys.readouterr().out

    assert run("dead") == ""
    asyncio.run(put_aside(tmp_path))
    assert run("dead") == "1\tcall_ends\tvalue_unfit\n1\tof_before\tundecodable\n"
    assert "canary" not in run("dead", "--json")
    assert run("retry") == "1 taken, 1 still refused.\n"
    assert asyncio.run(in_the_store(tmp_path)) == (ENDED,)
    assert run("dead") == "1\tof_before\tundecodable\n"
    assert run("retry") == "0 taken, 1 still refused.\n"

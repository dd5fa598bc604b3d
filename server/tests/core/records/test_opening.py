# SPDX-License-Identifier: Apache-2.0
"""Which store the configuration names, and what is said about one that cannot be had."""

import sys
from pathlib import Path

import pytest

from sealroom.core.config.schema import RecordsSettings
from sealroom.core.errors import ConfigurationError
from sealroom.core.keys import Envelope
from sealroom.core.keys.master import FileMasterKeys
from sealroom.core.records.opening import shorter_retention, store_of, writer_of
from sealroom.core.records.search import SearchRecords
from sealroom.core.records.sqlite import SqliteRecords
from sealroom.core.state import StateDirectory
from server.tests.core.records.contract import ids, notes_where
from server.tests.core.records.samples import catalogue, note
from server.tests.fakes import VirtualClock


async def test_without_an_address_it_is_a_file_and_records_come_through_the_journal_under_the_operators_keys(
    tmp_path: Path, clock: VirtualClock
) -> None:
    """The whole of it with the real envelope encryption; a second start unwraps what the first wrapped."""
    state, settings = StateDirectory(tmp_path), RecordsSettings()
    store = store_of(settings, state, catalogue(), "sg", clock)
    assert isinstance(store, SqliteRecords)
    await store.prepare()
    for number in range(2):
        keys = Envelope(FileMasterKeys(tmp_path / "master.key"))
        async with writer_of(settings, state, catalogue(), "sg", store, keys, clock) as writer:
            await writer.put_durable([note(number)])
            for task in writer._tasks:
                task.cancel()
    keys = Envelope(FileMasterKeys(tmp_path / "master.key"))
    async with writer_of(settings, state, catalogue(), "sg", store, keys, clock) as writer:
        await writer.flush()
    assert await ids(store, notes_where()) == [note(0).id, note(1).id]
    await store.close()


@pytest.mark.parametrize("engine", ["opensearch", "elasticsearch"])
async def test_with_an_address_it_is_a_search_server(
    engine: str, tmp_path: Path, clock: VirtualClock
) -> None:
    settings = RecordsSettings(url="http://127.0.0.1:9", engine=engine)  # type: ignore[arg-type]
    store = store_of(settings, StateDirectory(tmp_path), catalogue(), "sg", clock)
    assert isinstance(store, SearchRecords)
    assert not await store.works()
    await store.close()


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (RecordsSettings(url="search.example:9200"), "records_url_invalid"),
        (RecordsSettings(url="http://search.example:9200"), "records_url_invalid"),
        (RecordsSettings(url="https://user:secret@search.example"), "records_url_invalid"),
        (RecordsSettings(url="https://search.example", ca="/nowhere.pem"), "records_ca_invalid"),
        (RecordsSettings(url="https://search.example", ca="/nowhere.pem", engine="elasticsearch"), "records_ca_invalid"),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_said(
    settings: RecordsSettings, code: str, tmp_path: Path, clock: VirtualClock
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        store_of(settings, StateDirectory(tmp_path), catalogue(), "sg", clock)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


def test_a_client_that_is_not_installed_is_named(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sealroom.core.records.search.opensearch", None)
    with pytest.raises(ConfigurationError, match=r"sealroom\[search\]"):
        store_of(RecordsSettings(url="https://x"), StateDirectory(tmp_path), catalogue(), "sg", clock)


def test_retention_can_be_shortened_only() -> None:
    made = catalogue()
    assert shorter_retention(RecordsSettings(retention=("dashboard=7",)), made) == {"dashboard": 7}
    assert shorter_retention(RecordsSettings(), made) == {}
    for wrong in ("dashboard=31", "dashboard=0", "dashboard=-1", "dashboard=x", "dashboard", "console=1"):
        with pytest.raises(ConfigurationError, match=r"records\.retention"):
            shorter_retention(RecordsSettings(retention=(wrong,)), made)

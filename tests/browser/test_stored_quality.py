# SPDX-License-Identifier: Apache-2.0
"""What a real Chromium tells of its device comes to the operator's stores: processor, memory, loudness, system, SDK."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.browser.call import Caller, eventually
from tests.browser.conftest import Callers

SDK_VERSION = json.loads((Path(__file__).parents[2] / "web/sdk/package.json").read_text())["version"]


def stored(folder: Path, what: str, caller: Caller) -> list[tuple[object, ...]]:
    """Rows about somebody himself, as they lie in the store."""
    with closing(sqlite3.connect(folder / "operator" / "records.db", timeout=10)) as records:
        return records.execute(f"{what} AND user_id LIKE ?", (f"{caller.name}-%",)).fetchall()


def test_processor_memory_and_loudness_of_chromium_are_in_the_samples(
    callers: Callers, tmp_path: Path
) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    alice.sees(bob)
    bob.sees(alice)
    for caller in (alice, bob):
        told = eventually(
            f"processor, memory and loudness of {caller.name}",
            lambda of=caller: stored(  # type: ignore[misc]
                tmp_path,
                "SELECT cpu, memory, volume FROM quality_samples WHERE peer_id = '' AND track = 'audio' "
                "AND cpu IS NOT NULL AND memory IS NOT NULL AND volume > 0",
                of,
            ),
        )
        for cpu, memory, volume in told:
            assert cpu in {25, 50, 75, 95}
            assert isinstance(memory, int)
            assert 1 <= memory < 4_096
            assert isinstance(volume, int)
            assert 0 < volume <= 100


def test_the_system_and_the_sdk_of_chromium_are_in_the_back_end_log(callers: Callers, tmp_path: Path) -> None:
    alice = callers.enter("alice")
    platform = alice.page.evaluate("navigator.platform")
    told = eventually(
        "alice's stay",
        lambda: stored(
            tmp_path,
            "SELECT os_type, sdk_name, sdk_version, terminal, client_ip FROM stays WHERE true",
            alice,
        ),
    )
    assert platform.startswith("Linux")
    assert told == [(platform, "sealroom-web", SDK_VERSION, 4, "127.0.0.1")]

# SPDX-License-Identifier: Apache-2.0
"""`sealroom records`: what the store of records would not have."""

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from cyclopts import App

from sealroom.cli.flags import AsJson, ConfigFile, StateFolder, loaded, state_flag
from sealroom.cli.kept import with_records

if TYPE_CHECKING:
    from sealroom.core.config import Configuration
    from sealroom.core.records.journal import DeadLetters

app = App(name="records", help="Records that the store would not have: show them, offer them again.")


@app.command(name="dead")
def records_dead(*, json: AsJson = False, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print how many were put aside, by kind and reason. Never what they say."""

    async def count() -> Counter[tuple[str, str]]:
        letters = _letters(_configuration(config, state))
        found: Counter[tuple[str, str]] = Counter()
        for path in letters.files():
            found.update((one.kind, one.reason) for one in await letters.entries(path))
        return found

    for (kind, reason), number in sorted(asyncio.run(count()).items()):
        if json:
            row = {"kind": kind, "reason": reason, "count": number}
            print(msgspec.json.encode(row).decode())
        else:
            print(f"{number}\t{kind}\t{reason}")


@app.command(name="retry")
def records_retry(*, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Offer all that was put aside to the store again. What it takes is no longer aside."""
    from sealroom.app import catalogue
    from sealroom.core.records.journal import Entries

    letters, entries = _letters(_configuration(config, state)), Entries(catalogue())
    taken, left = with_records(config, state, lambda records: letters.retry(entries, records))
    print(f"{taken} taken, {left} still refused.")


def _configuration(config: Path | None, state: Path | None) -> "Configuration":
    return loaded(config, state_flag(state)).configuration


def _letters(configuration: "Configuration") -> "DeadLetters":
    from sealroom.core.clock import SystemClock
    from sealroom.core.keys import Envelope, master_keys
    from sealroom.core.records.opening import dead_letters_of
    from sealroom.core.state import StateDirectory, state_directory

    state = StateDirectory(state_directory(configuration.state.directory, os.environ))
    keys = Envelope(master_keys(configuration.keys, state))
    return dead_letters_of(state, configuration.site.name, keys, SystemClock())

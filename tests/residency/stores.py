# SPDX-License-Identifier: Apache-2.0
"""A whole set of real stores and a real bus for one site: servers of its own, whose folders hold nothing of any other site."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.services import Nats, PostgreSQL, Search, nats, opensearch, postgresql

DATABASE = "sealroom"


@dataclass(frozen=True)
class Stores:
    """The servers of a site, which run."""

    folder: Path
    database: PostgreSQL
    search: Search
    bus: Nats

    @property
    def configuration(self) -> str:
        """What the site's processes are told of them."""
        return (
            f'[database]\nurl = "{self.database.url(DATABASE)}"\n'
            f'[records]\nurl = "{self.search.url}"\nreplicas = 0\n'
            f'[bus]\nurl = "{self.bus.url}"\nuser = "{self.bus.user}"\npassword = "{self.bus.password}"\nca = "{self.bus.authority}"\n'
        )

    def write_out(self) -> None:
        """Has the stores write to their files what they hold in memory."""
        self.database.execute("CHECKPOINT")
        self.search.call("POST", "_flush?wait_if_ongoing=true")


@contextlib.contextmanager
def stores(folder: Path) -> Iterator[Stores]:
    """Runs them below `folder` until the block ends."""
    folder.mkdir(mode=0o711)
    with (
        postgresql(_below(folder, "postgresql")) as database,
        opensearch(_below(folder, "opensearch")) as search,
        nats(_below(folder, "nats")) as bus,
    ):
        database.create_database(DATABASE)
        yield Stores(folder, database, search, bus)


def _below(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir(mode=0o711)
    return made

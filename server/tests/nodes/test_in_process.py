# SPDX-License-Identifier: Apache-2.0
"""Several processes on one file of SQLite; the bus within one process stands between them."""

from pathlib import Path

import pytest

from sealroom.core.bus import Bus, LocalBus
from sealroom.core.state import StateDirectory
from sealroom.nodes.lease import home_of
from server.tests.fakes import VirtualClock
from server.tests.nodes.contract import CATALOGUE, Connect, NodesContract


class TestInProcess(NodesContract):
    @pytest.fixture
    def where(self, tmp_path: Path) -> Path:
        return tmp_path / "one.db"

    @pytest.fixture
    def connect(self, clock: VirtualClock) -> Connect:
        bus = LocalBus(CATALOGUE, clock)

        async def give() -> Bus:
            return bus

        return give


def test_a_folder_keeps_its_home_and_another_has_its_own(tmp_path: Path) -> None:
    one, other = StateDirectory(tmp_path / "one"), StateDirectory(tmp_path / "other")
    assert home_of(one) == home_of(one)
    assert home_of(one) != home_of(other)

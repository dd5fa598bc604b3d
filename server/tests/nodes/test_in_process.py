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


@pytest.mark.parametrize("shares", [False, True])
def test_a_folder_keeps_its_home_and_another_has_its_own(tmp_path: Path, shares: bool) -> None:
    one, other = StateDirectory(tmp_path / "one"), StateDirectory(tmp_path / "other")
    assert home_of(one, shares_database=shares) == home_of(one, shares_database=shares)
    assert home_of(one, shares_database=shares) != home_of(other, shares_database=shares)


def test_a_folder_with_its_own_database_is_the_same_on_a_machine_of_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that is made anew after a kill, with the folder of the one before."""
    state = StateDirectory(tmp_path)
    before = [home_of(state, shares_database=shares) for shares in (False, True)]
    monkeypatch.setattr("socket.gethostname", lambda: "made-anew")
    assert home_of(state, shares_database=False) == before[0]
    assert home_of(state, shares_database=True) != before[1]

# SPDX-License-Identifier: Apache-2.0
"""Messages of the authority race media, and each other, over 500 seeded schedules.

Who comes, leaves, is put out, loses the line (with and without a word), enters on another device, outlives a grant, and an authority that
is killed and comes back: in virtual time, with the real `Authority`, the clients' real `Membership`, `Hearing`, key ring, frame
cipher and waiting. Each line to the authority takes up to 400 ms one way, differs from member to member and keeps its order; media
takes up to 160 ms and does not. `account.py` says what may be lost, and why nothing else.

There is no engine between the members here (a DTLS handshake with `str0m` costs as much as a whole schedule): what it does to frames is
delay and reorder them, which `netsim` does. `test_whole_stack.py` runs some schedules through the engine.

A failure names its seed; `pytest 'tests/virtual/test_races.py::test_a_schedule_keeps_every_promise[17]'` runs it alone.
"""

import pytest

from sealroom_customer.authority import dispatch, room
from tests.virtual.schedule import Schedule

SCHEDULES = 500


def run(seed: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Schedule, list[str]]:
    """Runs a schedule. In every third the timer is short enough to race everything else; in every second an epoch goes out to two
    members at a time, and what happens meanwhile races that."""
    if seed % 3 == 0:
        monkeypatch.setattr(room, "EPOCH_SECONDS", 2.5)
    if seed % 2 == 0:
        monkeypatch.setattr(dispatch, "SLICE", 2)
    schedule = Schedule(seed)
    return schedule, schedule.run()


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_a_schedule_keeps_every_promise(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _, breaches = run(seed, monkeypatch)
    assert not breaches, f"seed {seed}: " + "\n".join(breaches[:20])


@pytest.mark.parametrize("seed", range(0, SCHEDULES, 100))
def test_a_seed_tells_the_same_story_each_time(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = (run(seed, monkeypatch)[0].call.account for _ in range(2))
    assert first.trace == again.trace
    assert first.lost == again.lost
    assert len(first.trace) > 10

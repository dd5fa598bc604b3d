# SPDX-License-Identifier: Apache-2.0
"""What a start made is in no later search for garbage, and searches are rarer. Each case is a process of its own: it lasts to its end."""

import asyncio
import gc
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from sealroom.app import Running, run_dev
from sealroom.core.config import Configuration
from sealroom.core.config.schema import (
    AdminSettings,
    ApiSettings,
    MediaSettings,
    SignallingSettings,
    StateSettings,
)
from sealroom.memory import YOUNG, keep_what_start_made
from sealroom.rooms.service import RoomService

ROOT = Path(__file__).parents[2]
OWN = gc.get_threshold()
"""Python's, before anything changed it."""


class Ring:
    """Freed by a search alone."""

    def __init__(self) -> None:
        self.itself = self


def what_is_there_is_never_searched_again() -> None:
    gc.disable()
    made, dropped = Ring(), weakref.ref(Ring())
    keep_what_start_made()
    assert dropped() is None, "what the start left behind is freed, not kept for ever"
    assert not any(one is made or one is Ring for one in gc.get_objects())


def what_comes_later_is_freed() -> None:
    gc.disable()
    keep_what_start_made()
    later = weakref.ref(Ring())
    assert later() in gc.get_objects()
    gc.collect()
    assert later() is None


def it_is_looked_for_once_in_so_many_new_objects() -> None:
    keep_what_start_made()
    later = weakref.ref(Ring())
    held: list[list[int]] = [[] for _ in range(YOUNG // 2)]
    assert later() is not None
    held += [[] for _ in range(YOUNG)]
    assert later() is None
    assert gc.get_threshold()[1:] == OWN[1:]


def a_server_keeps_what_its_start_made() -> None:
    nowhere = "127.0.0.1:0"
    configuration = Configuration(
        signalling=SignallingSettings(listen=nowhere), admin=AdminSettings(listen=nowhere), api=ApiSettings(listen=nowhere),
        media=MediaSettings(port=0), state=StateSettings(directory=sys.argv[1]),
    )  # fmt: skip
    seen: list[bool] = []

    def look(_: Running) -> None:
        searched = gc.get_objects()
        seen.append(any(one is RoomService or isinstance(one, RoomService) for one in searched))
        stop.set()

    stop = asyncio.Event()
    asyncio.run(run_dev(configuration, ready=look, stop=stop))
    assert seen == [False]


CASES = (
    what_is_there_is_never_searched_again,
    what_comes_later_is_freed,
    it_is_looked_for_once_in_so_many_new_objects,
    a_server_keeps_what_its_start_made,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__.replace("_", " "))
def test_memory(case: Callable[[], None], tmp_path: Path) -> None:
    code = f"from server.tests.test_memory import {case.__name__}; {case.__name__}()"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr

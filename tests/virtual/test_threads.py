# SPDX-License-Identifier: Apache-2.0
"""What is made for one test may be let go of on any thread: the garbage collector runs on whichever allocates next."""

import threading
from collections.abc import Callable

import pytest
from sealroom_sim import Mesh, SealedH264, World

MAKERS: dict[str, Callable[[], object]] = {
    "world": lambda: World(1),
    "mesh": lambda: Mesh(1),
    "sealed_h264": lambda: SealedH264(bytes(64)),
}


@pytest.mark.parametrize("name", MAKERS)
def test_may_end_on_another_thread(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", complaints.append)
    held = [MAKERS[name]()]
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert not held
    assert not complaints

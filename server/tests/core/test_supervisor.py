# SPDX-License-Identifier: Apache-2.0
"""What systemd is told, over a socket as it makes one."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealroom.core.supervisor import Supervisor


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.bind(str(tmp_path / "notify"))
        out.settimeout(5)
        yield str(tmp_path / "notify"), out


def test_ready_and_stopping_are_told(listening: tuple[str, socket.socket]) -> None:
    name, out = listening
    supervisor = Supervisor({"NOTIFY_SOCKET": name}, 1)
    supervisor.ready()
    assert out.recv(4096).decode().splitlines()[0] == "READY=1"
    supervisor.stopping(1.5)
    assert out.recv(4096).decode().splitlines() == [
        "STOPPING=1",
        "STATUS=draining",
        "EXTEND_TIMEOUT_USEC=1500000",
    ]


def test_an_abstract_socket_is_reached_by_its_at_sign() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.bind("\0sealroom-test-notify")
        out.settimeout(5)
        Supervisor({"NOTIFY_SOCKET": "@sealroom-test-notify"}, 1).ready()
        assert out.recv(4096).startswith(b"READY=1")


async def test_the_watchdog_is_fed_while_the_loop_turns(listening: tuple[str, socket.socket]) -> None:
    name, out = listening
    supervisor = Supervisor({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000", "WATCHDOG_PID": "7"}, 7)
    assert supervisor.watchdog_seconds == 0.03
    async with supervisor.fed():
        for _ in range(3):
            assert await asyncio.to_thread(out.recv, 4096) == b"WATCHDOG=1"


async def test_somebody_else_s_watchdog_is_not_fed(listening: tuple[str, socket.socket]) -> None:
    name, out = listening
    out.setblocking(False)
    supervisor = Supervisor({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "8"}, 7)
    async with supervisor.fed():
        await asyncio.sleep(0)
    with pytest.raises(BlockingIOError):
        out.recv(4096)


@pytest.mark.parametrize("name", ["", "relative", "/nobody/listens/here", "vsock:2:1234"])
def test_without_systemd_nobody_is_told_and_nothing_fails(name: str) -> None:
    Supervisor({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "soon"}, 1).ready()

# SPDX-License-Identifier: Apache-2.0
"""`docs/authority.md`: every command of it, in its order, against a real authority with a member in a room."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from customer.tests.device import Device
from sealroom_customer.authority.identity import authority_keys, public_text
from sealroom_wire import PROTOCOL_VERSION
from sealroom_wire.authority import Join

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "authority.md"
SERVE = "sealroom-customer authority --config authority.toml"
LINE, ADMIN = "127.0.0.1:7890", "127.0.0.1:9465"
pytestmark = pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("curl")), reason="the document uses openssl and curl"
)


def commands() -> list[str]:
    """Every line of every shell block."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


class Machine:
    """A folder on a customer's machine where somebody follows the document."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.line, self.admin = (f"127.0.0.1:{port}" for port in free_ports())
        self.authority: subprocess.Popen[bytes] | None = None

    async def follow(self, command: str) -> str:
        """Runs one line; fails with what it printed."""
        command = command.replace(LINE, self.line).replace(ADMIN, self.admin)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def configure(self) -> None:
        """What the document says in words: `state`. Ports are free ones, so that nothing else is in the way."""
        path = self.folder / "authority.toml"
        text = path.read_text()
        for before, after in (('state = ""', 'state = "state"'), (LINE, self.line), (ADMIN, self.admin)):
            assert before in text
            text = text.replace(before, after)
        path.write_text(text)

    def serve(self) -> None:
        """The command that goes on until it is stopped; returns once it says that it is ready."""
        command = [str(Path(sys.executable).parent / SERVE.split()[0]), *SERVE.split()[1:]]
        self.authority = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self.authority.stdout is not None
        assert any(line.startswith(b"key ") for line in self.authority.stdout), "it did not start"

    def stop(self) -> None:
        if self.authority is not None:
            self.authority.kill()
            self.authority.communicate()


def free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


async def admitted(line: ClientConnection, machine: Machine, grant: str) -> Device:
    """Alice, with her first secret, by the grant that the document's command printed."""
    key = authority_keys(machine.folder / "state")[0].public_key()
    device = Device("alice", key)
    join = Join(version=PROTOCOL_VERSION, grant=grant, member_key=device.member_key, suites=(5,))
    await line.send(msgspec.json.encode(join).decode())
    async with asyncio.timeout(10):
        while not device.secrets:
            device.take(str(await line.recv()))
    return device


async def put_out(line: ClientConnection) -> bool:
    """Whether the authority ends the line."""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await line.recv()
    return True


async def test_every_command_of_the_document_does_what_it_says(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    told: dict[str, str] = {}
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(machine.stop)
        for command in commands():
            if command == SERVE:
                machine.configure()
                await asyncio.to_thread(machine.serve)
                continue
            key = " ".join(word for word in command.split()[:4] if not word.startswith("-"))
            told[key] = await machine.follow(command)
            if command.startswith("sealroom-customer sign grant"):
                address = f"ws://{machine.line}/authority/v1"
                line = await stack.enter_async_context(connect(address, proxy=None))
                device = await admitted(line, machine, told[key].strip())
            elif command.startswith("curl") and command.endswith("/remove"):
                assert json.loads(told[key]) == {"removed": True, "recorded": True}
                assert await put_out(line)
                assert not device.refused
            elif command.startswith("curl"):
                assert json.loads(told[key])["ready"] is True
            elif command.endswith("rooms --config authority.toml"):
                assert "demo: alice" in told[key]
            elif "rotate" in command:
                await after_rotation(machine, told[key])
    assert len(told) >= 10, "the document lost its commands"
    assert authority_keys(tmp_path / "state")[1] is None, "the key before is retired"
    check_backup(tmp_path)


async def after_rotation(machine: Machine, printed: str) -> None:
    newest, before = authority_keys(machine.folder / "state")
    assert printed.strip() == public_text(newest)
    assert before is not None
    assert public_text(before) == (machine.folder / "authority-key.txt").read_text().strip()
    machine.stop()
    await asyncio.to_thread(machine.serve)


def check_backup(folder: Path) -> None:
    restored = folder / "restored"
    key = authority_keys(restored / "state")[0]
    assert public_text(key) == (folder / "authority-key.txt").read_text().strip()
    assert (restored / "state" / "backend-credential").read_bytes() == (
        folder / "state" / "backend-credential"
    ).read_bytes()
    assert not list(restored.rglob("grants.pem")), "the backend's key is not in it"

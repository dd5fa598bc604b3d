# SPDX-License-Identifier: Apache-2.0
"""Whoever takes over the operator's process during a call finds what passed through it there, and not one key.

The change that makes this fail: hand the engine a room's secret, for example as a field of `enter`.
"""

import json
import platform
import re
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.model import sframe
from protocol.model.sealing import Room, kid
from tests.deployment import Process, deployment

MEMBER = Path(__file__).parent / "member.py"
MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ *(.*)")
CHUNK = 16 * 1024 * 1024
OPENED = 50
"""Frames that the second member must have opened before anybody looks: the call is going on."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def memory_of(pid: int) -> Iterator[bytes]:
    """Every readable private octet of a process, in pieces that overlap by 128."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            match = MAPPING.match(line)
            assert match is not None, line
            if match[3][0] != "r" or match[4].startswith("[v"):
                continue
            at, end = int(match[1], 16), int(match[2], 16)
            while at < end:
                memory.seek(at)
                try:
                    piece = memory.read(min(CHUNK, end - at))
                except OSError:
                    # A mapping that went away, or that nothing stands behind.
                    break
                if not piece:
                    break
                yield piece
                at += len(piece) if at + len(piece) >= end else max(len(piece) - 128, 1)


def found_in(pid: int, wanted: dict[str, bytes]) -> set[str]:
    """Which of the octet strings stand in the memory of a process."""
    found: set[str] = set()
    for piece in memory_of(pid):
        found |= {name for name, octets in wanted.items() if name not in found and octets in piece}
    return found


def keys_of(told: dict[str, object]) -> dict[str, bytes]:
    """Everything that follows from the secrets a member was given: steps, base keys, cipher keys and salts of every sender and track."""
    where: dict[str, object] = told["room"]  # type: ignore[assignment]
    room = Room(
        int(str(where["suite"])),
        int(str(where["app"])),
        str(where["kind"]),
        str(where["room"]),
        bytes.fromhex(str(where["instance"])),
    )
    keys: dict[str, bytes] = {}
    for epoch, step, text in told["secrets"]:  # type: ignore[attr-defined]
        secret = bytes.fromhex(text)
        for later in range(step, 4):
            keys[f"secret {epoch}.{later}"] = secret
            for index in range(3):
                for track in ("audio", "main"):
                    base = room.base_key(secret, epoch, later, index, track)
                    key, salt = sframe.keys(sframe.SUITES[room.suite], kid(epoch, later, index, track), base)
                    name = f"{epoch}.{later} {index} {track}"
                    keys |= {f"base {name}": base, f"cipher {name}": key, f"salt {name}": salt}
            secret = room.next_secret(secret)
    return keys


def test_the_operators_memory_holds_the_call_and_none_of_its_keys(tmp_path: Path) -> None:
    user = f"canary-{secrets.token_hex(8)}"
    with deployment(tmp_path) as running:
        member = Process.start("member", sys.executable, str(MEMBER), running.page, user)
        try:
            told = _while_it_calls(member)
            packets = running.sink.read_bytes()[-200_000:]
            sent = {f"packet {at}": packets[at : at + 48] for at in range(0, len(packets) - 48, 997)}
            keys = keys_of(told)
            assert len(keys) > 50
            in_operator = found_in(running.operator.child.pid, {"user": user.encode(), **sent, **keys})
            in_member = found_in(member.child.pid, {"user": user.encode(), **keys})
        finally:
            member.stop()
    assert "user" in in_operator, "the search finds what is there"
    assert in_operator & set(sent), "what was forwarded is there too"
    assert not in_operator & set(keys)
    assert any(name.startswith("secret") for name in in_member), "the same search finds a key where one is"
    if platform.machine() == "x86_64":
        # There the first round keys of AES are the key itself.
        assert any(name.startswith("cipher") for name in in_member)


def _while_it_calls(member: Process) -> dict[str, object]:
    """What the member told once sealed frames flow."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        line = member.wait_for(re.compile(r"^\{.*\}$"))
        with member.changed:
            line = next(line for line in reversed(member.lines) if line.startswith("{"))
        told: dict[str, object] = json.loads(line)
        if told["secrets"] and int(str(told["opened"])) >= OPENED:
            return told
        time.sleep(0.2)
    raise AssertionError("no sealed frames flowed:\n" + "\n".join(member.lines[-5:]))

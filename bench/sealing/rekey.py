# SPDX-License-Identifier: Apache-2.0
"""Measures how long a removal takes to reach the last of many members: `python bench/sealing/rekey.py [--members 200 500] [--removals 20]
[--json]`.

Two processes: the authority as it ships (`sealroom-customer authority`, with its records on disk), and the members. Each member has
a WebSocket of its own on loopback and does what a client does with every message: verifies the signature, parses, checks the chain, opens
the secret with HPKE (`Membership`); only the frame cipher behind it is left out. Members ping every 2 s as clients do.

One more user enters and is let in; when every member has that step, the backend's removal is posted. **Counted is the time from before
the request is written to the moment when the last member has opened the new epoch's first secret**, beside that until the backend's answer.
Beside it stands the processor time that both processes took for it, which says more on a machine that does other things meanwhile.
All members share one process and one core, so that on two cores the last member's time is mostly the others' openings: a bound from above for
members on devices of their own. Bar: median <= 300 ms for 200 members.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from sealroom_customer.authority.identity import KEY_NAME, public_text, signing_key
from sealroom_customer.client.events import ClientFault
from sealroom_customer.client.hearing import PING_SECONDS
from sealroom_customer.client.membership import Membership
from sealroom_customer.sealing.signed import verified_body
from sealroom_customer.signing import GrantSigner
from sealroom_wire import PROTOCOL_VERSION
from sealroom_wire.authority import AuthorityMessage, Join, MemberRole, Ping, Refused
from sealroom_wire.base64url import b64u
from sealroom_wire.errors import Refusal
from sealroom_wire.ids import room_string
from sealroom_wire.limits import MAX_AUTHORITY_MESSAGE_BYTES, MAX_SEALED_MEMBERS

APPLICATION, ROOM = 1400000000, room_string("bench")
BAR_MEMBERS, BAR_MS = 200, 300
AT_A_TIME = 32
"""Members that enter together; the authority lets an address have 128 lines that have not joined."""
PATIENCE_SECONDS = 120
NAMES = ("last_member_ms", "answer_ms", "authority_cpu_ms", "members_cpu_ms")
MAIN = "from sealroom_customer.cli import main; main()"
_message = msgspec.json.Decoder(AuthorityMessage)


class Hall:
    """All members of the room, and how far they are."""

    def __init__(self) -> None:
        self.versions: dict[str, tuple[int, int]] = {}
        self._wanted = (0, 0)
        self._behind: set[str] = set()
        self._there = asyncio.Event()

    def moved(self, user: str, version: tuple[int, int]) -> None:
        """Somebody has the secret of another version."""
        self.versions[user] = version
        if version >= self._wanted:
            self._behind.discard(user)
            if not self._behind:
                self._there.set()

    async def until_all_at(self, version: tuple[int, int]) -> None:
        """Every member has the secret of this version."""
        self._wanted = version
        self._behind = {user for user, has in self.versions.items() if has < version}
        self._there.clear()
        if self._behind:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._there.wait()


class Member:
    """One member's line; it is the sink of its own keys."""

    def __init__(self, hall: Hall, user: str, key: Ed25519PublicKey) -> None:
        self.user = user
        self.membership = Membership(APPLICATION, ROOM, user, self)
        self._hall = hall
        self._key = key

    def set_room(self, *_room: object) -> None:
        """Nothing is sealed here."""

    def add_secret(self, epoch: int, step: int, _secret: bytes, _removal: bool, _after_ms: int) -> None:
        """A secret was opened."""
        self._hall.moved(self.user, (epoch, step))

    def step(self, epoch: int, step: int) -> None:
        """The room stepped forward."""
        self._hall.moved(self.user, (epoch, step))

    async def run(self, url: str, grant: str) -> None:
        """Until the line ends. Raises ClientFault when put out."""
        async with connect(
            url, max_size=MAX_AUTHORITY_MESSAGE_BYTES, compression=None, ping_interval=None
        ) as socket:
            join = Join(PROTOCOL_VERSION, grant, self.membership.begin(resume=False), (5,))
            await socket.send(msgspec.json.encode(join).decode())
            pinging = asyncio.create_task(_ping(socket))
            try:
                async for text in socket:
                    self._take(text)
            finally:
                pinging.cancel()
                await asyncio.gather(pinging, return_exceptions=True)

    def _take(self, text: str | bytes) -> None:
        message = _message.decode(text)
        if isinstance(message, Refused):
            raise Refusal(message.code)
        self.membership.accept(verified_body(message, self._key), message.body)


async def _ping(socket: ClientConnection) -> None:
    while True:
        await asyncio.sleep(PING_SECONDS)
        await socket.send(msgspec.json.encode(Ping(b64u(secrets.token_bytes(16)))).decode())


class Customer:
    """The customer's side: the authority's process, and the backend that signs for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        state = folder / "state"
        state.mkdir(mode=0o700)
        self.key = signing_key(state / KEY_NAME)
        backend = Ed25519PrivateKey.generate()
        public = backend.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / "grants.pem").write_bytes(public)
        self._signer = GrantSigner("bench", "keys", public_text(self.key), backend)
        (folder / "authority.toml").write_text(
            'name = "keys"\nstate = "state"\n[line]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = "127.0.0.1:0"\n'
            f'[[issuers]]\nname = "bench"\nkeys = ["grants.pem"]\napplications = [{APPLICATION}]\n'
        )
        self.url = ""
        self._process = 0

    @contextlib.contextmanager
    def running(self) -> Any:
        """The authority, ready."""
        command = [sys.executable, "-c", MAIN, "authority", "--config", str(self._folder / "authority.toml")]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            self._process = process.pid
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    name, _, value = line.strip().partition("  ")
                    if name == "authority":
                        self.url = value.strip()
                    if name == "key":
                        break
                yield
            finally:
                process.kill()

    def cpu_seconds(self) -> float:
        """Processor time that the authority took so far (Linux: `proc(5)`, `utime` and `stime`)."""
        fields = Path(f"/proc/{self._process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def grant(self, user: str) -> str:
        """A grant for an hour."""
        now = int(time.time())
        return self._signer.sign(
            sdk_app_id=APPLICATION, room=ROOM, user_id=user, role=MemberRole.PUBLISH, now=now, life=3600
        )

    def remove(self, user: str) -> float:
        """Posts a removal; returns when it was answered."""
        request = urllib.request.Request(
            f"{self.url.replace('ws', 'http', 1)}/rooms/string/{ROOM.id}/members/{user}/remove",
            json.dumps({"app": APPLICATION}).encode(),
            {
                "authorization": f"Bearer {(self._folder / 'state' / 'backend-credential').read_text().strip()}",
                "content-type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            answer.read()
        return time.perf_counter()


@contextlib.asynccontextmanager
async def entered(customer: Customer, hall: Hall, users: list[str]) -> AsyncIterator[None]:
    """These users are in the room and have its secret until the block ends."""
    tasks = []
    try:
        for begin in range(0, len(users), AT_A_TIME):
            some = users[begin : begin + AT_A_TIME]
            for user in some:
                hall.versions[user] = (0, 0)
                member = Member(hall, user, customer.key.public_key())
                tasks.append(asyncio.create_task(_stay(member, customer)))
            await hall.until_all_at((1, 0))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for user in users:
            hall.versions.pop(user, None)


async def _stay(member: Member, customer: Customer) -> None:
    with contextlib.suppress(ClientFault, ConnectionClosed):
        await member.run(customer.url, customer.grant(member.user))


async def removals(customer: Customer, members: int, count: int) -> dict[str, list[float]]:
    """Seconds of each removal: to the last member, to the backend's answer, and of both processes' processor time."""
    hall = Hall()
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    async with entered(customer, hall, [f"user-{number}" for number in range(members)]):
        for number in range(count):
            victim = f"victim-{number}"
            async with entered(customer, hall, [victim]):
                await hall.until_all_at(max(hall.versions.values()))
                epoch, _ = hall.versions.pop(victim)
                begin, authority, devices = time.perf_counter(), customer.cpu_seconds(), time.process_time()
                answer = asyncio.create_task(asyncio.to_thread(customer.remove, victim))
                await hall.until_all_at((epoch + 1, 0))
                found["last_member_ms"].append(time.perf_counter() - begin)
                found["answer_ms"].append(await answer - begin)
                found["authority_cpu_ms"].append(customer.cpu_seconds() - authority)
                found["members_cpu_ms"].append(time.process_time() - devices)
    return found


def in_room_of(members: int, count: int) -> dict[str, Any]:
    """Milliseconds for a room of `members` over `count` removals."""
    with tempfile.TemporaryDirectory() as folder:
        customer = Customer(Path(folder))
        with customer.running():
            found = asyncio.run(removals(customer, members, count))
    return {"members": members, "removals": count} | {name: _summary(found[name]) for name in NAMES}


def _summary(seconds: list[float]) -> dict[str, float]:
    ms = sorted(one * 1_000 for one in seconds)
    p95 = statistics.quantiles(ms, n=20, method="inclusive")[18]
    return {
        name: round(value, 1)
        for name, value in (("median", statistics.median(ms)), ("p95", p95), ("max", ms[-1]))
    }


def measure() -> dict[str, Any]:
    """The part `rekey` of `run.py`: 20 removals among 200 members, and among as many as a room holds."""
    rooms = [in_room_of(members, 20) for members in (BAR_MEMBERS, MAX_SEALED_MEMBERS - 1)]
    bars = [
        {
            "name": f"removal to the last of {BAR_MEMBERS} members, median",
            "value": rooms[0]["last_member_ms"]["median"],
            "most": BAR_MS,
            "unit": "ms",
        }
    ]
    return {"rooms": rooms, "bars": bars}


def table(results: list[dict[str, Any]]) -> str:
    """For people: median / p95 / max."""
    lines = [f"{'members':>8} {'removals':>9}" + "".join(f"{name:>24}" for name in NAMES)]
    for one in results:
        cells = (" / ".join(f"{one[name][key]:.0f}" for key in ("median", "p95", "max")) for name in NAMES)
        lines.append(f"{one['members']:>8} {one['removals']:>9}" + "".join(f"{cell:>24}" for cell in cells))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 when the bar for 200 members is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--members", type=int, nargs="+", default=[200, 500])
    parser.add_argument("--removals", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    if not all(1 <= one <= MAX_SEALED_MEMBERS for one in options.members) or options.removals < 2:
        parser.error(f"1 to {MAX_SEALED_MEMBERS} members, and at least 2 removals")
    # A room of 500 is full: the one who is removed has to fit in.
    results = [in_room_of(min(one, MAX_SEALED_MEMBERS - 1), options.removals) for one in options.members]
    print(json.dumps(results, indent=2) if options.json else table(results))
    missed = [
        one for one in results if one["members"] == BAR_MEMBERS and one["last_member_ms"]["median"] > BAR_MS
    ]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

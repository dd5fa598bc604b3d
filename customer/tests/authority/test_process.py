# SPDX-License-Identifier: Apache-2.0
"""`sealroom-customer authority` as its own process: configuration, probes, rooms, records, rotation of its key."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.asyncio.client import connect

from customer.tests.desk import APP, Desk
from customer.tests.device import Device
from sealroom_customer.authority.identity import (
    authority_keys,
    public_text,
    retire_authority_key,
    rotate_authority_key,
    signing_key,
)
from sealroom_customer.authority.settings import SAMPLE, Configuration, load
from sealroom_customer.errors import ConfigurationError, StartError
from sealroom_wire import PROTOCOL_VERSION
from sealroom_wire.authority import Join

MAIN = "from sealroom_customer.cli import main; main()"
START_SECONDS = 20


@dataclass
class Place:
    """A customer's authority on disk: state folder, configuration, and the backend that signs for it."""

    folder: Path
    desk: Desk = field(init=False)
    urls: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "state").mkdir(mode=0o700)
        self.desk = Desk(authority_key=signing_key(self.folder / "state" / "authority-signing-key.pem"))
        pem = self.desk.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.folder / "grants.pem").write_bytes(pem)
        self.configure("127.0.0.1:0")

    @property
    def config(self) -> Path:
        return self.folder / "authority.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def configure(self, admin: str) -> None:
        self.config.write_text(
            'name = "keys"\nstate = "state"\n[line]\nlisten = "127.0.0.1:0"\n'
            f'[admin]\nlisten = "{admin}"\n'
            f'[[issuers]]\nname = "shop"\nkeys = ["grants.pem"]\napplications = [{APP}]\n'
        )

    @contextlib.contextmanager
    def running(self) -> Iterator["subprocess.Popen[str]"]:
        """The process, ready; killed at the end when it still runs."""
        command = [sys.executable, "-c", MAIN, "authority", "--config", str(self.config)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    name, _, value = line.strip().partition("  ")
                    self.urls[name] = value.strip()
                    if name == "key":
                        break
                yield process
            finally:
                process.kill()

    def probe(self, path: str, credential: str | None = None) -> tuple[int, bytes]:
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        return _fetch(urllib.request.Request(self.urls["admin"] + path, headers=headers))

    def remove(self, user: str) -> tuple[int, bytes]:
        origin = self.urls["authority"].replace("ws", "http", 1)
        request = urllib.request.Request(
            f"{origin}/rooms/string/r/members/{user}/remove",
            json.dumps({"app": APP}).encode(),
            {"Authorization": f"Bearer {self.credential}", "Content-Type": "application/json"},
        )
        return _fetch(request)

    @property
    def credential(self) -> str:
        return (self.state / "backend-credential").read_text()

    def records(self) -> list[dict[str, object]]:
        return [
            json.loads(line)
            for path in sorted((self.state / "records").iterdir())
            for line in path.read_text().splitlines()
        ]

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", MAIN, "authority", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_SECONDS)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@contextlib.asynccontextmanager
async def joined(
    place: Place, user: str, desk: Desk | None = None, grant: str | None = None
) -> AsyncIterator[Device]:
    """A device with its first secret. Reads on until the block ends or its line is closed."""
    desk = desk or place.desk
    device = desk.device(user)
    grant = grant or desk.grant(user, now=int(time.time()))
    join = Join(version=PROTOCOL_VERSION, grant=grant, member_key=device.member_key, suites=(5,))
    async with connect(place.urls["authority"]) as socket:
        await socket.send(msgspec.json.encode(join).decode())
        async with asyncio.timeout(5):
            while not device.secrets and not device.refused:
                device.take(str(await socket.recv()))

        async def read_on() -> None:
            async for text in socket:
                device.take(str(text))

        reading = asyncio.create_task(read_on())
        device.ended = reading  # type: ignore[attr-defined]
        try:
            yield device
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def test_it_serves_members_probes_rooms_and_records_that_outlive_a_kill(place: Place) -> None:
    with place.running() as process:
        assert place.probe("/livez") == (200, b"ok\n")
        status, body = place.probe("/readyz")
        assert (status, json.loads(body)) == (200, {"ready": True, "checks": {"records": True}})
        assert place.probe("/rooms")[0] == 401
        assert place.probe("/rooms", "x" * 43)[0] == 401
        async with joined(place, "alice") as alice, joined(place, "bob") as bob:
            status, body = place.probe("/rooms", place.credential)
            (room,) = json.loads(body)
            assert (status, room["room"], room["app"], room["absent"]) == (200, "r", APP, 0)
            assert [member["user"] for member in room["members"]] == ["alice", "bob"]
            assert json.loads(place.remove("bob")[1]) == {"removed": True, "recorded": True}
            # What was acknowledged is on disk: nothing may be tidied up now.
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert alice.refused == bob.refused == []
    told = [(one["event"], one.get("user"), one.get("reason")) for one in place.records()]
    assert told == [
        ("epoch", None, "join"),
        ("admitted", "alice", None),
        ("admitted", "bob", None),
        ("departed", "bob", "removed"),
        ("epoch", None, "removal"),
    ]
    written = b"".join(path.read_bytes() for path in place.state.rglob("*") if path.is_file())
    for device in (alice, bob):
        for secret in device.secrets.values():
            assert secret not in written, "a room's secret is on disk"


async def test_who_was_removed_does_not_come_back_by_a_restart(place: Place) -> None:
    unused = place.desk.grant("bob", now=int(time.time()), life=24 * 3600)
    with place.running() as process:
        async with joined(place, "alice"), joined(place, "bob"):
            assert place.remove("bob")[0] == 200
        async with joined(place, "bob", grant=unused) as bob:
            assert [one.code.value for one in bob.refused] == ["grant_expired"]
        process.kill()
        process.wait()
    with place.running():
        async with joined(place, "bob", grant=unused) as bob:
            assert [one.code.value for one in bob.refused] == ["grant_expired"]
        async with joined(place, "bob") as bob:
            assert bob.room is not None, "the backend has signed him a new grant"


async def test_counters_name_what_happened_and_nobody(place: Place) -> None:
    with place.running():
        async with joined(place, "alice"):
            async with joined(place, "bob"):
                pass
            text = place.probe("/metrics")[1].decode()
    assert 'sealroom_authority_admissions_total{role="publish"} 2.0' in text
    assert "sealroom_authority_rooms 1.0" in text
    assert "sealroom_authority_members 2.0" in text or "sealroom_authority_members 1.0" in text
    assert "alice" not in text
    assert "127.0.0.1" not in text


async def test_it_ends_on_sigterm_within_seconds(place: Place) -> None:
    with place.running() as process:
        async with joined(place, "alice"):
            process.terminate()
            assert await asyncio.to_thread(process.wait, 10) == 0
    assert [one["event"] for one in place.records()] == ["epoch", "admitted"]


async def test_rooms_are_listed_on_the_command_line(place: Place) -> None:
    done = place.command("rooms", "--config", str(place.config))
    assert done.returncode == 1
    assert "[authority_not_running]" in done.stderr
    with place.running():
        place.configure(place.urls["admin"].removeprefix("http://"))
        async with joined(place, "alice"):
            done = await asyncio.to_thread(place.command, "rooms", "--config", str(place.config))
            assert done.returncode == 0, done.stderr
            assert "r: alice" in done.stdout
            asked = await asyncio.to_thread(place.command, "rooms", "--json", "--config", str(place.config))
            assert json.loads(asked.stdout)[0]["members"][0]["user"] == "alice"


async def test_a_rotated_key_takes_over_when_the_first_grant_names_it(place: Place) -> None:
    done = place.command("keys", "rotate", "--config", str(place.config))
    assert done.returncode == 0, done.stderr
    newest, before = authority_keys(place.state)
    assert done.stdout.strip() == public_text(newest)
    assert before is not None
    assert public_text(before) == public_text(place.desk.authority_key)
    moved = Desk(place.desk.key, newest)
    with place.running():
        assert place.urls["key"] == public_text(newest)
        async with joined(place, "alice") as alice:
            assert alice.room is not None, "a grant that names the key before still counts"
            async with joined(place, "bob", moved) as bob:
                async with asyncio.timeout(5):
                    await alice.ended  # type: ignore[attr-defined]
                assert bob.room is not None
                assert bob.room.instance != alice.room.instance
                assert {member.user for member in bob.roster.values()} == {"bob"}
                assert not alice.derivable() & bob.derivable()
                async with joined(place, "carol") as carol:
                    assert [one.code.value for one in carol.refused] == ["authority_key_retired"]
                async with joined(place, "alice", moved):
                    assert {member.user for member in bob.roster.values()} == {"bob", "alice"}
    assert place.command("keys", "rotate", "--config", str(place.config)).returncode == 1
    assert place.command("keys", "retire", "--config", str(place.config)).returncode == 0
    assert authority_keys(place.state)[1] is None


@pytest.mark.parametrize("cut_off_after", range(3))
def test_a_rotation_that_is_cut_off_leaves_one_pair_or_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_off_after: int
) -> None:
    old = public_text(signing_key(tmp_path / "authority-signing-key.pem"))
    renames = 0
    rename = Path.rename

    def cut(self: Path, target: Path) -> Path:
        nonlocal renames
        renames += 1
        if renames > cut_off_after:
            raise OSError(5, "cut off")
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", cut)
        with contextlib.suppress(StartError):
            rotate_authority_key(tmp_path)
    key, before = authority_keys(tmp_path)
    if cut_off_after == 0:
        assert (public_text(key), before) == (old, None)
    else:
        assert before is not None
        assert public_text(before) == old != public_text(key)
        assert retire_authority_key(tmp_path)


def test_the_sample_shows_every_key_with_its_default(tmp_path: Path) -> None:
    document = tomllib.loads(SAMPLE)
    shown = msgspec.convert(document, Configuration)
    bare = msgspec.convert({"name": shown.name, "issuers": document["issuers"]}, Configuration)
    assert shown == bare
    for section in ("line", "admin", "records", "webhooks"):
        assert tuple(document[section]) == getattr(shown, section).__struct_fields__
    assert set(document) == set(Configuration.__struct_fields__)
    assert tuple(document["issuers"][0]) == shown.issuers[0].__struct_fields__
    (tmp_path / "a.toml").write_text(SAMPLE)
    assert load(tmp_path / "a.toml").issuers[0].keys == (str(tmp_path / "grant-public-key.pem"),)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("name =", "nmae ="), "configuration_value_invalid"),
        (("max_members = 500", "max_members = 501"), "configuration_value_invalid"),
        (("name =", "name"), "configuration_not_toml"),
        (('listen = "127.0.0.1:7890"', 'listen = "127.0.0.1"'), "address_invalid"),
        (('listen = "127.0.0.1:9465"', 'listen = "0.0.0.0:9465"'), "admin_not_on_loopback"),
        (('listen = "127.0.0.1:7890"', 'listen = "0.0.0.0:7890"'), "tls_required"),
        (("", ""), "issuer_key_unreadable"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_before_anything_starts(
    tmp_path: Path, change: tuple[str, str], code: str
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(SAMPLE.replace('state = ""', f'state = "{tmp_path}/state"').replace(*change, 1))
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "authority", "-c", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
        env=os.environ,
    )
    assert done.returncode == 1
    assert f"[{code}]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "none.toml")


def _fetch(request: urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()

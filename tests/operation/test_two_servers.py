# SPDX-License-Identifier: Apache-2.0
"""Two servers as processes on one PostgreSQL, one NATS and one bucket of S3: what one is told, the other does."""

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from sealroom.accounts.service import AccountSpec
from sealroom.apps.models import ApplicationSpec
from sealroom.audit.events import Actor
from sealroom.core.config import load
from sealroom.kept import kept
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode
from sealroom_wire.signalling import KickReason
from server.tests.trtc_api.parts import signed_headers
from tests.operation.serving import APP, COMMAND, ENVIRONMENT, KEY, Server, enter, serving
from tools.services import Nats
from tools.services.fixtures import OwnBucket, OwnDatabase, OwnSubjects

pytestmark = pytest.mark.services

PATIENCE = 60.0
"""Seconds until what must come counts as not coming."""


@dataclass
class Pair:
    """Two servers that run, and a command of the operator."""

    one: Server
    other: Server
    configuration: Path
    nats: Nats
    api_key: tuple[str, str]

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """A command with the first one's configuration."""
        done = subprocess.run(
            [*COMMAND, *arguments, "--config", str(self.configuration)], capture_output=True, text=True, env=ENVIRONMENT,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def call_api(self, action: str, **parameters: object) -> dict[str, object]:
        """TRTC's API, at the first one."""
        body = json.dumps({"SdkAppId": APP, **parameters}).encode()
        secret_id, secret_key = self.api_key
        headers = signed_headers(
            action, body=body, timestamp=int(time.time()), secret_id=secret_id, secret_key=secret_key
        )
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.one.ports['api']}/", data=body, headers=headers
        )
        with urllib.request.urlopen(request, timeout=20, context=self.one._trust()) as answer:
            found: dict[str, object] = json.loads(answer.read())["Response"]
            return found


def shared(database: OwnDatabase, subjects: OwnSubjects, bucket: OwnBucket, folder: Path, name: str) -> str:
    """What both have in common, but for their names."""
    nats, s3 = subjects.server, bucket.server
    return (
        f'[server]\nname = "{name}"\n[site]\nname = "{subjects.prefix}"\n'
        f'[database]\nurl = "{database.url}"\n[keys]\nmaster = "file:{folder / "master.key"}"\n'
        f'[bus]\nurl = "{nats.url}"\nuser = "{nats.user}"\npassword = "{nats.password}"\nca = "{nats.authority}"\n'
        f'[objects]\nendpoint = "{s3.endpoint}"\nbucket = "{bucket.name}"\naccess = "{s3.access}"\nsecret = "{s3.secret}"\n'
        f'ca = "{s3.authority}"\n'
    )


async def make(configuration: Path) -> tuple[str, str]:
    """An application, and a key of its account."""
    actor = Actor("cli", "tests")
    async with kept(load(configuration, {}).configuration) as everything:
        account = await everything.accounts.create(AccountSpec("Tests"), actor)
        await everything.register.create(
            account.uin, ApplicationSpec("Tests"), actor, sdk_app_id=APP, secret_key=KEY
        )
        pair = await everything.api_keys.create(account.uin, actor)
    return pair.secret_id, pair.secret_key


@pytest.fixture
def pair(
    own_database: OwnDatabase, own_subjects: OwnSubjects, own_bucket: OwnBucket, tmp_path: Path
) -> Iterator[Pair]:
    texts = {
        name: shared(own_database, own_subjects, own_bucket, tmp_path, name) for name in ("rtc-1", "rtc-2")
    }
    for name in texts:
        (tmp_path / name / "state").mkdir(parents=True, mode=0o700)
    with contextlib.ExitStack() as running:
        one = running.enter_context(serving(tmp_path / "rtc-1", texts["rtc-1"], application=False))
        configuration = one.folder / "sealroom.toml"
        for key in ("audit.key", "receipts.key"):
            if (file := one.folder / "state" / key).exists():
                shutil.copy2(file, tmp_path / "rtc-2" / "state" / key)
        other = running.enter_context(serving(tmp_path / "rtc-2", texts["rtc-2"], application=False))
        yield Pair(one, other, configuration, own_subjects.server, asyncio.run(make(configuration)))
        own_subjects.server.process.start()


def until(holds: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < limit, what


def heard(server: Server, kind: str) -> float:
    found = re.search(
        rf'^sealroom_changes_heard_total{{kind="{kind}"}} (\S+)$', server.get("/metrics")[1], re.M
    )
    assert found is not None
    return float(found[1])


def test_what_one_is_told_the_other_does(pair: Pair) -> None:
    other = pair.other
    with other.line() as line:
        assert isinstance(enter(line, "alice", "room"), signalling.Entered)
        before = heard(other, "bans")
        pair.run("ban", "add", str(APP), "alice")
        kicked = msgspec.json.decode(line.recv(PATIENCE), type=signalling.ServerMessage)
        assert kicked == signalling.KickedOut(KickReason.BANNED)
        until(lambda: heard(other, "bans") > before, "the ban was not heard of")
    before = heard(other, "applications")
    pair.run("app", "change", str(APP), "--no-enabled")
    until(lambda: heard(other, "applications") > before, "the change was not heard of")
    for server in (pair.one, other):
        with server.line() as line:
            refused = enter(line, "bob", "room")
            assert isinstance(refused, signalling.Refused)
            assert refused.code == ErrorCode.APPLICATION_DISABLED


def test_a_room_of_the_other_is_dismissed(pair: Pair) -> None:
    with pair.other.line() as line:
        assert isinstance(enter(line, "alice", "room"), signalling.Entered)
        answer: dict[str, object] = {"Error": "not asked"}

        def is_done() -> bool:
            """The room is in the table of calls a moment after it began."""
            nonlocal answer
            answer = pair.call_api("DismissRoomByStrRoomId", RoomId="room")
            return "Error" not in answer

        until(is_done, f"{answer}")
        kicked = msgspec.json.decode(line.recv(PATIENCE), type=signalling.ServerMessage)
        assert kicked == signalling.KickedOut(KickReason.ROOM_DISBAND)
    assert pair.run("audit", "show", "--event", "room_dismissed").stdout.count("room_dismissed") == 1


def test_without_the_bus_calls_go_on_and_changes_are_seen_by_looking(pair: Pair) -> None:
    with pair.other.line() as line:
        assert isinstance(enter(line, "alice", "room"), signalling.Entered)
        pair.nats.process.kill()
        told = pair.run("ban", "add", str(APP), "alice").stderr
        assert "running servers were not told" in told
        kicked = msgspec.json.decode(line.recv(PATIENCE), type=signalling.ServerMessage)
        assert kicked == signalling.KickedOut(KickReason.BANNED)
    status, text = pair.other.get("/readyz")
    assert status == 200
    assert json.loads(text)["notes"]["bus"].startswith("away: ")
    pair.nats.process.start()
    until(lambda: json.loads(pair.other.get("/readyz")[1])["notes"]["bus"] == "answers", "it is not back")
    before = heard(pair.other, "bans")

    def is_heard() -> bool:
        pair.run("ban", "add", str(APP), "bob")
        return heard(pair.other, "bans") > before

    until(is_heard, "the ban was not heard of after the bus was back")


def test_servers_know_each_other_and_no_two_have_one_name(pair: Pair, tmp_path: Path) -> None:
    def listed() -> list[list[str]]:
        return [line.split("\t") for line in pair.run("nodes", "list").stdout.splitlines()]

    until(lambda: all(len(one) > 3 and one[3].startswith("wss://") for one in listed()), "who is there?")
    assert [one[:2] for one in listed()] == [["rtc-1", "runs"], ["rtc-2", "runs"]]
    said = pair.run("doctor", code=1).stdout  # media is on loopback alone
    assert "rtc-1 (it runs); others that run on this database: rtc-2" in said
    assert re.search(r"(?m)^ok    bus ", said)
    assert re.search(r"(?m)^ok    objects ", said)
    third = tmp_path / "third.toml"
    text = (pair.other.folder / "sealroom.toml").read_text()
    third.write_text(text.replace(str(pair.other.folder / "state"), str(tmp_path / "third")))
    ended = subprocess.run(
        [*COMMAND, "serve", "--config", str(third)], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False
    )  # fmt: skip
    assert ended.returncode == 1
    assert "Another server of this database is called rtc-2" in ended.stderr
    # Killed, it comes back to its folder at once.
    pair.other.kill()
    (tmp_path / "back").mkdir()
    shutil.move(pair.other.folder / "state", tmp_path / "back" / "state")
    with serving(tmp_path / "back", text[text.index("[server]") :], application=False):
        assert [one[:2] for one in listed()] == [["rtc-1", "runs"], ["rtc-2", "runs"]]

# SPDX-License-Identifier: Apache-2.0
"""A whole deployment for a test: the operator's and the customer's process, on free loopback ports, with their own state."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sealroom.accounts.service import AccountSpec
from sealroom.apps.models import ApplicationSpec
from sealroom.audit.events import Actor
from sealroom.core.config import Configuration
from sealroom.core.config.schema import StateSettings
from sealroom.kept import kept
from tests import one_body

BIN = Path(sys.executable).parent
START_SECONDS = 60
"""What both sides may take to start; seconds where others build beside."""
URL = re.compile(r"https?://\S+")


@dataclass
class Process:
    """A child whose lines are kept and can be waited for."""

    name: str
    child: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    reader: threading.Thread | None = None

    @classmethod
    def start(cls, name: str, *command: str) -> "Process":
        """Starts `command` and collects what it prints."""
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        process = cls(name, child)
        process.reader = threading.Thread(target=process._collect, daemon=True)
        process.reader.start()
        return process

    def _collect(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            with self.changed:
                self.lines.append(line.rstrip())
                self.changed.notify_all()

    def wait_for(self, pattern: re.Pattern[str], seconds: float = 30) -> str:
        """The first match in what was printed; fails with the output when none comes or the process ends."""
        limit = time.monotonic() + seconds
        with self.changed:
            while True:
                for line in self.lines:
                    if match := pattern.search(line):
                        return match.group()
                if self.child.poll() is not None or not self.changed.wait(limit - time.monotonic()):
                    raise AssertionError(
                        f"{self.name} did not print {pattern.pattern}:\n" + "\n".join(self.lines)
                    )

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after 10 s."""
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        if self.reader is not None:
            self.reader.join()
        if self.child.stdout is not None:
            self.child.stdout.close()

    def memory(self) -> int:
        """Resident bytes."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match is not None
        return int(match.group(1)) * 1024


@dataclass
class Deployment:
    """Both sides, running."""

    operator: Process
    customer: Process
    page: str
    admin: str
    sink: Path
    hand_over: Path

    def url(self, room: str, name: str) -> str:
        """The call page's address that enters `room` as `name` at once."""
        return f"{self.page}?room={room}&name={name}&auto=1"

    def metrics(self) -> str:
        """All of the operator's metrics."""
        with urllib.request.urlopen(f"{self.admin}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def metric(self, name: str, **labels: str) -> float:
        """The value of one of the operator's metrics; 0 while it was never counted."""
        wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
        for line in self.metrics().splitlines():
            if line.startswith((f"{name}{{{wanted}}}", f"{name} ")):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def application(self) -> dict[str, object]:
        """What the operator handed over: endpoint, sdk_app_id, secret_key."""
        return msgspec.json.decode(self.hand_over.read_bytes(), type=dict[str, object])


def make_application(state: Path, spec: ApplicationSpec, sdk_app_id: int, secret_key: str) -> None:
    """Makes an application under a new account in an operator's state folder, before its server starts or beside it."""

    async def make() -> None:
        async with kept(Configuration(state=StateSettings(directory=str(state)))) as everything:
            account = await everything.accounts.create(AccountSpec("Tests"), Actor("cli", "tests"))
            await everything.register.create(
                account.uin, spec, Actor("cli", "tests"), sdk_app_id=sdk_app_id, secret_key=secret_key
            )

    asyncio.run(make())


@contextlib.contextmanager
def deployment(
    folder: Path,
    *operator_flags: str,
    bots: int = 0,
    operator: tuple[str, ...] = (str(BIN / "sealroom"),),
    witnessed: bool = True,
) -> Iterator[Deployment]:
    """Runs both sides with their state under `folder`, and stops them afterwards. `operator` runs as its command line.

    Raises AssertionError at the end when anything that the operator forwarded was sealed twice under one counter. Not where that cannot
    be told (`witnessed`): some of it is in clear, or a room's life at the authority ended while it went on at the operator's.
    """
    hand_over, sink = folder / "operator.json", folder / "sink.dump"
    server = Process.start(
        "operator", *operator, "dev", "--state", str(folder / "operator"), "--demo-out", str(hand_over),
        "--port", "0", "--admin-port", "0", "--api-port", "0", "--sink-dump", str(sink), *operator_flags,
    )  # fmt: skip
    customer = None
    try:
        customer = Process.start(
            "customer", str(BIN / "sealroom-customer"), "demo", "--operator", str(hand_over),
            "--state", str(folder / "customer"), "--port", "0", "--bots", str(bots),
        )  # fmt: skip
        url = customer.wait_for(re.compile(r"http://localhost:\d+/\S*"), START_SECONDS)
        admin = server.wait_for(re.compile(r"http://127\.0\.0\.1:\d+(?=/metrics)"), START_SECONDS)
        yield Deployment(server, customer, url.split("?")[0], admin, sink, hand_over)
    finally:
        for process in (customer, server):
            if process is not None:
                process.stop()
    if witnessed:
        one_body.check(sink)

# SPDX-License-Identifier: Apache-2.0
"""`sealroom serve` as a process, with TLS, on free ports, and somebody who calls."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from websockets.sync.client import ClientConnection, connect

from sealroom.apps.models import ApplicationSpec
from sealroom_wire import signalling
from sealroom_wire.signalling import SendSection
from sealroom_wire.usersig import sign_user_sig
from server.tests import offers
from server.tests.certificates import make_certificate
from tests.deployment import make_application

APP, KEY = 1_400_000_777, "q" * 64
COMMAND = [sys.executable, "-c", "from sealroom.cli import main; main()"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SEALROOM_")}
START_SECONDS = 60.0


@dataclass
class Supervision:
    """A socket as systemd gives it."""

    socket: socket.socket
    name: str
    told: list[str] = field(default_factory=list)
    child: subprocess.Popen[str] | None = None

    def wait_for(self, line: str, seconds: float = START_SECONDS) -> None:
        """Until the process says so."""
        limit = time.monotonic() + seconds
        while line not in self.told:
            left = limit - time.monotonic()
            assert left > 0, (line, self.told)
            assert self.child is None or self.child.poll() is None, (line, "it has ended")
            self.socket.settimeout(min(left, 0.5))
            with contextlib.suppress(TimeoutError):
                self.told += self.socket.recv(4096).decode().splitlines()


@dataclass
class Server:
    """A server that runs."""

    child: subprocess.Popen[str]
    folder: Path
    ports: dict[str, int]
    supervision: Supervision
    killed: bool = False

    def kill(self) -> None:
        """As a power cut would."""
        self.killed = True
        self.child.kill()
        self.child.wait()

    def get(self, path: str) -> tuple[int, str]:
        """Status and text at the admin listener."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.ports['admin']}{path}", timeout=10
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def log(self) -> list[dict[str, object]]:
        """What it has logged so far."""
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def call_api(self, traceparent: str = "") -> str:
        """A request of TRTC's API that nobody signed; what was answered."""
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.ports['api']}/",
            data=b"{}",
            headers={
                "Content-Type": "application/json",
                "X-TC-Action": "DismissRoom",
                "X-TC-Version": "2019-07-22",
                **({"traceparent": traceparent} if traceparent else {}),
            },
        )
        with urllib.request.urlopen(request, timeout=10, context=self._trust()) as answer:
            return str(answer.read().decode())

    def call_own_api(self, traceparent: str = "") -> int:
        """A request of the API `/v1` that nobody signed; the status of the answer."""
        headers = {"traceparent": traceparent} if traceparent else {}
        url = f"https://127.0.0.1:{self.ports['api']}/v1/applications"
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, headers=headers), timeout=10, context=self._trust()
            ) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def send_media(self, datagram: bytes) -> None:
        """One datagram to the media port; returns when the engine has counted it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(datagram, ("127.0.0.1", self.ports["media"]))
        limit = time.monotonic() + 10
        while "sealroom_media_dropped_packets_total{" not in self.get("/metrics")[1]:
            assert time.monotonic() < limit

    @contextlib.contextmanager
    def line(self) -> Iterator[ClientConnection]:
        """A signalling line."""
        url = f"wss://127.0.0.1:{self.ports['signalling']}/rtc/v1"
        with connect(url, ssl=self._trust(), server_hostname="localhost") as line:
            yield line

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.folder / "certificate.pem")
        context.check_hostname = False
        return context


def enter(line: ClientConnection, user: str, room: str) -> signalling.ServerMessage:
    """Asks to enter; what came back."""
    token = sign_user_sig(
        secret_key=KEY, sdk_app_id=APP, user_id=user, issued_at=int(time.time()), expire=600
    )
    sends = tuple(SendSection(mid, track) for mid, track in offers.TRACKS.items())
    message = signalling.Enter(
        id=1, version=1, sdk_app_id=APP, user_id=user, user_sig=token, sdp=offers.offer(), sends=sends, str_room_id=room
    )  # fmt: skip
    line.send(msgspec.json.encode(message).decode())
    answer: signalling.ServerMessage = msgspec.json.decode(line.recv(10), type=signalling.ServerMessage)
    return answer


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """One that nobody had a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_configuration(folder: Path, ports: dict[str, int], more: str = "") -> Path:
    """A configuration for production on loopback."""
    make_certificate(folder, "localhost")
    pair = f'certificate = "{folder / "certificate.pem"}"\nkey = "{folder / "key.pem"}"'
    file = folder / "sealroom.toml"
    file.write_text(
        f'[signalling]\nlisten = "127.0.0.1:{ports["signalling"]}"\n{pair}\n'
        f'[api]\nlisten = "127.0.0.1:{ports["api"]}"\n{pair}\n'
        f'[admin]\nlisten = "127.0.0.1:{ports["admin"]}"\n'
        f'[media]\naddresses = ["127.0.0.1"]\nport = {ports["media"]}\n'
        f'[state]\ndirectory = "{folder / "state"}"\n[log]\nformat = "json"\n{more}'
    )
    return file


@contextlib.contextmanager
def serving(
    folder: Path, more: str = "", *, watchdog_seconds: float = 0, application: bool = True
) -> Iterator[Server]:
    """A server from ready to ended; who did not end it has it killed, and fails where it left with an error. With `application` one is
    made in its state folder before.
    """
    ports = {name: free_port() for name in ("signalling", "api", "admin")}
    ports["media"] = free_port(socket.SOCK_DGRAM)
    configuration = write_configuration(folder, ports, more)
    if application:
        make_application(folder / "state", ApplicationSpec("Tests"), APP, KEY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out, (folder / "log").open("w") as log:
        supervision = Supervision(out, str(folder / "notify"))
        out.bind(supervision.name)
        told = {"NOTIFY_SOCKET": supervision.name}
        if watchdog_seconds:
            told["WATCHDOG_USEC"] = str(round(watchdog_seconds * 1e6))
        child = subprocess.Popen(
            [*COMMAND, "serve", "--config", str(configuration)], stdout=log, stderr=log, text=True, env=ENVIRONMENT | told
        )  # fmt: skip
        supervision.child = child
        try:
            supervision.wait_for("READY=1")
            server = Server(child, folder, ports, supervision)
            yield server
            if server.killed:
                return
            child.send_signal(signal.SIGTERM)
            child.send_signal(signal.SIGTERM)
            assert child.wait(30) == 0, (folder / "log").read_text()
        finally:
            child.kill()
            child.wait()

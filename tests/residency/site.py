# SPDX-License-Identifier: Apache-2.0
"""One site as its operator runs it: a server process with its own configuration, state and stores."""

import contextlib
import os
import re
import secrets
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sealroom.app import catalogue
from sealroom.core.clock import SystemClock
from sealroom.core.config import Configuration, load
from sealroom.core.keys import Envelope, master_keys
from sealroom.core.records import Records
from sealroom.core.records.journal import DeadLetters
from sealroom.core.records.opening import dead_letters_of, store_of
from sealroom.core.state import StateDirectory
from tests.deployment import BIN, Process
from tests.wire.member import Application

START = 60


@dataclass
class Site:
    """A site that runs."""

    name: str
    folder: Path
    server: Process
    application: Application
    api: str
    admin: str
    uin: int
    api_key: tuple[str, str]

    @property
    def state(self) -> Path:
        """Where everything lies that the site keeps on its disk."""
        return self.folder / "state"

    @property
    def configuration(self) -> Configuration:
        """The site's, as every process of it reads it."""
        return load(
            self.folder / "sealroom.toml", {}, {("state", "directory"): str(self.state)}
        ).configuration

    def run(self, *arguments: str, **environment: str) -> str:
        """A command beside the server; what it printed."""
        return command(self.folder, *arguments, **environment)

    def metrics(self) -> str:
        """What monitoring reads."""
        with urllib.request.urlopen(f"{self.admin}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def export(self) -> str:
        """Its part of the directory."""
        return self.run(
            "site", "export", SEALROOM_SIGNALLING__PUBLIC_URL=self.application.endpoint, SEALROOM_API__PUBLIC_URL=self.api
        )  # fmt: skip

    @property
    def keys(self) -> Envelope:
        """What its journal is encrypted under."""
        return Envelope(master_keys(self.configuration.keys, StateDirectory(self.state)))

    def dead_letters(self) -> DeadLetters:
        """What its store of records refused."""
        return dead_letters_of(StateDirectory(self.state), self.name, self.keys, SystemClock())

    @contextlib.asynccontextmanager
    async def records(self) -> AsyncIterator[Records]:
        """Its store of records."""
        settings = self.configuration
        store = store_of(
            settings.records, StateDirectory(self.state), catalogue(), settings.site.name, SystemClock()
        )
        await store.prepare()
        yield store
        await store.close()


def command(folder: Path, *arguments: str, **environment: str) -> str:
    """Runs `sealroom` with the configuration of a site."""
    done = subprocess.run(
        [str(BIN / "sealroom"), *arguments, "--state", str(folder / "state"), "--config", str(folder / "sealroom.toml")],
        capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def site(
    name: str, folder: Path, directory: Path, names: tuple[str, str, str], more: str = ""
) -> Iterator[Site]:
    """Runs a site with one customer and one application until the block ends. `names`: of customer, contact and application."""
    folder.mkdir()
    (folder / "sealroom.toml").write_text(
        f'[site]\nname = "{name}"\ndirectory = "{directory}"\n[webhooks]\nallow = ["127.0.0.0/8"]\n'
        f'[log]\nlevel = "debug"\nformat = "json"\n{more}'
    )
    customer, contact, application = names
    uin = int(command(folder, "account", "create", customer, "--contact", contact).strip())
    secret = secrets.token_hex(32)
    (folder / "key").write_text(secret)
    made = msgspec.json.decode(
        command(
            folder,
            "app",
            "create",
            str(uin),
            application,
            "--sealing",
            "optional",
            "--key-file",
            str(folder / "key"),
            "--json",
        )
    )
    pair = msgspec.json.decode(command(folder, "account", "key", "create", str(uin), "--json"))
    server = Process.start(
        name, str(BIN / "sealroom"), "dev", "--config", str(folder / "sealroom.toml"), "--state", str(folder / "state"),
        "--port", "0", "--admin-port", "0", "--api-port", "0",
    )  # fmt: skip
    try:
        endpoint = server.wait_for(re.compile(r"ws://\S+"), START)
        api = server.wait_for(re.compile(r"(?<=REST API     )http://\S+"), START)
        admin = server.wait_for(re.compile(r"http://127\.0\.0\.1:\d+(?=/metrics)"), START)
        there = Application(endpoint, made["sdk_app_id"], secret)
        yield Site(name, folder, server, there, api, admin, uin, (pair["secret_id"], pair["secret_key"]))
    finally:
        server.stop()

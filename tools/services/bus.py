# SPDX-License-Identifier: Apache-2.0
"""NATS with JetStream, TLS and a password."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.services.certificate import make_certificate
from tools.services.packages import nats_server
from tools.services.process import Process, answers, free_port

USER, PASSWORD = "sealroom", "sealroom-tests"


@dataclass(frozen=True)
class Nats:
    """A running server."""

    process: Process
    port: int
    authority: Path
    user: str = USER
    password: str = PASSWORD

    @property
    def url(self) -> str:
        """Where a client connects to; credentials and the authority to trust go beside it."""
        return f"tls://127.0.0.1:{self.port}"

    def environment(self) -> Mapping[str, str]:
        """What a developer exports to connect."""
        return {
            "SEALROOM_TEST_NATS": self.url, "SEALROOM_TEST_NATS_USER": self.user,
            "SEALROOM_TEST_NATS_PASSWORD": self.password, "SEALROOM_TEST_NATS_AUTHORITY": str(self.authority),
        }  # fmt: skip


@contextmanager
def nats(folder: Path) -> Iterator[Nats]:
    """Runs a server whose streams lie below `folder`.

    Raises:
        ServiceError: it cannot be installed, or does not start.
    """
    certificate = make_certificate(folder)
    port, monitor = free_port(), free_port()
    # A stream sets aside what it may hold at most; a run of the tests makes hundreds.
    settings = {
        "server_name": "sealroom-tests", "listen": f"127.0.0.1:{port}", "http": f"127.0.0.1:{monitor}",
        "authorization": {"user": USER, "password": PASSWORD},
        "tls": {"cert_file": str(certificate.chain), "key_file": str(certificate.key)},
        "jetstream": {"store_dir": str(folder / "nats"), "max_mem": 64 << 20, "max_file": 1 << 40},
    }  # fmt: skip
    file = folder / "nats.conf"
    file.touch(mode=0o600)
    file.write_text(json.dumps(settings, indent=1))
    process = Process(
        "nats", [nats_server(), "-c", file], folder, ready=lambda: answers(f"http://127.0.0.1:{monitor}/healthz"),
        patience=30,
    )  # fmt: skip
    with process:
        yield Nats(process, port, certificate.authority)

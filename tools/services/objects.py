# SPDX-License-Identifier: Apache-2.0
"""An S3 server: the Versity gateway over a folder, with TLS. Objects carry extended attributes, so the folder's file system must."""

import os
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.services.certificate import make_certificate
from tools.services.faults import ServiceError
from tools.services.packages import versitygw
from tools.services.process import Process, free_port

ACCESS, SECRET = "sealroom-tests", "sealroom-tests-secret"
REGION = "us-east-1"
"""The gateway's own, which signatures name."""


@dataclass(frozen=True)
class S3:
    """A running server."""

    process: Process
    endpoint: str
    authority: Path
    program: Path
    access: str = ACCESS
    secret: str = SECRET
    region: str = REGION

    def create_bucket(self, name: str) -> None:
        """Makes a bucket that the root key owns."""
        self.administer("create-bucket", "--bucket", name, "--owner", ACCESS)

    def administer(self, *arguments: str) -> str:
        """Runs one command of the gateway's own administration, and returns what it prints."""
        account = ["--access", ACCESS, "--secret", SECRET, "--endpoint-url", self.endpoint]
        trust = os.environ | {"SSL_CERT_FILE": str(self.authority)}
        done = subprocess.run(
            [self.program, "admin", *account, *arguments],
            env=trust,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServiceError(
                f"The S3 server refused {arguments[0]}.", "It said:", done.stdout + done.stderr
            )
        return done.stdout

    def environment(self) -> Mapping[str, str]:
        """What a developer exports to connect."""
        return {
            "SEALROOM_TEST_S3": self.endpoint, "SEALROOM_TEST_S3_ACCESS": self.access,
            "SEALROOM_TEST_S3_SECRET": self.secret, "SEALROOM_TEST_S3_AUTHORITY": str(self.authority),
        }  # fmt: skip


@contextmanager
def s3(folder: Path) -> Iterator[S3]:
    """Runs a server whose objects lie below `folder`.

    Raises:
        ServiceError: it cannot be installed, or does not start.
    """
    program = versitygw()
    certificate = make_certificate(folder)
    # It changes its directory: every path must be absolute.
    places = {name: (folder / name).absolute() for name in ("s3", "versions", "accounts")}
    for place in places.values():
        place.mkdir()
    port = free_port()
    endpoint = f"https://127.0.0.1:{port}"
    command: list[str | Path] = [
        program, "--port", f"127.0.0.1:{port}", "--quiet", "--health", "/health", "--iam-dir", places["accounts"],
        "--cert", certificate.chain.absolute(), "--key", certificate.key.absolute(),
        "posix", "--versioning-dir", places["versions"], places["s3"],
    ]  # fmt: skip
    trust = ssl.create_default_context(cafile=str(certificate.authority))

    def ready() -> bool:
        with urllib.request.urlopen(f"{endpoint}/health", timeout=5, context=trust) as answer:  # noqa: S310
            return bool(answer.status == 200)

    keys = {"ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}
    with Process("s3", command, folder, ready, patience=30, environment=keys) as process:
        yield S3(process, endpoint, certificate.authority, program)

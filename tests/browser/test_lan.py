# SPDX-License-Identifier: Apache-2.0
"""`make demo --lan`: a page and two Python clients in one sealed call, all through one origin of the customer's process."""

import base64
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Playwright

from tests.browser.call import Caller, eventually
from tests.browser.chromium import launch
from tests.deployment import Process


@dataclass
class Demo:
    """The demo's process, and where it keeps the certificate."""

    process: Process
    page: str
    certificates: Path

    def url(self, room: str, name: str) -> str:
        return f"{self.page}/?room={room}&name={name}&auto=1"

    @property
    def key_pin(self) -> str:
        """The hash by which Chromium takes this certificate's key and no other."""
        leaf = x509.load_pem_x509_certificate((self.certificates / "certificate.pem").read_bytes())
        digest = hashes.Hash(hashes.SHA256())
        digest.update(leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        return base64.b64encode(digest.finalize()).decode()


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Demo]:
    monkeypatch.setenv("SEALROOM_ADMIN__LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("SEALROOM_MEDIA__PORT", "0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = Process.start(
        "demo", sys.executable, "-m", "tools.demo", "--lan", "--lan-address", "127.0.0.1",
        "--state", str(tmp_path), "--port", str(port), "--operator-port", "0", "--bots", "2",
    )  # fmt: skip
    try:
        process.wait_for(re.compile(rf"https://127\.0\.0\.1:{port}/\?room=demo"), 60)
        yield Demo(process, f"https://127.0.0.1:{port}", tmp_path / "customer" / "lan")
    finally:
        process.child.terminate()
        # It ends both sides, and gives each ten seconds.
        process.child.wait(40)
        process.stop()


def test_a_page_and_two_python_clients_call_through_one_origin(demo: Demo, playwright: Playwright) -> None:
    browser = launch(
        playwright,
        "--allow-loopback-in-peer-connection",
        f"--ignore-certificate-errors-spki-list={demo.key_pin}",
    )
    try:
        alice = Caller.open(
            browser, demo, "alice", number=9, room="demo", worker_prefix="", size=(640, 360), codec="",
            prepare=lambda _page: None,
        )  # fmt: skip

        def both_bots() -> bool:
            codes = {tile.user: tile.code for tile in alice.tiles() if not tile.local}
            return len(codes) == 2 and all(code and code["good"] for code in codes.values())

        eventually(f"alice sees both bots; {alice.console[-8:]}", both_bots)
        demo.process.wait_for(re.compile(r"3 members .* opened [0-9,]+ frames"), 60)
        endpoints = alice.page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
        assert all(one.startswith((demo.page, "data:", "blob:")) for one in endpoints)
    finally:
        browser.close()

# SPDX-License-Identifier: Apache-2.0
"""A legitimate user aims the server at somebody else's address: the victim gets at most three times what was sent, and no media."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.deployment import BIN, Process
from tests.hostile import namespaces
from tests.hostile.entering import Entered

REQUESTS = 200


def python_within(namespace: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python of ours in a namespace, with pipes."""
    command = ["ip", "netns", "exec", namespace, sys.executable, "-m", *arguments]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )


@pytest.mark.skipif(bool(namespaces.available()), reason=namespaces.available() or "never")
def test_a_spoofed_source_gets_at_most_three_times_what_was_sent(tmp_path: Path) -> None:
    hand_over = tmp_path / "operator.json"
    with namespaces.hosts() as hosts:
        operator = Process.start(
            "operator", "ip", "netns", "exec", hosts.server, str(BIN / "sealroom"), "dev", "--state", str(tmp_path / "state"),
            "--demo-out", str(hand_over), "--port", "0", "--admin-port", "0", "--api-port", "0",
        )  # fmt: skip
        children: list[subprocess.Popen[str]] = []
        try:
            operator.wait_for(re.compile(r"ws://\S+"))
            user = python_within(hosts.server, "tests.hostile.entering", str(hand_over), "room", "attacker")
            victim = python_within(hosts.victim, "tests.hostile.listen")
            children += [user, victim]
            assert user.stdout is not None
            assert victim.stdout is not None
            got = msgspec.json.decode(user.stdout.readline(), type=Entered)
            assert victim.stdout.readline() == "ready\n"
            port = next(port for address, port in got.addresses if address == hosts.server_address)
            sent = int(
                namespaces.within(
                    hosts.attacker, sys.executable, "-m", "tests.hostile.spoof", hosts.victim_address, hosts.server_address,
                    str(port), got.ufrag, got.password, str(REQUESTS),
                )
            )  # fmt: skip
            # The server's own checks towards the unproven address are repeated for some time: give them that time.
            with pytest.raises(subprocess.TimeoutExpired):
                operator.child.wait(4)
            size, count = (int(word) for word in victim.communicate("", timeout=20)[0].split())
            assert count > 0, "the test must reach the server, or it shows nothing"
            assert size <= 3 * sent
        finally:
            for child in children:
                child.kill()
                child.communicate()
            operator.stop()

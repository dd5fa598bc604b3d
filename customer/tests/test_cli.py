# SPDX-License-Identifier: Apache-2.0
"""The command line signs what the other side verifies, and says in one line what is wrong."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from customer.tests.desk import p256
from sealroom_customer.signing.grants import read_grant
from sealroom_wire.ids import room_number
from sealroom_wire.usersig import Privilege, verify_private_map_key, verify_user_sig

SECRET = "0123456789abcdef" * 4
MAIN = "from sealroom_customer.cli import main; main()"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_text(SECRET + "\n")
    return path


def test_a_signed_user_sig_verifies(secret: Path) -> None:
    done = run("sign", "user-sig", "--sdk-app-id", "7", "--user", "alice", "--secret-key", str(secret))
    assert done.returncode == 0, done.stderr
    now = int(time.time())
    assert verify_user_sig(done.stdout.strip(), secret_keys=[SECRET], sdk_app_id=7, user_id="alice", now=now)


def test_a_signed_private_map_key_has_the_rights_that_were_named(secret: Path) -> None:
    done = run(
        "sign", "private-map-key", "--sdk-app-id", "7", "--user", "alice", "--secret-key", str(secret),
        "--room-number", "9", "--right", "enter", "--right", "receive-audio",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    verified = verify_private_map_key(
        done.stdout.strip(),
        secret_keys=[SECRET],
        sdk_app_id=7,
        user_id="alice",
        room=room_number(9),
        now=int(time.time()),
    )
    assert verified.privileges == Privilege.ENTER | Privilege.RECEIVE_AUDIO


def test_a_signed_grant_reads(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.touch(0o600)
    key.write_bytes(p256().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    done = run(
        "sign", "grant", "--sdk-app-id", "7", "--user", "alice", "--key", str(key), "--issuer", "shop",
        "--audience", "keys", "--authority-key", "A" * 43, "--room", "r", "--role", "receive",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    grant = read_grant(done.stdout.strip())
    assert (grant.algorithm, grant.claims.sub, grant.claims.role.value) == ("ES256", "alice", "receive")


def test_a_mistake_is_one_line_with_what_to_do(secret: Path, tmp_path: Path) -> None:
    secret.chmod(0o644)
    for arguments, code in (
        (
            ("sign", "user-sig", "--sdk-app-id", "7", "--user", "alice", "--secret-key", str(secret)),
            "file_readable_by_others",
        ),
        (
            ("sign", "user-sig", "--sdk-app-id", "7", "--user", "alice", "--secret-key", str(tmp_path / "x")),
            "file_missing",
        ),
        (("demo", "--host", "0.0.0.0", "--state", str(tmp_path)), "tls_required"),
        (("demo", "--host", "0.0.0.0", "--behind-proxy", "x", "--state", str(tmp_path)), "network_invalid"),
        (("demo", "--lan", "--host", "0.0.0.0", "--state", str(tmp_path)), "lan_goes_alone"),
        (("demo", "--lan", "--check", "3", "--state", str(tmp_path)), "lan_goes_alone"),
        (("demo", "--lan", "--lan-address", "8.8.8.8", "--state", str(tmp_path)), "address_not_local"),
        (("demo", "--check", "0", "--state", str(tmp_path)), "check_too_short"),
    ):
        done = run(*arguments)
        assert done.returncode == 1, arguments
        assert code in done.stderr
        assert "Traceback" not in done.stderr
        assert SECRET not in done.stderr + done.stdout

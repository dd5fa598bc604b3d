# SPDX-License-Identifier: Apache-2.0
"""The audit log against copies of its checkpoints, as an operator meets them: with commands, and at the end of a server."""

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from tests.operation.serving import COMMAND, ENVIRONMENT, serving


def sealroom(state: Path, *arguments: str, code: int = 0) -> str:
    """A command beside a server or without one; what it printed."""
    done = subprocess.run(
        [*COMMAND, *arguments, "--state", str(state)], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def backed_up(state: Path, backup: Path) -> None:
    with closing(sqlite3.connect(state / "sealroom.db")) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)


def rolled_back(state: Path, backup: Path) -> None:
    for file in state.glob("sealroom.db*"):
        file.unlink()
    shutil.copy2(backup, state / "sealroom.db")


def test_a_server_that_ends_leaves_a_copy_and_a_rolled_back_database_is_found(tmp_path: Path) -> None:
    state, backup = tmp_path / "state", tmp_path / "backup.db"
    with serving(tmp_path) as server:
        backed_up(state, backup)
        sealroom(state, "account", "create", "Somebody")
        assert "compared with nothing but the database itself" in sealroom(state, "audit", "verify")
        assert server.child.poll() is None
    said = sealroom(state, "audit", "verify")
    assert "compared with copies of checkpoints (1)" in said
    rolled_back(state, backup)
    found = sealroom(state, "audit", "verify", code=1)
    assert "FAULT copy" in found
    assert "entries, and the log has" in found
    # What the rolled-back database goes on with does not make it good again, and a server that starts says so.
    (tmp_path / "again").mkdir()
    shutil.move(state, tmp_path / "again" / "state")
    with serving(tmp_path / "again", application=False) as server:
        assert "audit_log_contradicts_copy" in {one["event"] for one in server.log()}
        status, text = server.get("/readyz")
        assert status == 200
        assert "run `sealroom audit verify`" in text
    sealroom(tmp_path / "again" / "state", "audit", "verify", code=1)


def test_a_key_s_rotation_is_copied_before_and_after(tmp_path: Path) -> None:
    state = tmp_path / "state"
    sealroom(state, "account", "create", "Somebody")
    sealroom(state, "audit", "rotate-key")
    copies = state / "objects" / "main" / "audit-checkpoints"
    assert len(list(copies.iterdir())) == 2
    assert "compared with copies of checkpoints (2)" in sealroom(state, "audit", "verify")
    oldest = min(copies.iterdir())
    content = bytearray(oldest.read_bytes())
    content[-5] ^= 1
    oldest.write_bytes(content)
    assert "it is damaged" in sealroom(state, "audit", "verify", code=1)


def test_the_server_of_a_folder_is_listed_by_its_name(tmp_path: Path) -> None:
    with serving(tmp_path, "[server]\nname = 'rtc-1'\n"):
        assert sealroom(tmp_path / "state", "nodes", "list").split()[:2] == ["rtc-1", "runs"]
    assert sealroom(tmp_path / "state", "nodes", "list").split()[:2] == ["rtc-1", "gone"]

# SPDX-License-Identifier: Apache-2.0
"""`verify-page` and `sign-page` on the command line: what they print, and the exit codes that scripts go by."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from customer.tests.lines import serve
from customer.tests.page.hostile_server import CONTENT, SCRIPT, Release, served
from sealroom_customer import __version__

OTHERS = {"--rounds": "1", "--version": "1.2.3"}


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release(tmp_path / "static").build()


async def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "sealroom_customer", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=60
    )


async def test_a_build_that_was_signed_here_verifies_and_a_changed_one_does_not(
    release: Release, tmp_path: Path
) -> None:
    release.note.unlink()
    key = tmp_path / "release.pem"
    signed = await run(
        "sign-page", "--key", str(key), "--name", "call.example/page", "--folder", str(release.folder)
    )
    assert signed.returncode == 0, signed.stderr
    assert key.stat().st_mode & 0o777 == 0o600
    public = tmp_path / "release.pub"
    public.write_text(signed.stdout)
    async with serve(served(release, lambda answer: answer)) as port:
        asked = ["verify-page", f"http://127.0.0.1:{port}/?room=demo", "--rounds", "1", "--version", "1.2.3"]
        good = await run(*asked, "--key", signed.stdout.strip())
        assert good.returncode == 0, good.stdout + good.stderr
        assert (
            f"holds: every answer was the release 1.2.3, vouched for by {signed.stdout.strip()}"
            in good.stdout
        )
        assert "cannot show that your browser" in good.stdout
        assert sum(line.startswith("ok") for line in good.stdout.splitlines()) == 1 + 1 + len(CONTENT)
        nobody = await run(*asked)
        assert (nobody.returncode, "signer_unknown" in nobody.stdout) == (3, True), nobody.stdout
        (release.folder / SCRIPT[1:]).write_text("steal()")
        (release.folder / "index.html").touch()
        bad = await run(*asked, "--key", str(public), "--json")
        assert bad.returncode == 1, bad.stdout
        report = json.loads(bad.stdout)
        (file,) = [one for one in report["files"] if one["findings"]]
        assert (report["verdict"], file["path"]) == ("differs", SCRIPT)
        assert {one["code"] for one in file["findings"]} == {"content_differs"}
        assert all(one["action"] for one in file["findings"])


async def test_without_more_the_version_of_this_installation_is_expected(release: Release) -> None:
    async with serve(served(release, lambda answer: answer)) as port:
        done = await run(
            "verify-page", f"http://127.0.0.1:{port}/", "--rounds", "1", "--key", str(release.public)
        )
        assert done.returncode == 1
        assert (
            f"version_unexpected: The page is of another release than was expected. (1.2.3, not {__version__})"
            in done.stdout
        )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("verify-page", "http://call.example/"), "page_invalid"),
        (("verify-page", "https://user:secret@call.example/"), "page_invalid"),
        (("verify-page", "https://call.example/", "--key", "nonsense"), "key_unreadable"),
        (("verify-page", "https://call.example/", "--rounds", "0"), "rounds_invalid"),
        (("verify-page", "https://call.example/", "--built", "nowhere"), "file_missing"),
        (("verify-page", "https://call.example/", "--ca", "nowhere"), "ca_unreadable"),
        (("verify-page", "https://call.example/", "--connect", "*"), "origin_invalid"),
        (("sign-page", "--key", "k.pem", "--name", "a", "--folder", "nowhere"), "file_missing"),
    ],
)
async def test_a_mistake_is_one_line_with_what_to_do(arguments: tuple[str, ...], code: str) -> None:
    done = await run(*arguments)
    assert done.returncode == 1
    assert f"[{code}]" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "secret" not in done.stderr

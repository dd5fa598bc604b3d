# SPDX-License-Identifier: Apache-2.0
"""The command against both sides as they run."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sealroom.apps.models import ApplicationSpec
from sealroom_customer.loadtest.report import Report
from sealroom_wire.signalling import Sealing
from tests.deployment import BIN, Deployment, deployment, make_application

OPTIONAL = 1_400_000_007
SECRET = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("load")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Deployment]:
    """Both sides; beside the demo's application there is one whose sealing is optional."""
    make_application(folder / "operator", ApplicationSpec("Load", sealing=Sealing.OPTIONAL), OPTIONAL, SECRET)
    with deployment(folder, witnessed=False) as both:
        yield both


def loadtest(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "sealroom-customer"), "loadtest", "--json", "--seconds", "2", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_sealed_members_get_every_frame(running: Deployment) -> None:
    page = running.page.rstrip("/")
    done = loadtest("--page", page, "--rooms", "2", "--publishers", "2", "--subscribers", "2", "--ramp", "20")
    assert done.returncode == 0, done.stderr
    result = msgspec.json.decode(done.stdout, type=Report)
    assert (result.failed, result.wrong, result.refused) == ({}, 0, {})
    # 2 rooms x 2 publishers x 2 subscribers; 50 and 15 frames a second, for 2 s.
    assert result.audio.opened == result.audio.expected == 2 * result.audio.sent
    assert result.audio.opened > 500
    assert result.video.opened == result.video.expected > 150
    assert result.subscribers_connected.count == result.first_picture.count == 4
    assert result.packets_received >= result.audio.opened + result.video.opened
    assert (result.delay.p50 or 0) > 0
    assert "entered    8 of 8" in done.stderr


def test_an_application_whose_sealing_is_optional_is_loaded_in_clear(
    running: Deployment, folder: Path
) -> None:
    secret = folder / "secret"
    secret.touch(0o600)
    secret.write_text(SECRET)
    done = loadtest(
        "--operator", str(running.application()["endpoint"]), "--sdk-app-id", str(OPTIONAL),
        "--secret-key", str(secret), "--sealing", "off", "--publishers", "1", "--subscribers", "2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = msgspec.json.decode(done.stdout, type=Report)
    assert result.video.opened == result.video.expected > 30
    assert result.audio.opened == result.audio.expected > 100
    assert result.refused_early == {}


def test_an_application_that_wants_sealing_is_not_loaded_in_clear(running: Deployment) -> None:
    done = loadtest("--page", running.page.rstrip("/"), "--sealing", "off")
    assert done.returncode == 1
    assert "loadtest_not_let_in" in done.stderr
    assert "sealing_required" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "deployment_missing"),
        (("--page", "http://a.example"), "page_invalid"),
        (("--page", "http://localhost:9", "--subscribers", "9999"), "loadtest_size"),
        (("--page", "http://localhost:9", "--max-loss", "2"), "max_loss_invalid"),
        (("--page", "http://localhost:9"), "tokens_missing"),
        (("--operator", "ws://a.example", "--sdk-app-id", "7", "--secret-key", "SECRET", "--sealing", "off"), "operator_invalid"),
        (("--operator", "wss://a.example", "--sdk-app-id", "7", "--secret-key", "SECRET"), "grants_missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_what_to_do(tmp_path: Path, arguments: tuple[str, ...], code: str) -> None:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text(SECRET)
    done = loadtest(*(str(secret) if one == "SECRET" else one for one in arguments))
    assert done.returncode == 1
    assert code in done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr + done.stdout

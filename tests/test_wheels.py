# SPDX-License-Identifier: Apache-2.0
"""Each side's wheel, alone in an empty environment outside the checkout; then the two work together."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import one_body
from tests.deployment import Process

ROOT = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).parent / "uv"
pytestmark = pytest.mark.wheels


def uv(*arguments: str, folder: Path) -> str:
    """Runs uv; fails with what it printed."""
    environment = {
        key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}
    }
    # The wheels of the test are built with the profile of the tests, so that Rust is built once.
    environment["MATURIN_PEP517_ARGS"] = "--profile dev"
    done = subprocess.run(
        [str(UV), *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheels")
    for part in ("wire", "server", "customer"):
        uv(
            "build",
            "--quiet",
            "--wheel",
            "--no-create-gitignore",
            "--out-dir",
            str(out),
            str(ROOT / part),
            folder=ROOT,
        )
    assert len(list(out.glob("*.whl"))) == 3
    return out


@pytest.fixture(scope="module")
def environments(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    folder = tmp_path_factory.mktemp("environments")
    for name in ("sealroom", "sealroom-customer"):
        uv("venv", "--quiet", "--python", sys.executable, str(folder / name), folder=folder)
        uv(
            "pip", "install", "--quiet", "--python", str(folder / name / "bin" / "python"), "--find-links", str(wheels),
            str(next(wheels.glob(f"{name.replace('-', '_')}-[0-9]*.whl"))), folder=folder,
        )  # fmt: skip
    yield {name: folder / name / "bin" for name in ("sealroom", "sealroom-customer")}
    shutil.rmtree(folder)


def imports(bin_folder: Path, module: str) -> bool:
    """Whether `module` can be imported there, from a folder that has nothing to do with the checkout."""
    command = [str(bin_folder / "python"), "-I", "-c", f"import {module}"]
    return subprocess.run(command, cwd=bin_folder, capture_output=True, check=False).returncode == 0


def test_each_side_has_its_own_modules_and_not_the_others(environments: dict[str, Path]) -> None:
    operator, customer = environments["sealroom"], environments["sealroom-customer"]
    assert imports(operator, "sealroom.media._engine")
    assert not imports(operator, "sealroom_customer")
    assert imports(customer, "sealroom_customer.client._native")
    assert not imports(customer, "sealroom")


def test_the_customers_wheel_carries_the_call_page(environments: dict[str, Path]) -> None:
    python = environments["sealroom-customer"].parent / "lib"
    assert list(python.glob("python*/site-packages/sealroom_customer/page/static/index.html"))


def test_the_two_work_together(environments: dict[str, Path], tmp_path: Path) -> None:
    hand_over = tmp_path / "operator.json"
    operator = Process.start(
        "operator", str(environments["sealroom"] / "sealroom"), "dev", "--state", str(tmp_path / "operator"),
        "--demo-out", str(hand_over), "--port", "0", "--admin-port", "0", "--api-port", "0", "--sink-dump", str(tmp_path / "sink.dump"),
    )  # fmt: skip
    try:
        customer = Process.start(
            "customer", str(environments["sealroom-customer"] / "sealroom-customer"), "demo", "--operator", str(hand_over),
            "--state", str(tmp_path / "customer"), "--port", "0", "--check", "3",
        )  # fmt: skip
        code = customer.child.wait(60)
        customer.stop()
        assert code == 0, "\n".join(customer.lines + operator.lines)
    finally:
        operator.stop()
    assert one_body.check(tmp_path / "sink.dump") > 100

# SPDX-License-Identifier: Apache-2.0
"""A suite that could not be run is not one that passed."""

from pathlib import Path

import pytest

from tools import run_tests
from tools.run_tests import Outcome


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> None:
    def passed(name: str, _marker: str = "", *, workers: int = 1) -> Outcome:
        return Outcome(name, 0, workers)

    monkeypatch.setattr(run_tests, "python", passed)
    monkeypatch.setattr(run_tests, "rust", lambda: passed("rust"))
    monkeypatch.setattr(run_tests, "web", lambda: passed("web"))


@pytest.mark.usefixtures("passing")
def test_every_suite_is_in_the_count() -> None:
    assert {one.name for one in run_tests.everything()} == {"rust", "web", "python", "wheels", "browsers"}


@pytest.mark.usefixtures("passing")
def test_a_suite_whose_program_is_missing_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run_tests, "web", lambda: run_tests.run("web", [str(tmp_path / "npm")], tmp_path))
    with pytest.raises(FileNotFoundError):
        run_tests.everything()


def test_a_run_without_a_test_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_tests._report([Outcome("web", 0)], no_skips=False) == 1
    assert "no test ran in: web" in capsys.readouterr().out

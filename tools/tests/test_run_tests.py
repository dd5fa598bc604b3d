# SPDX-License-Identifier: Apache-2.0
"""A suite that could not be run is not one that passed."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import run_tests
from tools.run_tests import Outcome


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> None:
    def passed(name: str, _marker: str = "", *, workers: int = 1, tests: Sequence[str] = ()) -> Outcome:
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


def test_a_suite_that_stands_still_is_ended_with_all_it_started_and_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command = ["sh", "-c", "echo it began; sleep 600 & echo $! >child; wait"]
    outcome = run_tests.run("slow", command, tmp_path, most_seconds=1)
    assert outcome.code == 1
    assert run_tests._report([outcome], no_skips=False) == 1
    shown = capsys.readouterr().out
    assert "more than 1 s: ended" in shown
    assert "it began" in shown
    assert_ends(int((tmp_path / "child").read_text()))


def test_what_a_suite_left_running_holds_nothing_up(tmp_path: Path) -> None:
    outcome = run_tests.run("quick", ["sh", "-c", "sleep 600 & echo $! >child"], tmp_path)
    assert outcome.code == 0
    assert_ends(int((tmp_path / "child").read_text()))


def test_whoever_ends_the_run_ends_its_suites(tmp_path: Path) -> None:
    suite = ["sh", "-c", "sleep 600 & echo $! >child.new; mv child.new child; wait"]
    ended_while_it_ran(f"run_tests.run('slow', {suite}, Path.cwd())", tmp_path, until={"child"})
    assert_ends(int((tmp_path / "child").read_text()))


def test_whoever_ends_the_run_has_no_suite_begun_behind_it(tmp_path: Path) -> None:
    program = (
        "slow = lambda name, *_, **__: run_tests.run(name, ['sh', '-c', f'touch {name}; sleep 600'], Path.cwd()); "
        "run_tests.rust = lambda: slow('rust'); run_tests.web = lambda: slow('web'); run_tests.python = slow; run_tests.everything()"
    )
    ended_while_it_ran(program, tmp_path, until={"rust", "python"})
    assert {one.name for one in tmp_path.iterdir()} == {"rust", "python"}


def ended_while_it_ran(program: str, folder: Path, *, until: set[str]) -> None:
    """Runs a program in `folder`, with what `main` does about signals, and ends it once it has made these files."""
    begin = "import signal; from pathlib import Path; from tools import run_tests; signal.signal(signal.SIGTERM, run_tests._end_all); "
    environment = os.environ | {"PYTHONPATH": str(run_tests.ROOT)}
    with subprocess.Popen([sys.executable, "-c", begin + program], cwd=folder, env=environment) as running:
        while not until <= {one.name for one in folder.iterdir()}:
            assert running.poll() is None
            time.sleep(0.05)
        running.terminate()
        assert running.wait(30) == 143


def assert_ends(process: int) -> None:
    """Nobody waits for a child whose parent has ended but the machine's first process, which takes its time."""
    limit = time.monotonic() + 10
    while (status := Path(f"/proc/{process}/status")).exists() and "State:\tZ" not in status.read_text():
        assert time.monotonic() < limit
        time.sleep(0.05)


LATE = "tests.browser.test_x.test_sees[a.b]: AssertionError: never came true: alice sees bob; last answer None\nmore"
WRONG = "tests.browser.test_x.test_never: AssertionError: assert 1 == 0\nnever came true: "


def ran(monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome) -> list[Sequence[str]]:
    """Suites end so, one after the other; which tests were asked for each time."""
    left, asked = list(outcomes), []

    def python(_name: str, _marker: str, *, workers: int, tests: Sequence[str] = ()) -> Outcome:
        assert workers == 1
        asked.append(tests)
        return left.pop(0)

    monkeypatch.setattr(run_tests, "python", python)
    return asked


def test_what_only_did_not_come_in_time_is_run_once_more_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ran(monkeypatch, Outcome("browsers", 1, 58, [LATE]), Outcome("late", 0, 1))
    found = run_tests.browsers()
    assert (found.code, found.passed, found.failed) == (0, 59, [])
    assert asked == [(), ["tests/browser/test_x.py::test_sees[a.b]"]]
    assert "late in browsers: tests/browser/test_x.py::test_sees[a.b]" in capsys.readouterr().out


@pytest.mark.parametrize("failed", [[WRONG], [LATE, WRONG], [LATE, LATE, LATE]])
def test_whatever_else_failed_has_failed(monkeypatch: pytest.MonkeyPatch, failed: list[str]) -> None:
    asked = ran(monkeypatch, Outcome("browsers", 1, 50, failed))
    assert run_tests.browsers().failed == failed
    assert len(asked) == 1


@pytest.mark.parametrize(
    "again", [Outcome("late", 1, 0, [LATE]), Outcome("late", 0, 0), Outcome("late", 3, 1)]
)
def test_what_is_late_twice_or_not_run_has_failed(monkeypatch: pytest.MonkeyPatch, again: Outcome) -> None:
    ran(monkeypatch, Outcome("browsers", 1, 58, [LATE]), again)
    found = run_tests.browsers()
    assert (found.code, found.failed) == (1, [LATE])
